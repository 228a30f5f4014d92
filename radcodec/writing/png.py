"""PNG files of restored images, grey or in colour."""

from __future__ import annotations

import io
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset
from pydicom.multival import MultiValue
from pydicom.pixels.processing import (
    apply_color_lut,
    apply_modality_lut,
    apply_voi_lut,
    apply_windowing,
    convert_color_space,
)

from radcodec.errors import PngError, RadcodecError
from radcodec.reading.excerpt import excerpt
from radcodec.reading.image import Layout

#: What tells how grey values are shown.
_SHOWN = (
    *("SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored"),
    *("PixelRepresentation", "RescaleSlope", "RescaleIntercept", "RescaleType"),
    *("ModalityLUTSequence", "VOILUTSequence", "WindowCenter", "WindowWidth", "VOILUTFunction"),
)
#: What a palette takes (PS3.3 C.7.9).
_PALETTE = (
    *("PixelRepresentation", "BitsStored", "BitsAllocated"),
    *(
        f"{segmented}{colour}PaletteColorLookupTable{part}"
        for colour in ("Red", "Green", "Blue", "Alpha")
        for segmented in ("", "Segmented")
        for part in ("Descriptor", "Data")
    ),
)


def png_bytes(array: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    """Encode a grey PNG of the array's own depth.

    Parameters
    ----------
    array : ndarray of uint8 or uint16, shape (rows, columns)

    Raises
    ------
    ValueError
        Another dtype or shape, or an empty array.
    """
    if array.dtype not in (np.uint8, np.uint16) or array.ndim != 2 or array.size == 0:
        raise ValueError(f"PNG needs a grey uint8 or uint16 image, not {array.dtype} {array.shape}")
    target = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(array)).save(target, "PNG")
    return target.getvalue()


def rgb_png(planes: NDArray[np.uint8]) -> bytes:
    """Encode an 8-bit colour PNG.

    Parameters
    ----------
    planes : ndarray of uint8, shape (3, rows, columns)
        Red, green and blue.

    Raises
    ------
    ValueError
        Another dtype or shape, or an empty array.
    """
    if planes.dtype != np.uint8 or planes.ndim != 3 or len(planes) != 3 or planes.size == 0:
        raise ValueError(f"PNG needs three uint8 planes, not {planes.dtype} {planes.shape}")
    target = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(planes.transpose(1, 2, 0))).save(target, "PNG")
    return target.getvalue()


def raw_frame_png(planes: NDArray[np.int32], layout: Layout) -> bytes:
    """Encode the stored values of a frame themselves, grey or colour.

    Colour is written as it is stored: luminance and chrominance, and the indices of a palette,
    are not converted.  Grey is as in `raw_png`.

    Parameters
    ----------
    planes : ndarray of int32, shape (samples, rows, columns)
        In the range of `layout.stored_range`.
    layout : Layout
        Of the frame.

    Raises
    ------
    PngError
        Colour of more than 8 bits, which no dependency writes.
    ValueError
        Values outside the range.
    """
    if layout.samples == 1:
        return raw_png(
            planes[0],
            bits_allocated=layout.bits_allocated,
            bits_stored=layout.bits_stored,
            signed=layout.signed,
        )
    low, high = layout.stored_range
    if planes.min() < low or planes.max() > high:
        raise ValueError(f"stored values do not fit {layout.bits_stored} bits")
    if layout.bits_allocated > 8:
        raise PngError(
            f"colour of {layout.bits_allocated} bits cannot be written to PNG as it is stored; "
            "restore to DICOM, or leave --raw out"
        )
    return rgb_png((planes - low).astype(np.uint8))


def display_frame_png(planes: NDArray[np.int32], layout: Layout, dataset: bytes | None) -> bytes:
    """Encode an 8-bit PNG of a frame as a viewer would first show it.

    Grey is shown as by `display_png`.  YBR_FULL is converted to RGB (PS3.3 C.7.6.3.1.2), a
    palette is applied (C.7.9); where that is missing or broken, indices are shown as grey.

    Parameters
    ----------
    planes : ndarray of int32, shape (samples, rows, columns)
        In the range of `layout.stored_range`.
    layout : Layout
        Of the frame.
    dataset : bytes or None
        DICOM file without its pixels; None for a PNG.
    """
    if layout.photometric == "PALETTE COLOR" and dataset is not None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                source = excerpt(dataset, _PALETTE)
                looked_up = apply_color_lut(planes[0], source)
        except Exception:  # noqa: BLE001 - a broken palette raises whatever its parts happen to raise
            return display_png(planes[0], dataset, False)
        if looked_up.dtype.itemsize > 1:
            looked_up = looked_up >> 8
        # A fourth plane is opacity.
        return rgb_png(looked_up[..., :3].astype(np.uint8).transpose(2, 0, 1))
    if layout.samples == 1:
        return display_png(planes[0], dataset, layout.photometric == "MONOCHROME1")
    low, high = layout.stored_range
    colours = np.rint((planes - low) * (255.0 / (high - low))).clip(0, 255).astype(np.uint8)
    if layout.photometric == "YBR_FULL":
        converted = convert_color_space(colours.transpose(1, 2, 0), "YBR_FULL", "RGB")
        colours = converted.transpose(2, 0, 1)
    return rgb_png(colours)


def raw_png(
    stored: NDArray[np.int32], *, bits_allocated: int, bits_stored: int, signed: bool
) -> bytes:
    """Encode the stored values themselves, with no display window and no inversion.

    Parameters
    ----------
    stored : ndarray of int32, shape (rows, columns)
        Values in the range that `bits_stored` and `signed` give.
    bits_allocated : int
        8 or 16: the depth of the PNG.
    bits_stored : int
        1 to `bits_allocated`.
    signed : bool
        When true, 2**(bits_stored - 1) is added, since PNG has no sign: the smallest
        value that can be represented becomes 0.

    Raises
    ------
    ValueError
        Values outside the range.
    """
    shifted = stored + (1 << (bits_stored - 1)) if signed else stored
    if shifted.size and (shifted.min() < 0 or shifted.max() >= 1 << bits_stored):
        raise ValueError(f"stored values do not fit {bits_stored} bits")
    if bits_allocated == 8:
        return png_bytes(shifted.astype(np.uint8))
    return png_bytes(shifted.astype(np.uint16))


def display_png(stored: NDArray[np.int32], dataset: bytes | None, inverted: bool) -> bytes:
    """Encode an 8-bit PNG as a viewer would first show the image.

    The data set's modality LUT or rescale is applied, then its VOI LUT or its first
    window (PS3.3 C.11.1 and C.11.2.1.2).  Where there is none, or it is invalid, the
    full range of the image's own values is shown.  Without a data set the values are
    those of a PNG: shown as they are when below 256, else divided by 257.

    Parameters
    ----------
    stored : ndarray of int32, shape (rows, columns)
        Stored values with their sign.
    dataset : bytes or None
        DICOM file without its pixels, as `GreyImage.dataset`.
    inverted : bool
        True for MONOCHROME1: the result is inverted after the window.
    """
    if dataset is None:
        fraction = stored / (255.0 if stored.max() < 256 else 65535.0)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                source = excerpt(dataset, _SHOWN)
            except RadcodecError:
                # As where it says nothing of how it is shown.
                source = Dataset()
            fraction = _windowed(stored, source)
    grey = np.rint(np.clip(fraction, 0.0, 1.0) * 255.0).astype(np.uint8)
    return png_bytes(255 - grey if inverted else grey)


def _windowed(stored: NDArray[np.int32], source: Dataset) -> NDArray[np.float64]:
    """Return display values in [0, 1]; broken tables and windows count as absent."""
    values: NDArray[np.generic]
    try:
        values = apply_modality_lut(stored, source)
    except Exception:  # noqa: BLE001 - a broken LUT raises whatever its parts happen to raise
        values = stored
    for show in (_through_lut, _through_window):
        try:
            shown: NDArray[np.float64] | None = show(values, source)
        except Exception:  # noqa: BLE001 - as above
            shown = None
        if shown is not None and np.isfinite(shown).all():
            return shown
    plain = values.astype(np.float64)
    span = float(plain.max() - plain.min())
    unit: NDArray[np.float64] = (plain - plain.min()) / (span or 1.0)
    return unit


def _through_lut(values: NDArray[np.generic], source: Dataset) -> NDArray[np.float64] | None:
    """Apply the first VOI LUT, if any (PS3.3 C.11.2.1.1)."""
    if not source.get("VOILUTSequence"):
        return None
    item = source.VOILUTSequence[0]
    entries, first, depth = (int(part) for part in item.LUTDescriptor)
    # pydicom indexes with the table's own type, which is too narrow for 8-bit entries.
    item.LUTDescriptor = [entries, first, 16]
    clipped = np.clip(np.rint(values.astype(np.float64)), first, first + (entries or 65536) - 1)
    shown = apply_voi_lut(clipped.astype(np.int64), source, prefer_lut=True)
    fraction: NDArray[np.float64] = shown.astype(np.float64) / ((1 << depth) - 1)
    return fraction


def _through_window(values: NDArray[np.generic], source: Dataset) -> NDArray[np.float64] | None:
    """Apply the first window, if any, by the data set's VOILUTFunction (PS3.3 C.11.2.1.2)."""
    center, width = source.get("WindowCenter"), source.get("WindowWidth")
    if center in (None, "") or width in (None, ""):
        return None
    # An unsigned 8-bit stand-in makes pydicom's output range 0 to 255 for any image.
    window = Dataset()
    window.PhotometricInterpretation = "MONOCHROME2"
    window.BitsStored, window.PixelRepresentation = 8, 0
    window.WindowCenter = _first(center)
    window.WindowWidth = _first(width)
    window.VOILUTFunction = source.get("VOILUTFunction") or "LINEAR"
    shown: NDArray[np.float64] = apply_windowing(np.asarray(values), window) / 255.0
    return shown


def _first(value: object) -> float:
    """Return the first of one or several values."""
    return float(next(iter(value)) if isinstance(value, MultiValue) else str(value))
