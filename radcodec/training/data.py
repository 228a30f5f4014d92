"""Training and validation images.

Three kinds of source are read: a folder with an ``index.csv`` (columns file, split,
modality, and optionally offset) of lossless JPEG XL images, any folder of DICOM and PNG
files, or a pack of parts of images; see `pack`.  Every image passes the same background and
intensity stages as in use.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radcodec.intensity.background import fill_smoothly, find_background
from radcodec.intensity.mapping import IntensityMap

#: Modalities in the order of the numbers that stand for them in training.
MODALITIES = ("xr", "mg", "ct", "mr")


@dataclass(frozen=True)
class Sample:
    """One image as the networks see it.

    Attributes
    ----------
    name : str
        File name, for logs.
    modality : str
        One of `MODALITIES`.
    unit : ndarray of uint16, shape (rows, columns)
        Filled image, 65535 standing for 1.
    mask : ndarray of bool, shape (rows, columns), or None
        Background.
    step : float
        Distance of two stored values in the unit interval.
    """

    name: str
    modality: str
    unit: NDArray[np.uint16]
    mask: NDArray[np.bool_] | None
    step: float


def prepare(
    name: str, modality: str, stored: NDArray[np.integer], inverted: bool = False
) -> Sample:
    """Take one image of stored values through background and intensity stages."""
    background = find_background(stored)
    mask = None if background is None else background.mask
    mapping = IntensityMap.covering(stored, mask, inverted)
    unit = mapping.to_unit(stored)
    if mask is not None:
        unit = fill_smoothly(unit, mask)
    return Sample(name, modality, np.rint(unit * 65535).astype(np.uint16), mask, 1.0 / mapping.span)


def middle_of(stored: NDArray[np.int32], side: int) -> NDArray[np.int32]:
    """Cut the middle, at most `side` pixels along each side, out of an image."""
    top, left = (max((length - side) // 2, 0) for length in stored.shape)
    return stored[top : top + side, left : left + side]


@dataclass(frozen=True)
class IndexedImage:
    """One row of an ``index.csv``."""

    path: Path
    modality: str
    bits_stored: int
    offset: int

    def stored(self) -> NDArray[np.int32]:
        """Decode the file; stored values with their offset."""
        import imagecodecs

        decoded = imagecodecs.jpegxl_decode(self.path.read_bytes())
        return decoded.astype(np.int32).reshape(decoded.shape[:2]) + self.offset


def read_index(folder: Path, split: str) -> list[IndexedImage]:
    """List the images of one split of an indexed folder.

    Raises
    ------
    FileNotFoundError
        Where the folder has no ``index.csv``.
    """
    with (folder / "index.csv").open(newline="") as handle:
        return [
            IndexedImage(
                folder / row["file"],
                row["modality"].lower(),
                int(row.get("bits_stored") or 16),
                int(row.get("offset") or 0),
            )
            for row in csv.DictReader(handle)
            if row["split"] == split
        ]


def _load_indexed(row: IndexedImage) -> Sample:
    return prepare(row.path.name, row.modality, row.stored())


def _load_any(folder: Path, modality: str | None) -> Iterator[Sample]:
    from radcodec.errors import RadcodecError
    from radcodec.reading import read_image

    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        try:
            image = read_image(path)
        except RadcodecError as error:
            print(f"left out: {error}")
            continue
        chosen = image.modality or modality
        if chosen in MODALITIES:
            yield prepare(path.name, chosen, image.stored, image.inverted)
        else:
            print(f"left out: {path}: no modality; give a default")


def load(folder: Path, split: str, modality: str | None = None) -> list[Sample]:
    """Load all images of a folder, or of a pack.

    Parameters
    ----------
    folder : Path
        With or without an ``index.csv``; or a file of `pack.write_pack`.
    split : str
        "train" or "val"; without an index all images belong to every split.
    modality : str or None
        For files of a folder without index that do not say.

    Raises
    ------
    ValueError
        Where nothing usable was found, or a file is no pack.
    """
    if folder.is_file():
        from radcodec.training.pack import read_pack

        samples = read_pack(folder)
    elif (folder / "index.csv").exists():
        with ThreadPoolExecutor() as pool:
            samples = list(pool.map(_load_indexed, read_index(folder, split)))
    else:
        samples = list(_load_any(folder, modality))
    if not samples:
        raise ValueError(f"no usable image in {folder} (split {split})")
    return samples


def licences(folder: Path, split: str) -> dict[str, int]:
    """Count the images of one split of an indexed folder by source and licence."""
    counts: dict[str, int] = {}
    with (folder / "index.csv").open(newline="") as handle:
        for row in csv.DictReader(handle):
            if row["split"] == split:
                key = f"{row.get('source', '')}: {row.get('licence', '')}"
                counts[key] = counts.get(key, 0) + 1
    return dict(sorted(counts.items()))
