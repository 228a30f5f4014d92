"""Training and validation images, and the random patches drawn from them.

Two kinds of source are read: a folder with an ``index.csv`` (columns file, split,
modality, and optionally offset) of lossless JPEG XL images, or any folder of DICOM and
PNG files.  Every image passes the same background and intensity stages as in use.
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
    """Load all images of a folder.

    Parameters
    ----------
    folder : Path
        With or without an ``index.csv``.
    split : str
        "train" or "val"; without an index all images belong to every split.
    modality : str or None
        For files of a folder without index that do not say.

    Raises
    ------
    ValueError
        Where nothing usable was found.
    """
    if (folder / "index.csv").exists():
        with ThreadPoolExecutor() as pool:
            samples = list(pool.map(_load_indexed, read_index(folder, split)))
    else:
        samples = list(_load_any(folder, modality))
    if not samples:
        raise ValueError(f"no usable image in {folder} (split {split})")
    return samples


class PatchSource:
    """Endless random patches, augmented.

    Parameters
    ----------
    samples : list of Sample
        Where patches come from; a modality with fewer images is drawn as often as
        `weights` says all the same.
    size : int
        Side of a patch in pixels.
    weights : dict
        Modality to relative frequency.
    seed : int
        For reproducible draws.
    """

    def __init__(
        self, samples: list[Sample], size: int, weights: dict[str, float], seed: int
    ) -> None:
        self.size = size
        self.random = np.random.default_rng(seed)
        self.groups = {m: [s for s in samples if s.modality == m] for m in MODALITIES}
        used = [m for m in MODALITIES if self.groups[m] and weights.get(m, 0) > 0]
        if not used:
            raise ValueError("no image of any modality that the weights name")
        total = sum(weights[m] for m in used)
        self.modalities = used
        self.shares = [weights[m] / total for m in used]

    def _crop(self, sample: Sample) -> tuple[NDArray[np.float32], NDArray[np.bool_], float]:
        """Cut a patch, halved in scale at times; prefer parts that are not background."""
        rows, cols = sample.unit.shape
        room = min(rows, cols) // self.size
        wide = min(rows, cols) > 1500
        scale = 1
        if room >= 2 and self.random.random() < (0.5 if wide else 0.25):
            scale = 2
        if room >= 4 and wide and self.random.random() < 0.3:
            scale = 4
        side = self.size * scale
        mask: NDArray[np.bool_]
        for _ in range(6):
            top = int(self.random.integers(0, max(rows - side, 0) + 1))
            left = int(self.random.integers(0, max(cols - side, 0) + 1))
            area = (slice(top, top + side), slice(left, left + side))
            if sample.mask is None:
                mask = np.zeros(sample.unit[area].shape, bool)
            else:
                mask = sample.mask[area]
            if mask.mean() < 0.6:
                break
        patch = sample.unit[area].astype(np.float32) / np.float32(65535)
        short = (side - patch.shape[0], side - patch.shape[1])
        if max(short) > 0:
            pad = ((0, short[0]), (0, short[1]))
            patch = np.pad(patch, pad, mode="edge")
            mask = np.pad(mask, pad, mode="constant", constant_values=True)
        if scale > 1:
            shape = (self.size, scale, self.size, scale)
            patch = patch.reshape(shape).mean(axis=(1, 3))
            mask = np.asarray(mask.reshape(shape).any(axis=(1, 3)), dtype=bool)
        return patch, mask, sample.step / scale

    def _augment(self, patch: NDArray[np.float32], step: float) -> NDArray[np.float32]:
        """Vary the contrast, so that 8-bit sources stand for deeper ones too."""
        if step > 1 / 1024:
            # Spread the values of shallow sources over their quantising step.
            patch = patch + (self.random.random(patch.shape, np.float32) - 0.5) * np.float32(step)
        if self.random.random() < 0.5:
            gain = np.float32(np.exp(self.random.uniform(np.log(0.35), 0)))
            patch = patch * gain + np.float32(self.random.uniform(0, 1 - gain))
        if self.random.random() < 0.25:
            patch = np.clip(patch, 0, 1) ** np.float32(np.exp(self.random.normal(0, 0.3)))
        if self.random.random() < 0.08:
            patch = np.float32(1) - patch
        return np.clip(patch, 0, 1)

    def batch(
        self, count: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
        """Draw patches.

        Returns
        -------
        images : float32, (count, 1, size, size), in [0, 1]
        weights : float32, same shape
            0 in the background, which is restored exactly and so counts for nothing.
        modalities : int64, (count,)
            Index into `MODALITIES`.
        """
        images = np.empty((count, 1, self.size, self.size), np.float32)
        weights = np.empty_like(images)
        modalities = np.empty(count, np.int64)
        for n in range(count):
            name = self.modalities[int(self.random.choice(len(self.modalities), p=self.shares))]
            group = self.groups[name]
            sample = group[int(self.random.integers(len(group)))]
            patch, mask, step = self._crop(sample)
            turns, flip = int(self.random.integers(0, 4)), 1 - 2 * int(self.random.integers(0, 2))
            images[n, 0] = np.rot90(self._augment(patch, step), turns)[:, ::flip]
            weights[n, 0] = 1 - np.rot90(mask, turns)[:, ::flip]
            modalities[n] = MODALITIES.index(name)
        return images, weights, modalities


def licences(folder: Path, split: str) -> dict[str, int]:
    """Count the images of one split of an indexed folder by source and licence."""
    counts: dict[str, int] = {}
    with (folder / "index.csv").open(newline="") as handle:
        for row in csv.DictReader(handle):
            if row["split"] == split:
                key = f"{row.get('source', '')}: {row.get('licence', '')}"
                counts[key] = counts.get(key, 0) + 1
    return dict(sorted(counts.items()))
