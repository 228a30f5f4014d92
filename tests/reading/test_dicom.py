"""Real files: every one is read or refused with the package's own error."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radcodec.errors import DicomError, InputError, LimitError, RadcodecError
from radcodec.reading import read_image
from radcodec.reading.dicom import read_dicom

from .samples import readable_files, real, real_files


@pytest.mark.parametrize("path", real_files(), ids=lambda path: path.name)
def test_real_file_is_read_as_pydicom_does_or_refused(path: Path) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            image = read_image(path)
    except InputError as error:
        assert str(path) in str(error)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source = pydicom.dcmread(path, force=True)
        assert np.array_equal(image.stored, source.pixel_array)
    assert image.dataset is not None
    rest = pydicom.dcmread(io.BytesIO(image.dataset), force=True)
    assert set(rest.keys()) == set(source.keys()) - {0x7FE00010}
    assert len(image.dataset) < len(path.read_bytes()) or image.stored.nbytes < 64


def test_enough_real_files_are_read() -> None:
    assert len(readable_files()) >= 40


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("SC_rgb_rle.dcm", "colour"),
        ("examples_palette.dcm", "PALETTE COLOR"),
        ("examples_ybr_color.dcm", "colour"),
        ("rtdose_1frame.dcm", "holds doses, no picture: RT Dose Storage"),
        ("liver_1frame.dcm", "holds labels, no picture: Segmentation Storage"),
        ("MR_truncated.dcm", "truncated"),
        ("test-SR.dcm", "holds no image: Comprehensive SR Storage"),
        ("JPEG-lossy.dcm", "pylibjpeg-libjpeg"),
    ],
)
def test_refusal_names_the_reason(name: str, reason: str) -> None:
    with pytest.raises(DicomError, match=reason):
        read_dicom(real(name), name)


@pytest.mark.parametrize(
    ("sop_class", "modality", "reason"),
    [
        ("1.2.840.10008.5.1.4.1.1.481.2", "RTDOSE", "doses, no picture: RT Dose"),
        ("1.2.840.10008.5.1.4.1.1.66.4", "SEG", "labels, no picture: Segmentation"),
        ("1.2.840.10008.5.1.4.1.1.66.7", "SEG", "labels, no picture: Label Map"),
        ("1.2.840.10008.5.1.4.1.1.30", "MR", "measured values, no picture: Parametric Map"),
        ("1.2.3", "RTDOSE", "doses"),
        (None, "SEG", "labels, no picture: MR Image Storage"),
    ],
)
def test_values_that_are_no_picture_are_refused_whatever_their_bits(
    sop_class: str | None, modality: str, reason: str
) -> None:
    source = pydicom.dcmread(io.BytesIO(real("MR_small.dcm")))
    source.Modality = modality
    if sop_class is None:
        # Of the file meta information's class then.
        del source.SOPClassUID
    else:
        source.SOPClassUID = sop_class
    out = io.BytesIO()
    source.save_as(out)
    with pytest.raises(DicomError, match=f"holds {reason}"):
        read_dicom(out.getvalue(), "x")


def test_what_tags_say() -> None:
    ct = read_dicom(real("CT_small.dcm"), "ct")
    assert (ct.modality, ct.signed, ct.padding_value) == ("ct", True, -2000)
    assert ct.uncompressed_bytes == 128 * 128 * 2
    xr = read_dicom(real("RG3_UNCI.dcm"), "xr")
    assert (xr.modality, xr.inverted, xr.bits_stored) == ("xr", True, 10)


def test_signedness_of_the_jpeg2000_codestream_is_overruled() -> None:
    assert read_dicom(real("J2K_pixelrep_mismatch.dcm"), "x").stored.min() == -2000


@pytest.mark.parametrize("name", ["MR_small.dcm", "MR_small_bigendian.dcm", "MR_small_RLE.dcm"])
def test_cut_is_byte_for_byte(name: str) -> None:
    data = real(name)
    rest = read_dicom(data, name).dataset
    assert rest is not None
    same = next((i for i, (a, b) in enumerate(zip(data, rest, strict=False)) if a != b), len(rest))
    assert data.endswith(rest[same:])


def test_a_value_elsewhere_in_the_word_is_kept_with_the_whole_word() -> None:
    source = pydicom.dcmread(io.BytesIO(real("MR_small.dcm")))
    source.BitsStored, source.HighBit = 8, 15
    out = io.BytesIO()
    source.save_as(out)
    image = read_dicom(out.getvalue(), "x")
    assert image.bits_stored == 16
    assert np.array_equal(image.stored, np.frombuffer(source.PixelData, "<i2").reshape(64, 64))


def test_too_many_pixels() -> None:
    source = pydicom.dcmread(io.BytesIO(real("MR_small.dcm")))
    source.Rows = source.Columns = 65535
    out = io.BytesIO()
    source.save_as(out)
    with pytest.raises(LimitError):
        read_dicom(out.getvalue(), "x")


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["MR_small.dcm", "MR_small_RLE.dcm", "image_dfl.dcm"]), st.data())
def test_damage_raises_only_our_errors(name: str, data: st.DataObject) -> None:
    source = bytearray(real(name))
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, min(len(source), 2000) - 1))
        source[place] = data.draw(st.integers(0, 255))
    try:
        read_dicom(bytes(source[: data.draw(st.integers(0, len(source)))]), name)
    except RadcodecError as error:
        assert str(error).startswith(name)


def test_missing_and_other_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_image(tmp_path / "none.dcm")
    for content in (b"", b"hello", b"\0" * 400):
        (tmp_path / "x").write_bytes(content)
        with pytest.raises(InputError, match="neither"):
            read_image(tmp_path / "x")
