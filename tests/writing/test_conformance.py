"""What independent DICOM tools say of the files that are written.

dciodvfy of dicom3tools judges conformance, dcmdump of DCMTK parses, and gdcmraw or DCMTK give
the pixels.  Without a tool its tests are skipped.
"""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from benchmarks.validators import (
    COLOUR,
    DERIVED,
    Said,
    dciodvfy_errors,
    missing_tools,
    readable_by_dciodvfy,
    run_tool,
)
from radcodec.reading.image import Frame, Layout
from radcodec.writing.dicom import DicomOptions, LossyRecord, write_dicom

from .samples import real
from .sources import Source, from_bytes

Syntax = Literal["explicit", "jpeg2000-lossless", "jpegls-lossless", "rle"]
SYNTAXES: tuple[Syntax, ...] = ("explicit", "jpeg2000-lossless", "jpegls-lossless", "rle")
FILES = [
    "CT_small.dcm",  # grey, signed
    "MR_small.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_implicit.dcm",
    "MR_small_RLE.dcm",
    "MR-SIEMENS-DICOM-WithOverlays.dcm",  # private groups
    "RG1_J2KI.dcm",  # CR, lossy already
    "US1_UNCI.dcm",  # colour
    "examples_ybr_color.dcm",  # 30 frames of colour, subsampled
    "examples_palette.dcm",
    "OBXXXX1A_2frame.dcm",
    "SC_rgb_16bit.dcm",
    "SC_rgb_jpeg.dcm",  # implicit VR, against its transfer syntax
    "eCT_Supplemental.dcm",  # enhanced, 2 frames
    "emri_small.dcm",  # enhanced, 10 frames
    "image_dfl.dcm",  # deflated
]
ACCEPTED_IN = {
    "emri_small.dcm": (DERIVED,),
    "examples_ybr_color.dcm": COLOUR,
}


def write(
    source: Source, syntax: Syntax, *, lossy: bool, selected: list[int] | None = None
) -> bytes:
    """Write all or some frames of a source, changed a little if lossy."""
    frames = source.changed() if lossy else source.frames
    layout = source.layout
    if selected is not None:
        frames = [frames[index] for index in selected]
        layout = Layout(**{**vars(layout), "frames": len(frames)})
    target = io.BytesIO()
    write_dicom(
        target,
        iter(frames),
        layout=layout,
        dataset=source.dataset,
        record=LossyRecord(12.5, None if lossy else 0, identity=b"pixels"),
        options=DicomOptions(syntax),
        selected=selected,
    )
    return target.getvalue()


def run(*command: str | Path) -> Said:
    """Run a tool; skip the test where it is not installed."""
    _require(str(command[0]))
    return run_tool(*command)


def _require(tool: str) -> None:
    if tool in missing_tools():
        pytest.skip(f"{tool} is not installed")


def errors(path: Path) -> Counter[str]:
    """Return dciodvfy's error lines."""
    _require("dciodvfy")
    return dciodvfy_errors(path)


def errors_of_source(source: Source, path: Path) -> Counter[str]:
    """Return the error lines of the source; of a deflated one those of it inflated."""
    path.write_bytes(source.data)
    return errors(readable_by_dciodvfy(path, path.parent))


@pytest.mark.parametrize("name", FILES)
def test_no_error_that_the_source_has_not(name: str, tmp_path: Path) -> None:
    source = from_bytes(real(name))
    before = errors_of_source(source, tmp_path / "source.dcm")
    path = tmp_path / "written.dcm"
    for syntax in SYNTAXES:
        for lossy in (True, False):
            path.write_bytes(write(source, syntax, lossy=lossy))
            new = [
                line
                for line in errors(path) - before
                if not any(part in line for part in ACCEPTED_IN.get(name, ()))
            ]
            assert new == [], f"{syntax}, lossy {lossy}"


@pytest.mark.parametrize("name", FILES)
def test_dcmtk_parses_and_pydicom_gives_the_pixels(name: str, tmp_path: Path) -> None:
    source = from_bytes(real(name))
    expected = np.stack([frame.planes for frame in source.changed()])
    path = tmp_path / "written.dcm"
    for syntax in SYNTAXES:
        data = write(source, syntax, lossy=True)
        assert np.array_equal(from_bytes(data).stored, expected), syntax
        path.write_bytes(data)
        said = run("dcmdump", "+L", path)
        assert said.code == 0, said.lines


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small_bigendian.dcm", "emri_small.dcm"])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_gdcm_gives_the_same_words(name: str, syntax: Syntax, tmp_path: Path) -> None:
    source = from_bytes(real(name))
    path, plain, raw = (tmp_path / part for part in ("a.dcm", "plain.dcm", "raw"))
    path.write_bytes(write(source, syntax, lossy=True))
    said = run("gdcmconv", "--raw", path, plain)
    assert said.code == 0, said.lines
    said = run("gdcmraw", "-t", "7fe0,0010", plain, raw)
    assert said.code == 0, said.lines
    words = np.frombuffer(raw.read_bytes(), "<i2" if source.layout.signed else "<u2")
    expected = np.stack([frame.planes for frame in source.changed()]).ravel()
    assert np.array_equal(words[: expected.size], expected)


@pytest.mark.parametrize("syntax", ["explicit", "rle"])
def test_dcmtk_shows_the_same_colours(syntax: Syntax, tmp_path: Path) -> None:
    source = from_bytes(real("US1_UNCI.dcm"))
    path, shown = tmp_path / "a.dcm", tmp_path / "a.png"
    path.write_bytes(write(source, syntax, lossy=True))
    said = run("dcm2pnm", "+on", path, shown)
    if "option" in " ".join(said.lines) and said.code:
        pytest.skip("this dcm2pnm writes no PNG")
    assert said.code == 0, said.lines
    with Image.open(shown) as image:
        pixels = np.asarray(image)
    assert np.array_equal(pixels.transpose(2, 0, 1), source.changed()[0].planes)


@pytest.mark.parametrize("name", ["eCT_Supplemental.dcm", "emri_small.dcm"])
def test_a_subset_of_an_enhanced_object_conforms(name: str, tmp_path: Path) -> None:
    source = from_bytes(real(name))
    before = errors_of_source(source, tmp_path / "source.dcm")
    path = tmp_path / "written.dcm"
    path.write_bytes(write(source, "explicit", lossy=False, selected=[1]))
    assert not errors(path) - before


@pytest.mark.parametrize(
    ("samples", "allocated", "photometric"),
    [(1, 8, "MONOCHROME2"), (1, 16, "MONOCHROME1"), (3, 8, "RGB")],
)
@pytest.mark.parametrize("max_error", [0, 3])
def test_secondary_capture_has_no_errors(
    samples: int, allocated: int, photometric: str, max_error: int, tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    planes = random.integers(0, 1 << allocated, (samples, 40, 50)).astype(np.int32)
    layout = Layout(40, 50, 1, samples, allocated, allocated, False, photometric)
    path = tmp_path / "written.dcm"
    with path.open("wb") as target:
        write_dicom(
            target,
            [Frame(planes)],
            layout=layout,
            dataset=None,
            record=LossyRecord(9.0, max_error, identity=b"pixels"),
            options=DicomOptions(),
        )
    assert np.array_equal(from_bytes(path.read_bytes()).stored[0], planes)
    assert not errors(path)
