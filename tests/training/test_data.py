"""Training images, and the folders that they come from."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.data import get_testdata_file

from radcodec.training.data import licences, load, prepare, read_index


def _noise(rows: int, columns: int, seed: int = 0) -> NDArray[np.int32]:
    return np.random.default_rng(seed).integers(0, 4096, (rows, columns), dtype=np.int32)


def test_prepare_keeps_the_background_apart() -> None:
    stored = _noise(40, 50) + 100
    stored[:, :20] = -2000
    sample = prepare("a.dcm", "ct", stored)
    assert sample.unit.dtype == np.uint16 and sample.unit.shape == stored.shape
    assert sample.mask is not None
    np.testing.assert_array_equal(sample.mask, stored == -2000)
    seen = stored[:, 20:]
    assert sample.step == pytest.approx(1 / (int(seen.max()) - int(seen.min())))
    assert sample.unit[:, 20:].min() == 0 and sample.unit[:, 20:].max() == 65535
    inverted = prepare("a.dcm", "xr", _noise(9, 9), inverted=True)
    upright = prepare("a.dcm", "xr", _noise(9, 9))
    # Mirrored, up to the rounding of halves.
    np.testing.assert_allclose(inverted.unit, 65535.0 - upright.unit, atol=1)


def test_any_folder_loads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = get_testdata_file("CT_small.dcm", download=False)
    assert isinstance(found, str)
    (tmp_path / "below").mkdir()
    shutil.copy(found, tmp_path / "below" / "ct.dcm")
    Image.fromarray(_noise(20, 30).astype(np.uint16)).save(tmp_path / "film.png")
    (tmp_path / "notes.txt").write_text("no image")
    samples = load(tmp_path, "train", "xr")
    assert {(s.name, s.modality, s.unit.shape) for s in samples} == {
        ("ct.dcm", "ct", (128, 128)),
        ("film.png", "xr", (20, 30)),
    }
    assert "notes.txt" in capsys.readouterr().out
    assert [s.name for s in load(tmp_path, "val")] == ["ct.dcm"]
    with pytest.raises(ValueError, match="no usable image"):
        load(tmp_path / "nowhere", "train")


def test_indexed_folder_loads(tmp_path: Path) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    values = _noise(24, 20)
    (tmp_path / "a.jxl").write_bytes(
        imagecodecs.jpegxl_encode(values.astype(np.uint16), lossless=True)
    )
    (tmp_path / "index.csv").write_text(
        "file,split,modality,offset,source,licence\n"
        "a.jxl,train,CT,-1024,somewhere,CC0\n"
        "b.jxl,val,MR,0,elsewhere,CC BY 4.0\n"
    )
    (row,) = read_index(tmp_path, "train")
    assert row.modality == "ct"
    np.testing.assert_array_equal(row.stored(), values - 1024)
    (sample,) = load(tmp_path, "train")
    np.testing.assert_array_equal(sample.unit, prepare("a", "ct", values).unit)
    assert licences(tmp_path, "val") == {"elsewhere: CC BY 4.0": 1}
    with pytest.raises(ValueError, match="no usable image"):
        load(tmp_path, "test")
