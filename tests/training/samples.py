"""A small folder of training images, and codecs far smaller than those of use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radcodec.training.data import MODALITIES

#: Sides of the images.
ROWS, COLUMNS = 72, 56


def write_images(folder: Path) -> Path:
    """Write one image of each modality, with an index, as training expects them."""
    imagecodecs = pytest.importorskip("imagecodecs")
    folder.mkdir()
    lines = ["file,split,modality,offset,source,licence"]
    for seed, modality in enumerate(MODALITIES):
        random = np.random.default_rng(seed)
        walk = np.cumsum(np.cumsum(random.normal(0, 3, (ROWS, COLUMNS)), 0), 1)
        values = np.clip(2000 + walk + random.normal(0, 20, walk.shape), 1, 4095)
        if modality == "mg":
            values[:, :20] = 0
        data = imagecodecs.jpegxl_encode(values.astype(np.uint16), lossless=True)
        (folder / f"{modality}.jxl").write_bytes(data)
        lines.append(f"{modality}.jxl,train,{modality.upper()},0,synthetic,CC0")
    (folder / "index.csv").write_text("\n".join(lines) + "\n")
    return folder
