"""DICOM files with changed bytes: each is read, or refused by an error of the package."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, JPEGLosslessSV1, JPEGLSLossless, RLELossless

from radcodec.container.limits import Limits
from radcodec.reading import codestreams
from radcodec.reading.dicom import DicomSource
from tests.reading.built import written
from tests.reading.samples import real

from .attempts import attempt_dicom
from .made import DICOM_KINDS, dicom, source_of

CHANGES = (0x01, 0x10, 0x80, 0xFF)
ITEM, SEQUENCE = b"\xfe\xff\x00\xe0", b"\x08\x00\x40\x11"


@pytest.mark.parametrize("kind", DICOM_KINDS)
def test_the_samples_are_read(kind: str) -> None:
    assert attempt_dicom(dicom(kind), compress=kind in ("explicit", "rgb")) is None


@pytest.mark.parametrize("kind", DICOM_KINDS)
def test_every_byte_changed(kind: str) -> None:
    data = dicom(kind)
    for at in range(128, len(data)):
        attempt_dicom(data[:at] + bytes([data[at] ^ CHANGES[at % 4]]) + data[at + 1 :])


@pytest.mark.parametrize("kind", DICOM_KINDS)
def test_every_length_cut(kind: str) -> None:
    data = dicom(kind)
    refused = [attempt_dicom(data[:length]) for length in range(132, len(data), 2)]
    assert "DicomError" in refused


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.sampled_from(DICOM_KINDS), st.data())
def test_numbers_changed(kind: str, data: st.DataObject) -> None:
    changed = bytearray(dicom(kind))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(128, len(changed) - 4))
        size = data.draw(st.sampled_from([1, 2, 4]))
        edges = st.sampled_from([0, 1, 0xFE, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF])
        number = data.draw(edges | st.integers(0, 2**32 - 1)) % (1 << 8 * size)
        changed[at : at + size] = number.to_bytes(size, "little")
    attempt_dicom(bytes(changed), compress=data.draw(st.booleans()) and kind == "explicit")


@pytest.mark.parametrize("defined", [True, False])
def test_sequences_nested_ten_thousand_deep(defined: bool) -> None:
    value = b""
    for _ in range(10_000):
        if defined:
            item = ITEM + struct.pack("<I", len(value)) + value
            value = SEQUENCE + b"SQ\0\0" + struct.pack("<I", len(item)) + item
        else:
            value += SEQUENCE + b"SQ\0\0" + b"\xff" * 4 + ITEM + b"\xff" * 4
    data = dicom("explicit")
    at = data.index(b"\x28\x00\x02\x00US")
    assert attempt_dicom(data[:at] + value + data[at:]) == (None if defined else "DicomError")


@pytest.mark.parametrize(
    ("keyword", "value", "error"),
    [
        ("NumberOfFrames", 10**9, "DicomError"),
        ("NumberOfFrames", 2**31 - 1, "DicomError"),
        ("Rows", 65535, "DicomError"),
        ("Columns", 65535, "DicomError"),
        ("BitsStored", 0, "DicomError"),
        ("BitsAllocated", 64, "DicomError"),
        ("SamplesPerPixel", 65535, "DicomError"),
    ],
)
@pytest.mark.parametrize("kind", ["explicit", "rle", "jpegls", "jpeg2000"])
def test_claims(keyword: str, value: int, error: str, kind: str) -> None:
    from pydicom import dcmread

    source = dcmread(io.BytesIO(dicom(kind)))
    setattr(source, keyword, value)
    out = io.BytesIO()
    source.save_as(out)
    assert attempt_dicom(out.getvalue()) == error


def test_an_element_longer_than_the_file() -> None:
    data = dicom("implicit")
    for tag in (b"\x08\x00\x60\x00", b"\x28\x00\x10\x00"):
        at = data.index(tag) + 4
        for length in (0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF):
            longer = data[:at] + struct.pack("<I", length) + data[at + 4 :]
            assert attempt_dicom(longer) == "DicomError"


def test_a_list_of_a_million_numbers_for_one() -> None:
    data = dicom("explicit")
    at = data.index(b"\x28\x00\x08\x00IS")
    end = at + 8 + struct.unpack_from("<H", data, at + 6)[0]
    long = b"1\\" * 500_000
    value = data[at : at + 4] + b"UN\0\0" + struct.pack("<I", len(long)) + long
    assert attempt_dicom(data[:at] + value + data[end:]) is None


@pytest.mark.parametrize("table", [b"\xff" * 8, b"\1\0\0\0", bytes(4), bytes(400)])
@pytest.mark.parametrize("fragment", [0, 1, 3, 2**31, 2**32 - 1])
def test_tables_and_fragments_that_lie(table: bytes, fragment: int) -> None:
    items = ITEM + struct.pack("<I", len(table)) + table
    items += ITEM + struct.pack("<I", fragment) + b"\xff\xd9" * 3
    source, _ = source_of(np.zeros((1, 8, 8), np.uint16))
    data = written(source, encapsulate([b"ab"]), JPEG2000Lossless, "OB")
    at = data.index(ITEM)
    assert attempt_dicom(data[:at] + items) == "DicomError"


def test_a_deflate_bomb() -> None:
    data = dicom("deflated")
    at = data.index(b"1.2.840.10008.1.2.1.99") + 22
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = b"".join(packer.compress(bytes(2**20)) for _ in range(100)) + packer.flush()
    assert attempt_dicom(data[:at] + bomb, Limits(pixels=2**20)) == "LimitError"


def test_compressed_lossless_jpeg_cannot_end_the_process() -> None:
    # GDCM ends the process that it runs in on some of these, and is the only decoder.
    data = real("JPGLosslessP14SV1_1s_1f_8b.dcm")
    if attempt_dicom(data) is not None:
        pytest.skip("no decoder for lossless JPEG is installed")
    begin = data.rindex(b"\xff\xd8\xff")
    for at in range(begin, begin + 60, 2):
        attempt_dicom(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
    # It still serves after that.
    assert attempt_dicom(data) is None


def _coded(kind: str) -> tuple[bytes, int]:
    """A file's bytes, and where its codestream begins."""
    data = dicom(kind)
    marks = {"jpeg2000": b"\xff\x4f\xff\x51", "jpegls": b"\xff\xd8\xff\xf7", "jpeg": b"\xff\xd8"}
    return data, data.index(marks[kind])


@pytest.mark.parametrize(("kind", "at"), [("jpeg2000", 8), ("jpegls", 9)])
def test_codestreams_that_claim_another_size(kind: str, at: int) -> None:
    data, begin = _coded(kind)
    place = begin + at
    claim = struct.pack(">I", 60000) if kind == "jpeg2000" else struct.pack(">H", 60000)
    changed = data[:place] + claim + data[place + len(claim) :]
    with pytest.raises(Exception, match="claims"), DicomSource(io.BytesIO(changed), "f") as source:
        source.frame(0)


def test_a_fill_byte_does_not_hide_a_header() -> None:
    data, begin = _coded("jpegls")
    image = codestreams._jpeg(data[begin:])
    assert codestreams._jpeg(data[begin : begin + 2] + b"\xff" + data[begin + 2 :]) == image


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless, JPEGLosslessSV1])
@pytest.mark.parametrize("noise", [b"", b"\0", b"\xff" * 64, bytes(64), bytes(range(256))])
def test_noise_for_a_codestream(syntax: str, noise: bytes) -> None:
    from pydicom.uid import UID

    source, _ = source_of(np.zeros((1, 8, 8), np.uint16))
    data = written(source, encapsulate([noise or b"\0\0"]), UID(syntax), "OB")
    assert attempt_dicom(data) == "DicomError"


def test_runs_that_unpack_to_far_more_than_the_image() -> None:
    segments = struct.pack("<16I", 2, 64, 66, *[0] * 13) + b"\0\0" + b"\x81\0" * 10**6
    source, _ = source_of(np.zeros((1, 512, 512), np.uint16))
    data = written(source, encapsulate([segments]), RLELossless, "OB")
    assert attempt_dicom(data) == "DicomError"
