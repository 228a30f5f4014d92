"""What the side-by-side viewer of the page is given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Rendition:
    """One image as one codec restored it at one target.

    Attributes
    ----------
    codec : str
        Key of the codec in the results.
    target : str
        What was asked for, "ratio 20" or "0.5 bpp"; several codecs share it.
    bytes : int
        Of the whole image's file, also where a crop is shown.
    ratio : float
        Uncompressed bytes over `bytes`.
    psnr : float
        dB over the whole image; infinity for an exact restoration.
    stored : ndarray of int32, shape (rows, columns) of the crop
        Restored stored values.
    """

    codec: str
    target: str
    bytes: int
    ratio: float
    psnr: float
    stored: NDArray[np.int32]


@dataclass(frozen=True)
class ViewerImage:
    """One image, or a crop of it, with its renditions.

    Attributes
    ----------
    name : str
        As in the results; untrusted text.
    modality : str
        As in the results.
    original : ndarray of int32, shape (rows, columns) of the crop
        Stored values.
    top, left : int
        Where the crop lies in the whole image.
    rows, columns : int
        Of the whole image.
    slope, intercept : float
        From stored values to the displayed unit; 1 and 0 where they are not known.
    unit : str
        "HU" for CT with a rescale, else "".
    inverted : bool
        Whether small values are bright (MONOCHROME1).
    center, width : float
        The first display window, in displayed units.
    renditions : tuple of Rendition
        What the codecs made of it.
    """

    name: str
    modality: str
    original: NDArray[np.int32]
    top: int
    left: int
    rows: int
    columns: int
    slope: float
    intercept: float
    unit: str
    inverted: bool
    center: float
    width: float
    renditions: tuple[Rendition, ...]
