"""DICOM written around restored pixels."""

from __future__ import annotations

import hashlib
import io
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from radcodec.reading.dicom import read_dicom
from radcodec.reading.image import Frame, GreyImage, Layout
from radcodec.writing.dicom import DicomOptions, LossyRecord, write_dicom
from radcodec.writing.frames import frame_words

from .samples import readable_files, real

PIXEL_DESCRIPTION = {
    "SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns", "BitsAllocated",
    "BitsStored", "HighBit", "PixelRepresentation", "PixelData",
}  # fmt: skip
LOSSY = {
    "SmallestImagePixelValue", "LargestImagePixelValue", "LossyImageCompression",
    "LossyImageCompressionRatio", "LossyImageCompressionMethod", "ImageType",
    "DerivationDescription", "DerivationCodeSequence", "SOPInstanceUID", "SourceImageSequence",
}  # fmt: skip


def written(image: GreyImage, max_error: int | None = 3) -> bytes:
    """Return the DICOM file of a grey image as its only frame."""
    layout = Layout(
        image.stored.shape[0],
        image.stored.shape[1],
        1,
        1,
        image.bits_allocated,
        image.bits_stored,
        image.signed,
        "MONOCHROME1" if image.inverted else "MONOCHROME2",
    )
    frame = Frame(image.stored[None])
    record = LossyRecord(
        12.3456789,
        max_error,
        identity=hashlib.sha256(frame_words(frame, layout).tobytes()).digest(),
        value_range=(int(image.stored.min()), int(image.stored.max())),
    )
    target = io.BytesIO()
    write_dicom(
        target,
        [frame],
        layout=layout,
        dataset=image.dataset,
        record=record,
        options=DicomOptions(),
    )
    return target.getvalue()


def differing(before: Dataset, after: Dataset) -> set[str]:
    """Return keywords (or tags) whose value or presence differs, group lengths aside."""
    tags = {tag for tag in {*before.keys(), *after.keys()} if tag.element != 0}
    return {
        pydicom.datadict.keyword_for_tag(tag) or str(tag)
        for tag in tags
        if tag not in before or tag not in after or before[tag].value != after[tag].value
    }


@pytest.mark.parametrize("path", readable_files(), ids=lambda path: path.name)
def test_real_data_set_is_kept(path: Path) -> None:
    data = path.read_bytes()
    image = read_dicom(data, "x")
    source = pydicom.dcmread(io.BytesIO(data), force=True)
    for max_error, allowed in ((0, PIXEL_DESCRIPTION), (3, PIXEL_DESCRIPTION | LOSSY)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            out = written(image, max_error)
        again = read_dicom(out, "x")
        assert np.array_equal(again.stored, image.stored)
        after = pydicom.dcmread(io.BytesIO(out))
        assert after.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
        assert after.file_meta.MediaStorageSOPInstanceUID == after.SOPInstanceUID
        assert differing(source, after) <= allowed


def test_lossy_attributes_are_appended() -> None:
    source = pydicom.dcmread(io.BytesIO(real("CT_small.dcm")))
    source.LossyImageCompression = "01"
    source.LossyImageCompressionRatio = 4
    source.DerivationDescription = "before"
    data = io.BytesIO()
    source.save_as(data)
    image = read_dicom(data.getvalue(), "x")
    out = pydicom.dcmread(io.BytesIO(written(image)))
    assert out.LossyImageCompressionRatio == [4, 12.3457]
    assert list(out.LossyImageCompressionMethod) == ["", "RADCODEC"]
    assert out.ImageType[0] == "DERIVED" and out.ImageType[1:] == source.ImageType[1:]
    assert out.DerivationDescription.startswith("before; ")
    assert out.DerivationCodeSequence[-1].CodeValue == "113040"
    assert out.SOPInstanceUID != source.SOPInstanceUID
    assert written(image) == written(image)


def test_exact_pixels_are_not_flagged() -> None:
    image = read_dicom(real("CT_small.dcm"), "x")
    out = pydicom.dcmread(io.BytesIO(written(image, 0)))
    assert "LossyImageCompression" not in out
    assert out.ImageType[0] == "ORIGINAL"


def test_words_of_a_big_endian_source_are_swapped() -> None:
    source = pydicom.dcmread(io.BytesIO(real("MR_small_bigendian.dcm")))
    source.add_new(0x60003000, "OW", b"\x01\x02\x03\x04")
    data = io.BytesIO()
    source.save_as(data)
    out = pydicom.dcmread(io.BytesIO(written(read_dicom(data.getvalue(), "x"))))
    assert out[0x60003000].value == b"\x02\x01\x04\x03"


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_pixels_round_trip(data: st.DataObject) -> None:
    bits = data.draw(st.integers(8, 16))
    signed, inverted = data.draw(st.booleans()), data.draw(st.booleans())
    allocated = 8 if bits == 8 and data.draw(st.booleans()) else 16
    shape = data.draw(st.tuples(st.integers(1, 20), st.integers(1, 20)))
    low = -(1 << bits - 1) if signed else 0
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    stored = random.integers(low, low + (1 << bits), shape).astype(np.int32)
    stored.flat[0], stored.flat[-1] = low, low + (1 << bits) - 1
    first = written(GreyImage(stored, allocated, bits, signed, inverted, None, None, None))
    image = read_dicom(first, "x")
    assert np.array_equal(image.stored, stored)
    assert (image.bits_allocated, image.bits_stored) == (allocated, bits)
    assert (image.signed, image.inverted) == (signed, inverted)
    second = read_dicom(written(image, 0), "x")
    assert np.array_equal(second.stored, stored)
    assert second.dataset == image.dataset


@pytest.mark.parametrize("value", [-1, 4096])
def test_values_out_of_range_are_not_written(value: int) -> None:
    stored = np.full((2, 2), value, np.int32)
    with pytest.raises(ValueError, match="12 bits"):
        written(GreyImage(stored, 16, 12, False, False, None, None, None))


def test_unknown_vr_keeps_its_bytes() -> None:
    data = real("MR_small.dcm").replace(b"\x08\x00\x70\x00LO", b"\x08\x00\x70\x00ZZ")
    source = pydicom.dcmread(io.BytesIO(data)).get_item(0x00080070)
    out = pydicom.dcmread(io.BytesIO(written(read_dicom(data, "x"))))
    assert source is not None and out.get_item(0x00080070).value == source.value
