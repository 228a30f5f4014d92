"""PNG: stored values and display windows."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from radcodec.errors import PngError
from radcodec.reading.image import Layout
from radcodec.writing.png import (
    display_frame_png,
    display_png,
    png_bytes,
    raw_frame_png,
    raw_png,
    rgb_png,
)

from .samples import real
from .sources import from_bytes


def pixels(png: bytes) -> NDArray[np.int64]:
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image).astype(np.int64)


def header(**attributes: object) -> bytes:
    source = Dataset()
    source.PixelRepresentation = 1
    for keyword, value in attributes.items():
        setattr(source, keyword, value)
    out = io.BytesIO()
    source.save_as(out, implicit_vr=False, little_endian=True)
    from pydicom.dataset import FileMetaDataset

    source.file_meta = FileMetaDataset()
    source.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    out = io.BytesIO()
    source.save_as(out)
    return out.getvalue()


ROW = np.array([[-2000, 999, 1000, 1040, 1081, 3000]], np.int32)


def test_linear_window_follows_the_standard() -> None:
    data = header(
        WindowCenter=["40", "300"], WindowWidth=["82", "2000"],
        RescaleSlope="1", RescaleIntercept="-1000",
    )  # fmt: skip
    # PS3.3 C.11.2.1.2.1 with c = 40, w = 82 on x - 1000.
    x = ROW[0] - 1000.0
    ideal = ((x - 39.5) / 81 + 0.5) * 255
    expected = np.rint(np.where(x <= -1, 0, np.where(x > 80, 255, ideal)))
    shown = pixels(display_png(ROW, data, False))[0]
    assert np.array_equal(shown, expected)
    assert np.array_equal(pixels(display_png(ROW, data, True))[0], 255 - expected)


def test_voi_lut_of_eight_bits() -> None:
    item = Dataset()
    item.LUTDescriptor = [512, 0, 8]
    item.add_new(0x00283006, "US", [i // 2 for i in range(512)])
    data = header(VOILUTSequence=[item])
    values = np.array([[-5, 0, 100, 400, 511, 600]], np.int32)
    shown = pixels(display_png(values, data, False))
    assert shown.tolist() == [[0, 0, 50, 200, 255, 255]]


@pytest.mark.parametrize(
    "attributes",
    [{}, {"WindowCenter": "1", "WindowWidth": "0"}, {"VOILUTSequence": [Dataset()]},
     {"RescaleSlope": "1"}],
)  # fmt: skip
def test_full_range_without_a_valid_window(attributes: dict[str, object]) -> None:
    shown = pixels(display_png(ROW, header(**attributes), False))
    assert shown.min() == 0 and shown.max() == 255


def test_constant_image_and_png_source() -> None:
    assert pixels(display_png(np.zeros((1, 1), np.int32), header(), False)) == 0
    assert pixels(display_png(np.full((1, 1), 7, np.int32), None, False)) == 7


def test_raw_shifts_signed_values() -> None:
    values = np.array([[-2048, 0, 2047]], np.int32)
    raw = raw_png(values, bits_allocated=16, bits_stored=12, signed=True)
    assert pixels(raw).tolist() == [[0, 2048, 4095]]
    with pytest.raises(ValueError, match="12 bits"):
        raw_png(values + 1, bits_allocated=16, bits_stored=12, signed=True)
    with pytest.raises(ValueError, match="uint8"):
        png_bytes(np.zeros((2, 2), np.float32))  # type: ignore[arg-type]


def test_rgb_is_written_as_it_is() -> None:
    planes = np.random.default_rng(0).integers(0, 256, (3, 5, 7)).astype(np.int32)
    layout = Layout(5, 7, 1, 3, 8, 8, False, "RGB")
    for png in (
        rgb_png(planes.astype(np.uint8)),
        raw_frame_png(planes, layout),
        display_frame_png(planes, layout, None),
    ):
        assert np.array_equal(pixels(png).transpose(2, 0, 1), planes)
    with pytest.raises(ValueError, match="uint8"):
        rgb_png(planes.astype(np.uint16))
    with pytest.raises(ValueError, match="8 bits"):
        raw_frame_png(planes + 1, layout)


def test_colour_of_sixteen_bits_is_shown_but_not_written_raw() -> None:
    layout = Layout(1, 2, 1, 3, 16, 16, False, "RGB")
    planes = np.array([[[0, 65535]], [[32768, 257]], [[128, 129]]], np.int32)
    shown = pixels(display_frame_png(planes, layout, None))
    assert shown.tolist() == [[[0, 128, 0], [255, 1, 1]]]
    with pytest.raises(PngError, match="restore to DICOM"):
        raw_frame_png(planes, layout)


def test_luminance_and_chrominance_are_shown_as_rgb() -> None:
    layout = Layout(1, 3, 1, 3, 8, 8, False, "YBR_FULL")
    # Black, white and red of PS3.3 C.7.6.3.1.2.
    planes = np.array([[[0, 255, 76]], [[128, 128, 85]], [[128, 128, 255]]], np.int32)
    shown = pixels(display_frame_png(planes, layout, None))
    assert np.abs(shown - [[[0, 0, 0], [255, 255, 255], [254, 0, 0]]]).max() <= 1


def test_palette_is_applied() -> None:
    source = from_bytes(real("examples_palette.dcm"))
    planes, parsed = source.frames[0].planes, source.parsed
    shown = pixels(display_frame_png(planes, source.layout, source.dataset))
    table = np.frombuffer(parsed.GreenPaletteColorLookupTableData, "<u2")
    assert np.array_equal(shown[..., 1], table[planes[0]] >> 8)
    grey = pixels(display_frame_png(planes, source.layout, header()))
    assert grey.ndim == 2
