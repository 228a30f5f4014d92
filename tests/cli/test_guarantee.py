"""`--max-error` and `--memory-limit`: what is promised beforehand."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from radcodec.cli.options import ByteCount
from tests.cli.processes import needs_models
from tests.cli.running import done, facts, invoke, sample

pytestmark = needs_models


def test_no_loss_at_all(dicom: Path, tmp_path: Path) -> None:
    ran = done("compress", dicom, "--max-error", "0")
    assert "no loss, max error 0" in ran.stderr
    text = done("info", tmp_path / "ct.rcz").stdout
    assert "no stored value is off by more than 0" in text and "no loss" in text
    done("decompress", tmp_path / "ct.rcz", "-o", tmp_path / "back.dcm")
    back, original = pydicom.dcmread(tmp_path / "back.dcm"), pydicom.dcmread(dicom)
    assert np.array_equal(back.pixel_array, original.pixel_array)
    assert back.SOPInstanceUID == original.SOPInstanceUID
    assert back.ImageType == original.ImageType
    assert "LossyImageCompression" not in back and "DerivationDescription" not in back


@pytest.mark.parametrize("bound", [1, 3, 20])
def test_a_bound_is_kept(dicom: Path, tmp_path: Path, bound: int) -> None:
    done("compress", dicom, "--max-error", str(bound))
    found = facts(tmp_path / "ct.rcz")
    assert found["header"]["max_error"] == bound
    assert 0 < found["quality"]["max_error"] <= bound
    text = done("info", tmp_path / "ct.rcz").stdout
    assert f"no stored value is off by more than {bound}" in text
    done("decompress", tmp_path / "ct.rcz", "-o", tmp_path / "back.dcm")
    back, original = pydicom.dcmread(tmp_path / "back.dcm"), pydicom.dcmread(dicom)
    wrong = np.abs(back.pixel_array.astype(int) - original.pixel_array)
    assert wrong.max() == found["quality"]["max_error"]
    assert back.LossyImageCompression == "01"


def test_a_wider_bound_takes_fewer_bytes(dicom: Path, tmp_path: Path) -> None:
    sizes = []
    for bound in (0, 1, 3, 20):
        done("compress", dicom, "--max-error", str(bound), "-f")
        sizes.append((tmp_path / "ct.rcz").stat().st_size)
    assert sizes == sorted(sizes, reverse=True) and len(set(sizes)) == 4


def test_no_bound_no_guarantee(dicom: Path, tmp_path: Path) -> None:
    done("compress", dicom, "--quality", "60")
    assert "off by more than" not in done("info", tmp_path / "ct.rcz").stdout
    assert facts(tmp_path / "ct.rcz")["header"]["max_error"] is None


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512K", 512 * 2**10),
        ("512KB", 512 * 2**10),
        ("512kib", 512 * 2**10),
        ("1.5GiB", 3 * 2**29),
        ("700 MiB", 700 * 2**20),
        ("2T", 2**41),
        ("12345", 12345),
        ("12345B", 12345),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert ByteCount().convert(text, None, None) == size


@pytest.mark.parametrize("command", ["compress", "decompress", "info", "test"])
@pytest.mark.parametrize("text", ["much", "", "-1G", "1,5G", "5X", "GiB", "0", "0.2", "1e9", "nan"])
def test_what_is_no_size(tmp_path: Path, command: str, text: str) -> None:
    ran = invoke(command, tmp_path / "any", "--memory-limit", text)
    assert ran.exit_code == 2
    assert "--memory-limit" in ran.stderr and "Traceback" not in ran.stderr


def _large_png(path: Path, side: int = 3000) -> None:
    """Write a black PNG, which takes few bytes, in pieces."""
    start = struct.pack(">IIBBBBB", side, side, 16, 0, 0, 0, 0)
    lines = zlib.compress(bytes(side * (1 + 2 * side)))
    chunks = ((b"IHDR", start), (b"IDAT", lines), (b"IEND", b""))
    data = b"\x89PNG\r\n\x1a\n"
    for kind, content in chunks:
        checksum = zlib.crc32(kind + content)
        data += struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
    path.write_bytes(data)


@pytest.mark.parametrize("limit", ["100M", "1GiB"])
def test_a_large_image_is_refused(tmp_path: Path, limit: str) -> None:
    source = tmp_path / "large.png"
    _large_png(source)
    ran = invoke("compress", source, "--memory-limit", limit)
    assert ran.exit_code == 5, ran.output
    assert "--memory-limit" in ran.stderr and str(source) in ran.stderr
    assert "3000 x 3000" in ran.stderr
    assert list(tmp_path.iterdir()) == [source]


def test_a_large_file_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "large.png"
    _large_png(source, 2000)
    done("compress", source, "--max-error", "0")
    source.unlink()
    path = tmp_path / "large.rcz"
    for command in ("decompress", "test"):
        ran = invoke(command, path, "--memory-limit", "100M")
        assert ran.exit_code == 5, ran.output
        assert "--memory-limit" in ran.stderr and str(path) in ran.stderr
        assert list(tmp_path.iterdir()) == [path]
    # The message tells the truth of how much is enough.
    enough = ran.stderr.split("--memory-limit ")[1].split()[0]
    done("decompress", path, "--memory-limit", enough)
    assert not np.asarray(Image.open(source)).any()


def test_the_limit_goes_along_to_other_processes(tmp_path: Path) -> None:
    sources = [tmp_path / "a.png", tmp_path / "b.png"]
    for source in sources:
        _large_png(source, 1000)
    ran = invoke("compress", *sources, "-T2", "--memory-limit", "100M")
    assert ran.exit_code == 1
    assert ran.stderr.count("(exit code 5)") == 2
    assert sorted(tmp_path.iterdir()) == sources


def test_doses_are_refused() -> None:
    ran = invoke("compress", sample("rtdose.dcm"), "-c")
    assert ran.exit_code == 3
    assert "doses" in ran.stderr and ran.stdout == ""
