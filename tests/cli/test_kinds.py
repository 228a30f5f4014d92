"""Colour, palettes, several frames and overlays: there and back, as DICOM and as PNG."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.pixels.processing import apply_color_lut
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID, JPEG2000Lossless, JPEGLSLossless, RLELossless

from tests.cli.processes import needs_models
from tests.cli.running import done, facts, sample

pytestmark = needs_models

_SYNTAXES = {
    "jpeg2000-lossless": JPEG2000Lossless,
    "jpegls-lossless": JPEGLSLossless,
    "rle": RLELossless,
}


def _copy(name: str, folder: Path) -> Path:
    return Path(shutil.copy(sample(name), folder / "image.dcm"))


def _pixels(path: Path) -> NDArray[np.int64]:
    """Pixels of a DICOM file as they are stored, not converted to RGB."""
    found = pixel_array(path, raw=True)
    return np.asarray(found, dtype=np.int64)


def _there_and_back(source: Path, *words: str) -> Path:
    """Compress to and restore from an .rcz file beside the source; return what is restored."""
    done("compress", source, *words)
    back = source.with_name("back.dcm")
    done("decompress", source.with_suffix(".rcz"), "-o", back)
    done("test", source.with_suffix(".rcz"))
    return back


@pytest.mark.parametrize(
    ("name", "colour"),
    [
        ("examples_rgb_color.dcm", "rgb"),
        ("SC_rgb_rle_2frame.dcm", "rgb"),
        ("SC_rgb_rle_16bit_2frame.dcm", "rgb"),
        ("SC_rgb_rle.dcm", "rgb"),
        ("SC_ybr_full_422_uncompressed.dcm", "ybr"),
        ("examples_palette.dcm", "palette"),
        ("OBXXXX1A.dcm", "palette"),
        ("emri_small.dcm", "grey"),
    ],
)
def test_no_loss_of_any_kind_of_image(tmp_path: Path, name: str, colour: str) -> None:
    source = _copy(name, tmp_path)
    back = _there_and_back(source, "--max-error", "0")
    assert facts(tmp_path / "image.rcz")["header"]["colour"] == colour
    original, restored = pydicom.dcmread(source), pydicom.dcmread(back)
    if colour == "ybr":
        # Halved chrominance comes back in full.
        assert restored.PhotometricInterpretation == "YBR_FULL"
        found, wanted = restored.pixel_array, original.pixel_array
        assert np.array_equal(found, wanted)
    else:
        assert restored.PhotometricInterpretation == original.PhotometricInterpretation
        assert np.array_equal(_pixels(back), _pixels(source))
    assert restored.SOPInstanceUID == original.SOPInstanceUID
    assert restored.get("NumberOfFrames") == original.get("NumberOfFrames")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("examples_rgb_color.dcm", ["--quality", "50"]),
        ("examples_rgb_color.dcm", ["--max-error", "20"]),
        ("emri_small.dcm", ["--quality", "50"]),
        ("emri_small.dcm", ["--max-error", "3"]),
        ("emri_small.dcm", ["--ratio", "9"]),
    ],
)
def test_what_is_lost_is_what_is_recorded(tmp_path: Path, name: str, words: list[str]) -> None:
    source = _copy(name, tmp_path)
    back = _there_and_back(source, *words)
    found = facts(tmp_path / "image.rcz")
    wrong = np.abs(_pixels(back) - _pixels(source))
    assert wrong.max() == found["quality"]["max_error"] > 0
    if words[0] == "--max-error":
        assert wrong.max() <= int(words[1])
    if words[0] == "--ratio":
        assert found["ratio"] == pytest.approx(9, rel=0.06)
    restored = pydicom.dcmread(back)
    assert restored.LossyImageCompression == "01"
    assert restored.SOPInstanceUID != pydicom.dcmread(source).SOPInstanceUID


@pytest.mark.parametrize("name", ["examples_palette.dcm", "OBXXXX1A.dcm"])
def test_indices_of_a_palette_are_exact_without_being_asked_for(tmp_path: Path, name: str) -> None:
    source = _copy(name, tmp_path)
    ran = done("compress", source)
    assert "no loss" in ran.stderr
    done("decompress", tmp_path / "image.rcz", "--to", "png")
    shown = np.asarray(Image.open(tmp_path / "image.png"))
    original = pydicom.dcmread(source)
    wanted = apply_color_lut(original.pixel_array, original)[..., :3]
    wanted = wanted >> 8 if wanted.dtype.itemsize > 1 else wanted
    assert np.array_equal(shown, wanted)
    done("decompress", tmp_path / "image.rcz", "--raw", "-f")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "image.png")), original.pixel_array)


def test_colour_as_png(tmp_path: Path) -> None:
    source = _copy("examples_rgb_color.dcm", tmp_path)
    done("compress", source, "--max-error", "0")
    done("decompress", tmp_path / "image.rcz", "--to", "png")
    found = np.asarray(Image.open(tmp_path / "image.png"))
    assert np.array_equal(found, pydicom.dcmread(source).pixel_array)


def test_frames_as_png(tmp_path: Path) -> None:
    source = _copy("emri_small.dcm", tmp_path)
    done("compress", source, "--max-error", "0")
    ran = done("decompress", tmp_path / "image.rcz", "--raw", "-o", tmp_path / "scan.png")
    names = [f"scan.{number:04d}.png" for number in range(1, 11)]
    assert sorted(path.name for path in tmp_path.glob("*.png")) == names
    assert [line.split(": ")[0].split(" -> ")[1] for line in ran.stderr.splitlines()] == [
        str(tmp_path / name) for name in names
    ]
    found = np.stack([np.asarray(Image.open(tmp_path / name)) for name in names])
    assert np.array_equal(found, pydicom.dcmread(source).pixel_array)


def test_frames_of_colour_as_png(tmp_path: Path) -> None:
    source = _copy("SC_rgb_rle_2frame.dcm", tmp_path)
    done("compress", source, "--max-error", "0")
    done("decompress", tmp_path / "image.rcz", "--to", "png")
    found = [np.asarray(Image.open(tmp_path / f"image.000{n}.png")) for n in (1, 2)]
    assert np.array_equal(np.stack(found), pydicom.dcmread(source).pixel_array)


@pytest.mark.parametrize("syntax", list(_SYNTAXES))
@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "examples_rgb_color.dcm", "emri_small.dcm", "OBXXXX1A.dcm"]
)
def test_every_transfer_syntax_holds_the_same_pixels(
    tmp_path: Path, name: str, syntax: str
) -> None:
    source = _copy(name, tmp_path)
    back = _there_and_back(source, "--max-error", "2")
    other = tmp_path / "other.dcm"
    words = ["--transfer-syntax", syntax, "-o", str(other)]
    done("decompress", tmp_path / "image.rcz", *words)
    explicit, coded = pydicom.dcmread(back), pydicom.dcmread(other)
    assert UID(coded.file_meta.TransferSyntaxUID) == _SYNTAXES[syntax]
    assert coded.SOPInstanceUID == explicit.SOPInstanceUID
    assert np.array_equal(coded.pixel_array, explicit.pixel_array)


def test_keep_uid(dicom: Path, tmp_path: Path) -> None:
    done("compress", dicom, "--max-error", "3")
    done("decompress", tmp_path / "ct.rcz", "-o", tmp_path / "new.dcm")
    done("decompress", tmp_path / "ct.rcz", "-o", tmp_path / "kept.dcm", "--keep-uid")
    original, new, kept = (
        pydicom.dcmread(path) for path in (dicom, tmp_path / "new.dcm", tmp_path / "kept.dcm")
    )
    assert kept.SOPInstanceUID == original.SOPInstanceUID != new.SOPInstanceUID
    assert kept.file_meta.MediaStorageSOPInstanceUID == original.SOPInstanceUID
    # It is flagged as lossy all the same.
    assert kept.LossyImageCompression == new.LossyImageCompression == "01"
    assert np.array_equal(kept.pixel_array, new.pixel_array)


@pytest.mark.parametrize("words", [["--max-error", "0"], ["--quality", "60"]])
def test_overlays_in_unused_bits_survive(tmp_path: Path, words: list[str]) -> None:
    source = tmp_path / "image.dcm"
    image = pydicom.dcmread(sample("MR_small.dcm"))
    stored = image.pixel_array.astype(np.uint16) & 0x0FFF
    overlay = np.zeros_like(stored)
    overlay[10:20, 5:50] = 1
    image.BitsStored, image.HighBit, image.PixelRepresentation = 12, 11, 0
    image.add_new(0x60000010, "US", stored.shape[0])
    image.add_new(0x60000011, "US", stored.shape[1])
    image.add_new(0x60000040, "CS", "G")
    image.add_new(0x60000050, "SS", [1, 1])
    image.add_new(0x60000100, "US", 16)
    image.add_new(0x60000102, "US", 14)
    image.PixelData = (stored | overlay << 14).tobytes()
    for keyword in ("SmallestImagePixelValue", "LargestImagePixelValue", "PixelPaddingValue"):
        if keyword in image:
            del image[keyword]
    image.save_as(source)
    back = pydicom.dcmread(_there_and_back(source, *words))
    assert facts(tmp_path / "image.rcz")["first_plane"]["unused_bits"] == [14]
    assert "unused bits" in done("info", tmp_path / "image.rcz").stdout
    words_back = np.frombuffer(back.PixelData, "<u2").reshape(overlay.shape)
    assert np.array_equal(words_back >> 12, overlay << 2)
    wrong = np.abs(back.pixel_array.astype(int) - stored)
    assert (wrong.max() == 0) == (words[0] == "--max-error")
