"""Sources of frames: real collections, hostile files, memory, change, what surrounds pixels."""

from __future__ import annotations

import io
import logging
import os
import struct
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    MPEG4HP41,
    EncapsulatedPDFStorage,
    ExplicitVRLittleEndian,
    GrayscaleSoftcopyPresentationStateStorage,
    JPEG2000Lossless,
)

from radcodec.container.limits import Limits
from radcodec.errors import DicomError, InputError, LimitError, RadcodecError
from radcodec.reading import open_image
from radcodec.reading.dicom import DicomSource

from .built import described, encapsulate, planes, written
from .samples import real, real_files


def test_collections_are_read_as_pydicom_does_or_refused(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL)
    compared = refused = 0
    for path in real_files():
        try:
            with open_image(path) as source:
                read = np.stack(
                    [source.frame(index).planes for index in range(source.layout.frames)]
                )
        except RadcodecError as error:
            assert str(path) in str(error)
            refused += 1
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            whole = pydicom.dcmread(path, force=True)
            if "PixelData" not in whole or "TransferSyntaxUID" not in whole.file_meta:
                continue
            want = pixel_array(whole, raw=True)
        assert np.array_equal(read.transpose(0, 2, 3, 1).squeeze(), want.squeeze()), path.name
        compared += 1
    assert compared >= 70
    assert refused >= 30


def test_a_missing_delimiter_costs_no_frame() -> None:
    short = planes(real("emri_small_jpeg_2k_lossless_too_short.dcm"))
    assert np.array_equal(short, planes(real("emri_small_jpeg_2k_lossless.dcm")))


def test_pixels_of_an_icon_are_not_the_image(tmp_path: Path) -> None:
    values = np.arange(32, dtype="<u2").reshape(1, 4, 8)
    source = described(values.shape)
    icon = described((1, 2, 2), BitsAllocated=8, BitsStored=8, HighBit=7)
    icon.PixelData = b"\x09\x08\x07\x06"
    icon["PixelData"].VR = "OB"
    for undefined in (True, False):
        source.IconImageSequence = [icon]
        source["IconImageSequence"].is_undefined_length = undefined
        icon.is_undefined_length_sequence_item = undefined
        source.add_new(0xFFFCFFFC, "OB", b"\0" * 10)
        data = written(source, values.tobytes())
        assert np.array_equal(planes(data)[:, 0], values)
        with DicomSource(io.BytesIO(data), "x") as opened:
            rest = opened.dataset
        assert rest is not None
        at = data.index(values.tobytes()) - 12
        assert rest == data[:at] + data[at + 12 + values.nbytes :]
        assert pydicom.dcmread(io.BytesIO(rest)).IconImageSequence[0].PixelData == icon.PixelData


@pytest.mark.parametrize("frames", [10**9, 2**27])
def test_claimed_frames_are_checked_against_the_bytes(frames: int) -> None:
    data = written(described((1, 1, 1), NumberOfFrames=frames), b"\0\0")
    with pytest.raises(DicomError, match=str(frames)):
        DicomSource(io.BytesIO(data), "x")


def test_limits_of_the_caller() -> None:
    data = written(described((2, 4, 4)), bytes(64))
    for limits in (Limits(pixels=15), Limits(side=3), Limits(dataset=100)):
        with pytest.raises(LimitError, match="x: "):
            DicomSource(io.BytesIO(data), "x", limits)


def test_deep_nesting_is_refused() -> None:
    source = described((1, 4, 4))
    data = written(source, bytes(32))
    start = data.index(b"\x08\0\x16\0UI")
    opening = struct.pack("<HH2sHL", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF)
    opening += struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
    with pytest.raises(DicomError, match="nested"):
        DicomSource(io.BytesIO(data[:start] + opening * 10_000 + data[start:]), "x")


def test_damaged_codestream_names_the_frame() -> None:
    source = described((2, 4, 4))
    data = written(source, encapsulate([b"rubbish ", b"rubbish "]), JPEG2000Lossless, "OB")
    with DicomSource(io.BytesIO(data), "x") as opened, pytest.raises(DicomError, match="frame 2"):
        opened.frame(1)


def test_no_frame_beyond_the_last() -> None:
    with (
        DicomSource(io.BytesIO(written(described((2, 4, 4)), bytes(64))), "x") as opened,
        pytest.raises(IndexError),
    ):
        opened.frame(2)


def test_fewer_frames_than_claimed_and_more() -> None:
    with pytest.raises(DicomError, match="1 of 2 frames"):
        DicomSource(io.BytesIO(written(described((2, 4, 4)), bytes(34))), "x")
    assert planes(written(described((2, 4, 4)), bytes(100))).shape == (2, 1, 4, 4)
    for number in (None, 0):
        data = written(described((1, 4, 4), NumberOfFrames=number), bytes(32))
        assert planes(data).shape == (1, 1, 4, 4)


@pytest.mark.parametrize(
    ("uid", "name"),
    [
        (EncapsulatedPDFStorage, "Encapsulated PDF Storage"),
        (GrayscaleSoftcopyPresentationStateStorage, "Grayscale Softcopy Presentation State"),
    ],
)
def test_objects_without_an_image_are_named(uid: str, name: str) -> None:
    source = described((1, 1, 1), SOPClassUID=uid, Rows=None, Columns=None)
    data = written(source, b"\0\0")
    at = data.index(b"\xe0\x7f\x10\0")
    with pytest.raises(DicomError, match=f"holds no image: {name}"):
        DicomSource(io.BytesIO(data[:at]), "x")


def test_video_and_unknown_syntaxes_are_refused_by_name() -> None:
    data = written(described((1, 4, 4)), encapsulate([b"\0" * 8]), MPEG4HP41, "OB")
    with pytest.raises(DicomError, match=r"video.*MPEG-4"):
        DicomSource(io.BytesIO(data), "x")
    data = written(described((1, 4, 4)), bytes(32))
    private = ExplicitVRLittleEndian.encode() + b"\0"
    assert len(private) == 20
    with pytest.raises(DicomError, match=r"1\.2\.840\.10008\.1\.2\.7"):
        DicomSource(io.BytesIO(data.replace(private, b"1.2.840.10008.1.2.7\0", 1)), "x")


def test_float_pixels_are_refused() -> None:
    source = described((1, 2, 2), BitsAllocated=32)
    source.FloatPixelData = bytes(16)
    with pytest.raises(DicomError, match="floating-point"):
        DicomSource(io.BytesIO(written(source, b"")), "x")


@pytest.mark.parametrize("lossless", [True, False])
def test_jpeg_xl(lossless: bool) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    values = np.arange(64, dtype=np.uint16).reshape(1, 8, 8) * 60
    stream = imagecodecs.jpegxl_encode(values[0], lossless=True)
    data = written(described(values.shape), encapsulate([stream]), JPEG2000Lossless, "OB")
    syntax = b"1.2.840.10008.1.2.4.110\0" if lossless else b"1.2.840.10008.1.2.4.112\0"
    old = JPEG2000Lossless.encode() + b"\0" * (len(JPEG2000Lossless) % 2)
    size = len(syntax) - len(old)
    at = data.index(old)
    data = data[: at - 2] + struct.pack("<H", len(syntax)) + syntax + data[at + len(old) :]
    length = struct.unpack("<L", data[140:144])[0] + size
    data = data[:140] + struct.pack("<L", length) + data[144:]
    assert np.array_equal(planes(data)[:, 0], values)


def test_a_change_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "x.dcm"
    path.write_bytes(written(described((1, 4, 4)), bytes(32)))
    with open_image(path) as source:
        source.check_unchanged()
        os.utime(path, ns=(1, 1))
        with pytest.raises(InputError, match="changed while it was read"):
            source.check_unchanged()
        path.unlink()
        with pytest.raises(InputError, match="changed while it was read"):
            source.check_unchanged()


def test_memory_does_not_grow_with_the_frames(tmp_path: Path) -> None:
    frames, one = 400, 512 * 512 * 2
    small = written(described((1, 512, 512), NumberOfFrames=frames), b"\x01\x02" * 4)
    at = small.rindex(b"\x01\x02" * 4)
    path = tmp_path / "x.dcm"
    with path.open("wb") as out:
        out.write(small[: at - 4] + struct.pack("<L", frames * one))
        out.truncate(at + frames * one)
        out.seek(at + (frames - 1) * one)
        out.write(b"\x07\x00")
    program = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from radcodec.reading import open_image\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "with open_image(Path(sys.argv[1])) as source:\n"
        "    source.frame(0)\n"
        "    before = peak()\n"
        "    last = [source.frame(i).planes[0, 0, 0] for i in range(source.layout.frames)][-1]\n"
        "print(peak() - before, last, len(source.dataset))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    grown, last, dataset = map(int, done.stdout.split())
    assert last == 7
    assert dataset < 2000
    assert grown < 20_000  # KiB


def test_modalities() -> None:
    wanted = {"CT": "ct", "mr ": "mr", "MG": "mg", "DX": "xr", "IO": "xr", "US": None, "NM": None}
    for tag, compressor in wanted.items():
        source: Dataset = described((1, 4, 4), Modality=tag)
        with DicomSource(io.BytesIO(written(source, bytes(32))), "x") as opened:
            assert opened.modality == compressor
