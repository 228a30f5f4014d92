"""Every layout of pixels that DICOM allows, built and read back."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from pydicom.pixels.encoders.base import RLELosslessEncoder
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
)

from radcodec.errors import DicomError
from radcodec.reading.dicom import DicomSource

from .built import described, encapsulate, encapsulate_extended, frames, planes, written

NATIVE = [
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
]


@pytest.mark.parametrize("syntax", NATIVE, ids=lambda syntax: syntax.keyword)
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"])
def test_grey(syntax: UID, bits: int, signed: int, photometric: str) -> None:
    order = "<" if syntax.is_little_endian else ">"
    kind = np.dtype(f"{order}{'ui'[signed]}{bits // 8}")
    # Frames of an odd number of bytes do not all begin at even ones.
    array = np.random.default_rng(1).integers(0, 256, 3 * 5 * 7 * kind.itemsize, np.uint8)
    values = array.view(kind).reshape(3, 5, 7)
    source = described(
        values.shape,
        photometric,
        BitsAllocated=bits,
        BitsStored=bits,
        HighBit=bits - 1,
        PixelRepresentation=signed,
    )
    data = written(source, values.tobytes(), syntax, "OB" if bits == 8 else "OW")
    assert np.array_equal(planes(data)[:, 0], values)
    with DicomSource(io.BytesIO(data), "x") as opened:
        assert opened.layout.photometric == photometric
        assert (opened.layout.frames, opened.layout.signed) == (3, bool(signed))


def test_big_endian_bytes_in_words() -> None:
    values = np.arange(3 * 5 * 7, dtype=np.uint8).reshape(3, 5, 7)
    source = described(values.shape, BitsAllocated=8, BitsStored=8, HighBit=7)
    swapped = np.append(values.ravel(), 0).astype(np.uint8).view("<u2").byteswap().tobytes()
    assert np.array_equal(planes(written(source, swapped, ExplicitVRBigEndian))[:, 0], values)


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL", " rgb "])
def test_colour(planar: int, bits: int, photometric: str) -> None:
    shape = (2, 5, 7, 3)
    values = np.random.default_rng(2).integers(0, 1 << bits, shape).astype(f"<u{bits // 8}")
    tags = {"BitsAllocated": bits, "BitsStored": bits, "HighBit": bits - 1}
    source = described(shape, photometric, PlanarConfiguration=planar, **tags)
    order = values.transpose(0, 3, 1, 2) if planar else values
    data = written(source, order.tobytes(), vr="OB" if bits == 8 else "OW")
    assert np.array_equal(planes(data), values.transpose(0, 3, 1, 2))
    with DicomSource(io.BytesIO(data), "x") as opened:
        assert opened.layout.photometric == photometric.strip().upper()


def test_chroma_of_half_the_columns_is_repeated() -> None:
    tags = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PlanarConfiguration": 0}
    source = described((2, 1, 4, 3), "YBR_FULL_422", **tags)
    data = written(source, bytes(range(16)), vr="OB")
    first = planes(data)[0, :, 0]
    assert first.tolist() == [[0, 1, 4, 5], [2, 2, 6, 6], [3, 3, 7, 7]]
    with DicomSource(io.BytesIO(data), "x") as opened:
        assert opened.layout.photometric == "YBR_FULL"


def test_jpeg_colour_is_not_converted() -> None:
    ramp = np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3)
    out = io.BytesIO()
    Image.fromarray(ramp, "YCbCr").save(out, "JPEG", quality=95, subsampling=0)
    tags = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PlanarConfiguration": 0}
    source = described((2, 16, 16, 3), "YBR_FULL_422", **tags)
    data = written(source, encapsulate([out.getvalue()] * 2), JPEGBaseline8Bit, "OB")
    out.seek(0)
    image = Image.open(out)
    image.draft("YCbCr", image.size)
    want = np.asarray(image).transpose(2, 0, 1).astype(int)
    assert abs(planes(data) - want).max() <= 2
    with DicomSource(io.BytesIO(data), "x") as opened:
        assert opened.layout.photometric == "YBR_FULL"


@pytest.mark.parametrize("signed", [0, 1])
def test_overlay_in_unused_bits(signed: int) -> None:
    rng = np.random.default_rng(3)
    low = rng.integers(0, 4096, (2, 6, 6))
    overlay = rng.integers(0, 2, (2, 6, 6)) << 14
    word = (low | overlay).astype("<u2")
    source = described(word.shape, BitsStored=12, HighBit=11, PixelRepresentation=signed)
    rle = [RLELosslessEncoder.encode(frame.tobytes(), rows=6, columns=6, samples_per_pixel=1,
           number_of_frames=1, bits_allocated=16, bits_stored=16, pixel_representation=0,
           photometric_interpretation="MONOCHROME2") for frame in word]  # fmt: skip
    for data in (
        written(source, word.tobytes()),
        written(source, encapsulate(rle), RLELossless, "OB"),
    ):
        for frame, want, whole in zip(frames(data), low, word, strict=True):
            extended = want - 4096 * (want >> 11) if signed else want
            assert np.array_equal(frame.planes[0], extended)
            assert frame.unused is not None
            assert np.array_equal((extended & 0xFFFF) ^ frame.unused, whole)


def test_clean_unused_bits_are_none() -> None:
    values = np.arange(-18, 18, dtype="<i2").reshape(1, 6, 6)
    source = described(values.shape, BitsStored=12, HighBit=11, PixelRepresentation=1)
    (frame,) = frames(written(source, values.tobytes()))
    assert frame.unused is None
    assert np.array_equal(frame.planes, values)


@pytest.mark.parametrize("table", ["basic", "none", "extended", "fragmented", "wrong"])
def test_frames_of_compressed_pixel_data(table: str) -> None:
    values = np.random.default_rng(4).integers(0, 256, (4, 16, 16)).astype(np.uint8)
    streams = []
    for frame in values:
        out = io.BytesIO()
        Image.fromarray(frame).save(out, "JPEG", quality=100)
        streams.append(out.getvalue())
    source = described(values.shape, BitsAllocated=8, BitsStored=8, HighBit=7)
    parts = 3 if table == "fragmented" else 1
    pixels = encapsulate(streams, fragments_per_frame=parts, has_bot=table in ("basic", "wrong"))
    if table == "wrong":
        pixels = pixels[:12] + b"\x06" + pixels[13:]
    if table == "extended":
        pixels, source.ExtendedOffsetTable, source.ExtendedOffsetTableLengths = (
            encapsulate_extended(streams)
        )
    read = planes(written(source, pixels, JPEGBaseline8Bit, "OB"))[:, 0]
    for frame, stream in zip(read, streams, strict=True):
        assert abs(frame - np.asarray(Image.open(io.BytesIO(stream))).astype(int)).max() <= 2
    source.NumberOfFrames = 5
    with pytest.raises(DicomError, match=r"4 of 5 frames|5 frames claimed, 4 found"):
        frames(written(source, pixels, JPEGBaseline8Bit, "OB"))


@pytest.mark.parametrize(
    ("shape", "photometric", "reason"),
    [
        ((1, 2, 2, 2), "RGB", "2 sample"),
        ((1, 2, 2, 4), "CMYK", "CMYK"),
        ((1, 2, 2, 4), "ARGB", "ARGB"),
        ((1, 2, 2, 3), "HSV", "HSV"),
        ((1, 2, 2, 3), "YBR_PARTIAL_422", "YBR_PARTIAL_422"),
    ],
)
def test_kinds_of_colour_that_are_refused(
    shape: tuple[int, ...], photometric: str, reason: str
) -> None:
    with pytest.raises(DicomError, match=reason):
        frames(written(described(shape, photometric), bytes(32)))


@pytest.mark.parametrize("uid", ["1.2.840.10008.1.2.4.92", "1.2.840.10008.1.2.4.94"])
def test_no_package_is_named_where_none_decodes(uid: str) -> None:
    source = described((1, 4, 4), BitsAllocated=8, BitsStored=8, HighBit=7)
    data = written(source, encapsulate([b"\xff\xd8\xff\xd9"]), UID(uid), "OB")
    with pytest.raises(DicomError, match=r"no decoder .*; decompress the file with another tool"):
        frames(data)
