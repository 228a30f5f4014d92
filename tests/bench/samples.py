"""Small real images, and made-up rows, for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.data import get_testdata_file

from radcodec.bench.rows import Row


def sample_path(name: str) -> Path:
    """Where pydicom keeps one of its own test files."""
    found = get_testdata_file(name, download=False)
    assert isinstance(found, str)
    return Path(found)


def stored_values(name: str) -> NDArray[np.int32]:
    """Pixels of one of pydicom's own test files."""
    pixels: NDArray[np.int32] = pydicom.dcmread(sample_path(name)).pixel_array.astype(np.int32)
    return pixels


def row(
    image: str, codec: str, bpp: float, psnr: float, modality: str = "ct", ssim: float = 0.9
) -> Row:
    """One measurement, its knob being its rate."""
    return Row(
        image=image,
        modality=modality,
        split="val",
        codec=codec,
        knob=f"{bpp:g}",
        bytes=int(bpp * 1000),
        bpp=bpp,
        psnr=psnr,
        ssim=ssim,
        ms_ssim=ssim,
        max_error=3,
        windows={"lung": psnr + 1, "bone": psnr + 2},
    )
