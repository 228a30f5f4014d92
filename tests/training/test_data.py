"""Patches drawn from images, and the folders that images come from."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.data import get_testdata_file

from radcodec.training.data import (
    MODALITIES,
    PatchSource,
    Sample,
    licences,
    load,
    prepare,
    read_index,
)

EVEN = dict.fromkeys(MODALITIES, 1.0)


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


@pytest.mark.parametrize("side", [5, 16, 64])
def test_batches_have_their_shape_and_range(side: int) -> None:
    source = PatchSource([prepare("a", "ct", _noise(side, side + 3))], 16, EVEN, seed=1)
    images, weights, modalities = source.batch(20)
    assert images.shape == weights.shape == (20, 1, 16, 16)
    assert images.dtype == weights.dtype == np.float32
    assert images.min() >= 0 and images.max() <= 1
    assert set(np.unique(weights)) <= {0.0, 1.0}
    # Where an image is smaller than a patch, what was added does not count.
    covered = min(side, 16) * min(side + 3, 16) / 256
    assert weights.mean() == pytest.approx(covered)
    assert modalities.dtype == np.int64
    assert set(modalities) == {MODALITIES.index("ct")}


def test_background_counts_for_nothing() -> None:
    half = np.zeros((32, 32), bool)
    half[:, :16] = True
    unit = np.full((32, 32), 40000, np.uint16)
    source = PatchSource([Sample("a", "mr", unit, half, 1 / 4095)], 32, EVEN, seed=2)
    _, weights, _ = source.batch(8)
    assert np.all(weights.mean(axis=(1, 2, 3)) == 0.5)
    # Turned and mirrored, but still one straight edge.
    for patch in weights[:, 0]:
        assert np.ptp(patch, axis=0).max() == 0 or np.ptp(patch, axis=1).max() == 0


def test_same_seed_same_patches_and_weights_are_kept() -> None:
    samples = [prepare(m, m, _noise(24, 24, n)) for n, m in enumerate(("xr", "ct", "mr"))]
    weights = {"xr": 3.0, "ct": 1.0, "mg": 5.0}
    one, two = (PatchSource(samples, 8, weights, seed=3).batch(200) for _ in range(2))
    for first, second in zip(one, two, strict=True):
        np.testing.assert_array_equal(first, second)
    counts = np.bincount(one[2], minlength=4)
    # No mammogram is there, and magnetic resonance has no weight.
    assert counts[MODALITIES.index("mg")] == counts[MODALITIES.index("mr")] == 0
    assert 120 <= counts[MODALITIES.index("xr")] <= 180
    with pytest.raises(ValueError, match="modality"):
        PatchSource(samples, 8, {"mg": 1.0}, seed=3)


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
