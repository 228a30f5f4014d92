"""The demonstration, over a codec that needs no models."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radcodec import demo
from radcodec.reading import read_image


@pytest.mark.usefixtures("plain_codec")
def test_results_are_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The codec of the fixture claims an error, which the demonstration would find false.
    monkeypatch.setattr(demo, "max_error", lambda *_: 3.0)
    assert demo.main(["--output", str(tmp_path), "--ratio", "20", "CT_small.dcm"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        "table.json",
        "CT_small-ratio-20.rcz",
        "CT_small-ratio-20.dcm",
        "CT_small-ratio-20-original.png",
        "CT_small-ratio-20-restored.png",
        "CT_small-ratio-20-difference.png",
    }
    (row,) = json.loads((tmp_path / "table.json").read_text())
    assert row["original_bytes"] == 128 * 128 * 2
    assert row["rcz_bytes"] == (tmp_path / "CT_small-ratio-20.rcz").stat().st_size
    assert row["psnr"] is None
    assert row["ssim"] == pytest.approx(1.0)
    printed = capsys.readouterr().out
    assert "CT_small.dcm" in printed
    assert "no loss" in printed


@pytest.mark.usefixtures("plain_codec")
def test_failures_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.main(["--output", str(tmp_path), "no-such-file.dcm"]) == 1
    assert capsys.readouterr().err.count("is not installed") == len(demo.RATIOS)


def test_difference_is_grey_where_there_is_none() -> None:
    original = np.zeros((1, 4), dtype=np.int32)
    original[0, 3] = 1000
    restored = original + np.array([[0, 20, -20, 400]], dtype=np.int32)
    image = np.asarray(Image.open(BytesIO(demo.difference_png(original, restored))))
    assert image.tolist() == [[128, 255, 1, 255]]


@pytest.mark.parametrize("name", demo.FILES)
def test_sources_were_never_compressed_lossily(name: str) -> None:
    pytest.importorskip("data_store", reason="needs pydicom-data")
    import pydicom

    path = demo.find_image(name)
    source = pydicom.dcmread(path, stop_before_pixels=True)
    assert source.get("LossyImageCompression", "00") == "00"
    assert "lossy" not in source.file_meta.TransferSyntaxUID.name.lower()


def test_all_three_modalities_are_shown() -> None:
    pytest.importorskip("data_store", reason="needs pydicom-data")
    shown = {read_image(demo.find_image(name)).modality for name in demo.FILES}
    assert shown == {"ct", "mr", "xr"}
