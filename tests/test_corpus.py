"""``benchmarks/corpus.py`` over a few small files, one of them refused and some broken."""

from __future__ import annotations

import json
import multiprocessing
import shutil
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydicom import FileDataset
from pydicom.uid import UID

from benchmarks.corpus import find_files, main, reason_of
from benchmarks.fidelity import (
    DifferenceError,
    check_identity,
    compare_elements,
    compare_pixels,
    read,
)
from radcodec.network.store import default_root
from tests.reading.samples import real

#: Grey, colour, and one without file meta information.
TAKEN = ["MR_small_RLE.dcm", "SC_rgb_jpeg_dcmtk.dcm", "bare.dcm"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with small files, one of doses, one cut short, and one that is no image."""
    inside = tmp_path / "files"
    inside.mkdir()
    for name in [*TAKEN[:2], "rtdose_1frame.dcm"]:
        (inside / name).write_bytes(real(name))
    whole = real("MR_small.dcm")
    meta = 144 + int.from_bytes(whole[140:144], "little")
    (inside / "bare.dcm").write_bytes(whole[meta:])
    (inside / "cut.dcm").write_bytes(whole[:5000])
    (inside / "notes.txt").write_text("no image")
    return inside


def test_files_there_and_back(folder: Path, tmp_path: Path) -> None:
    if not any(default_root().glob("d?/*/manifest.json")):
        pytest.skip("there are no models")
    report = tmp_path / "report.json"
    ran = CliRunner().invoke(main, [str(folder), "--json", str(report)])
    assert ran.exit_code == 0, ran.output
    results = {Path(one["path"]).name: one["results"] for one in json.loads(report.read_text())}
    for name in TAKEN:
        assert [one["outcome"] for one in results[name]] == ["succeeded"] * 2, name
    for name, words in (("rtdose_1frame.dcm", "holds doses"), ("cut.dcm", "truncated")):
        assert [one["outcome"] for one in results[name]] == ["refused"] * 2, name
        assert words in results[name][0]["message"]
    assert "5 files; 1 others are no images." in ran.stdout
    assert "| default | 5 | 3 | 2 | 0 | 0 |" in ran.stdout
    assert "| holds doses, no picture: RT Dose Storage | 1 |" in ran.stdout


def test_a_process_that_dies_is_a_failure_of_its_file(folder: Path) -> None:
    def kill_first() -> None:
        while not (children := multiprocessing.active_children()):
            time.sleep(0.01)
        children[0].kill()

    killer = threading.Thread(target=kill_first)
    killer.start()
    ran = CliRunner().invoke(main, [str(folder / "rtdose_1frame.dcm"), str(folder / "cut.dcm")])
    killer.join()
    assert ran.exit_code == 1, ran.output
    assert "| default | 2 | 0 | 1 | 1 | 0 |" in ran.stdout
    assert "| rtdose_1frame.dcm | default | check |" in ran.stdout


def test_bounds_leave_files_out(folder: Path) -> None:
    (folder / "cut.dcm").unlink()
    (folder / "rtdose_1frame.dcm").unlink()
    ran = CliRunner().invoke(main, [str(folder), "--max-pixels", "100"])
    assert ran.exit_code == 0, ran.output
    assert "| default | 3 | 0 | 0 | 0 | 3 |" in ran.stdout


def test_files_that_may_be_images_are_found_by_name_or_content(folder: Path) -> None:
    shutil.copy(folder / TAKEN[0], folder / "IM0001")
    files, others = find_files([folder, folder / "notes.txt"])
    assert folder / "IM0001" in files and folder / "cut.dcm" in files
    assert others == 1


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("pixel data truncated (6 of 8 bytes; 3 of 4 frames); get one", "pixel data truncated"),
        ("32 bits allocated; only 8 and 16", "N bits allocated"),
        ("JPEG 2000 pixel data cannot be decoded (x: a; (b) 3); go", "JPEG 2000 pixel data cannot be decoded"),
    ],
)  # fmt: skip
def test_reasons_are_grouped_without_numbers(message: str, reason: str) -> None:
    assert reason_of(message) == reason


def _pair(tmp_path: Path) -> tuple[FileDataset, FileDataset]:
    path = tmp_path / "a.dcm"
    path.write_bytes(real("MR_small.dcm"))
    return read(path), read(path)


def test_differences_are_found(tmp_path: Path) -> None:
    source, restored = _pair(tmp_path)
    assert compare_pixels(source, restored, 16) == 0
    compare_elements(source, restored, lossy=False)
    check_identity(source, restored, lossy=False)
    with pytest.raises(DifferenceError, match="should be another"):
        check_identity(source, restored, lossy=True)
    restored.SOPInstanceUID = restored.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3")
    with pytest.raises(DifferenceError, match="should be the same"):
        check_identity(source, restored, lossy=False)
    with pytest.raises(DifferenceError, match="not marked as lossy"):
        check_identity(source, restored, lossy=True)
    restored.PatientID = "another"
    with pytest.raises(DifferenceError, match=r"\(0010,0020\) differs"):
        compare_elements(source, restored, lossy=True)
    del restored.PatientID
    with pytest.raises(DifferenceError, match=r"\(0010,0020\) is gone"):
        compare_elements(source, restored, lossy=True)


def test_errors_and_other_unused_bits_are_found(tmp_path: Path) -> None:
    source, restored = _pair(tmp_path)
    pixels = bytearray(restored.PixelData)
    pixels[0] ^= 4
    restored.PixelData = bytes(pixels)
    assert compare_pixels(source, restored, 16) == 4
    for one in (source, restored):
        one.BitsStored, one.HighBit, one.PixelRepresentation = 12, 11, 0
    assert compare_pixels(source, restored, 12) == 4
    pixels[1] ^= 0x40
    restored.PixelData = bytes(pixels)
    with pytest.raises(DifferenceError, match="unused bits"):
        compare_pixels(source, restored, 12)
    restored.NumberOfFrames = 2
    restored.PixelData = source.PixelData * 2
    with pytest.raises(DifferenceError, match="number of frames"):
        compare_pixels(source, restored, 12)
