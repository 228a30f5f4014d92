"""PNG: stored values and display windows."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from radcodec.writing.png import display_png, png_bytes, raw_png


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
