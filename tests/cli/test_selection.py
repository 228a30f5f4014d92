"""`--frames`, `--region` and `--reduce`: parts of what is restored as a whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset

from radcodec.codec.area import reduced
from tests.cli.processes import needs_models
from tests.cli.running import done, invoke, sample

pytestmark = needs_models


def _png(path: Path) -> NDArray[np.int32]:
    return np.asarray(Image.open(path)).astype(np.int32)


def _group(number: int) -> Dataset:
    """Return what is said of a frame alone."""
    position, group = Dataset(), Dataset()
    position.ImagePositionPatient = [0, 0, 5 * number]
    group.PlanePositionSequence = [position]
    return group


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of a lossy .rcz file of 10 frames, whole.dcm beside it."""
    path = tmp_path_factory.mktemp("series") / "mr.rcz"
    source = path.with_suffix(".dcm")
    image = pydicom.dcmread(sample("emri_small.dcm"))
    # This file of pydicom's has lost what it says of each frame.
    image.PerFrameFunctionalGroupsSequence = [_group(number) for number in range(10)]
    image.save_as(source)
    done("compress", source, "--quality", "60")
    done("decompress", path, "-o", path.with_name("whole.dcm"))
    return path


@pytest.fixture(scope="module", params=["networks", "predicted"])
def slice_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of an .rcz file of 128 x 128 pixels, whole.png beside it."""
    words = {"networks": ["--quality", "60"], "predicted": ["--max-error", "2"]}[request.param]
    path = tmp_path_factory.mktemp("slice") / "ct.rcz"
    ran = done("compress", sample("CT_small.dcm"), "-o", path, *words)
    assert ("predicted" in ran.stderr) == (request.param == "predicted")
    done("decompress", path, "--raw", "-o", path.with_name("whole.png"))
    return path


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("3", [3]),
        ("3,7-9", [3, 7, 8, 9]),
        ("9,2-3,3", [2, 3, 9]),
        ("1-10", list(range(1, 11))),
        (" 10 - 10 ", [10]),
    ],
)
def test_frames_as_dicom(series: Path, tmp_path: Path, words: str, wanted: list[int]) -> None:
    done("decompress", series, "--frames", words, "-o", tmp_path / "part.dcm")
    part, whole = (
        pydicom.dcmread(path) for path in (tmp_path / "part.dcm", series.with_name("whole.dcm"))
    )
    chosen = [number - 1 for number in wanted]
    assert part.NumberOfFrames == len(wanted)
    pixels = part.pixel_array.reshape(len(wanted), 64, 64)
    assert np.array_equal(pixels, whole.pixel_array[chosen])
    groups = part.PerFrameFunctionalGroupsSequence
    assert [item.PlanePositionSequence for item in groups] == [
        whole.PerFrameFunctionalGroupsSequence[index].PlanePositionSequence for index in chosen
    ]
    assert (part.SOPInstanceUID == whole.SOPInstanceUID) == (len(wanted) == 10)


def test_frames_as_png(series: Path, tmp_path: Path) -> None:
    words = ("--frames", "3,7-9", "--raw", "-o", tmp_path / "scan.png")
    done("decompress", series, *words)
    whole = pydicom.dcmread(series.with_name("whole.dcm")).pixel_array
    names = [f"scan.{number:04d}.png" for number in (3, 7, 8, 9)]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    for name, number in zip(names, (3, 7, 8, 9), strict=True):
        assert np.array_equal(_png(tmp_path / name), whole[number - 1])


def test_a_single_frame_to_standard_output(series: Path, tmp_path: Path) -> None:
    ran = done("decompress", series, "--frames", "4", "--raw", "-c")
    (tmp_path / "four.png").write_bytes(ran.stdout_bytes)
    whole = pydicom.dcmread(series.with_name("whole.dcm")).pixel_array
    assert np.array_equal(_png(tmp_path / "four.png"), whole[3])
    refused = invoke("decompress", series, "--frames", "4,5", "--raw", "-c")
    assert refused.exit_code == 2 and "--frames" in refused.stderr and refused.stdout == ""


@pytest.mark.parametrize(
    "words",
    [
        ["--frames", "0"],
        ["--frames", "11"],
        ["--frames", "5-11"],
        ["--frames", "5-3"],
        ["--frames", ""],
        ["--frames", "1,"],
        ["--frames", "a"],
        ["--frames", "-2"],
        ["--frames", "1.5"],
        ["--frames", "99999999999999999999"],
        ["--region", "0,0,65,64"],
        ["--region", "0,0,64,65"],
        ["--region", "5,0,5,9"],
        ["--region", "9,0,5,9"],
        ["--region", "0,9,5,9"],
        ["--region", "64,64,70,70"],
        ["--region", "-1,0,5,5"],
        ["--region", "0,0,5"],
        ["--region", "0,0,5,5,5"],
        ["--region", "a,b,c,d"],
        ["--region", ""],
        ["--reduce", "0"],
        ["--reduce", "3"],
        ["--reduce", "16"],
        ["--reduce", "two"],
        ["--region", "0,0,9,9", "--to", "dcm"],
        ["--reduce", "2", "--to", "dcm"],
        ["--raw", "--to", "dcm"],
        ["--transfer-syntax", "jpeg"],
    ],
)
def test_what_cannot_be_selected(series: Path, tmp_path: Path, words: list[str]) -> None:
    ran = invoke("decompress", series, *words, "-o", tmp_path / "part")
    assert ran.exit_code == 2, ran.output
    assert ran.stderr.strip() and "Traceback" not in ran.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", [["--frames", "1-2"], ["--region", "0,0,9,9"], ["--reduce", "2"]])
def test_nothing_is_deleted_of_which_a_part_is_restored(
    series: Path, tmp_path: Path, words: list[str]
) -> None:
    ran = invoke("decompress", series, "--rm", *words, "-o", tmp_path)
    assert ran.exit_code == 2
    assert "--rm would lose" in ran.stderr
    assert series.exists() and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("left", "top", "right", "bottom"),
    [(0, 0, 128, 128), (10, 20, 50, 90), (127, 127, 128, 128), (0, 64, 128, 65), (3, 1, 100, 7)],
)
def test_a_region_is_that_part_of_the_whole(
    slice_file: Path, tmp_path: Path, left: int, top: int, right: int, bottom: int
) -> None:
    region = f"{left},{top},{right},{bottom}"
    ran = done("decompress", slice_file, "--raw", "--region", region, "-o", tmp_path / "part.png")
    assert f"{right - left} x {bottom - top}" in ran.stderr
    whole = _png(slice_file.with_name("whole.png"))
    assert np.array_equal(_png(tmp_path / "part.png"), whole[top:bottom, left:right])


def test_a_region_of_frames(series: Path, tmp_path: Path) -> None:
    words = ("--raw", "--region", "8,16,40,64", "--frames", "2,5")
    done("decompress", series, *words, "-o", tmp_path / "part.png")
    whole = pydicom.dcmread(series.with_name("whole.dcm")).pixel_array
    for number in (2, 5):
        found = _png(tmp_path / f"part.{number:04d}.png")
        assert np.array_equal(found, whole[number - 1, 16:64, 8:40])


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_reduced_images(slice_file: Path, tmp_path: Path, factor: int) -> None:
    path = tmp_path / "small.png"
    done("decompress", slice_file, "--raw", "--reduce", str(factor), "-o", path)
    small = _png(path)
    assert small.shape == (128 // factor, 128 // factor)
    # A first glance, without refinement: near the means of the whole, not equal to them.
    means = reduced(_png(slice_file.with_name("whole.png")), factor)
    # The first layer alone is coarse where files are large.
    assert np.abs(small - means).mean() < 0.05 * np.ptp(means)
    part = tmp_path / "part.png"
    words = ("--raw", "--reduce", str(factor), "--region", "32,64,96,128")
    done("decompress", slice_file, *words, "-o", part)
    rows, columns = slice(64 // factor, 128 // factor), slice(32 // factor, 96 // factor)
    assert np.array_equal(_png(part), small[rows, columns])


def test_a_region_is_decoded_where_the_rest_is_damaged(tmp_path: Path) -> None:
    """Only the frames that are asked for are looked at."""
    path = tmp_path / "mr.rcz"
    done("compress", sample("emri_small.dcm"), "-o", path, "--max-error", "0")
    whole = done("decompress", path, "--raw", "--frames", "2", "-c").stdout_bytes
    data = bytearray(path.read_bytes())
    # The pixels of the last frames fill the end, before what was measured.
    data[-2000] ^= 1
    path.write_bytes(data)
    assert invoke("decompress", path, "--raw").exit_code == 4
    assert done("decompress", path, "--raw", "--frames", "2", "-c").stdout_bytes == whole
