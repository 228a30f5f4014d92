"""How a reader would see an image: its unit and its window; and whether it was lossy before."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pydicom import Dataset
from pydicom.multival import MultiValue

from radcodec.metrics.windows import Window

#: Transfer syntaxes of lossy data, or of data that may be lossy and does not say.
LOSSY_SYNTAXES = {
    "1.2.840.10008.1.2.4.50": "baseline JPEG",
    "1.2.840.10008.1.2.4.51": "extended JPEG",
    "1.2.840.10008.1.2.4.81": "near-lossless JPEG-LS",
    "1.2.840.10008.1.2.4.91": "JPEG 2000, which may be lossy",
    "1.2.840.10008.1.2.4.112": "JPEG XL, which may be lossy",
    "1.2.840.10008.1.2.4.203": "HTJ2K, which may be lossy",
}


@dataclass(frozen=True)
class Display:
    """What the DICOM attributes say of the values' meaning.

    Attributes
    ----------
    slope, intercept : float
        From stored values to the unit of the window (Rescale Slope and Intercept).
    unit : str
        "HU" for CT; "" where unknown.
    window : Window or None
        The first window, in that unit; None where the object has none that could be used.
    """

    slope: float = 1.0
    intercept: float = 0.0
    unit: str = ""
    window: Window | None = None


def _number(value: object) -> float | None:
    """The first of one or several values; None where it is no finite number."""
    try:
        number = float(next(iter(value)) if isinstance(value, MultiValue) else str(value))
    except (ValueError, TypeError, StopIteration):
        return None
    return number if math.isfinite(number) else None


def display_of(dataset: Dataset, modality: str) -> Display:
    """Read rescale and window from a data set.

    A modality look-up table is not linear: then the values keep their own unit, and a window
    that is meant for the table's output is left out.
    """
    if dataset.get("ModalityLUTSequence"):
        return Display()
    slope = _number(dataset.get("RescaleSlope"))
    intercept = _number(dataset.get("RescaleIntercept"))
    known = bool(slope) and intercept is not None
    if not slope or intercept is None:
        slope, intercept = 1.0, 0.0
    center, width = _number(dataset.get("WindowCenter")), _number(dataset.get("WindowWidth"))
    window = None
    if center is not None and width is not None and width >= 1:
        window = Window(center, width)
    return Display(slope, intercept, "HU" if known and modality == "ct" else "", window)


def lossy_before(dataset: Dataset) -> str | None:
    """Say how an object shows that its pixels went through lossy compression; None if not."""
    flag = str(dataset.get("LossyImageCompression", "")).strip()
    if flag == "01":
        return "it was compressed lossily before (LossyImageCompression 01)"
    meta = getattr(dataset, "file_meta", None)
    syntax = LOSSY_SYNTAXES.get(str(getattr(meta, "TransferSyntaxUID", "")))
    if syntax is not None and flag != "00":
        return f"it is stored as {syntax}"
    return None
