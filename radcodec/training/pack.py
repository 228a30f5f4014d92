"""Training images in one small file, for a machine that has neither the images nor their decoder.

A pack holds tiles of the images as networks see them, in their own bits but at most 11, coded
without loss by `radcodec.entropy.residual`; it is a ZIP of numpy arrays.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.residual import decode_residual, encode_residual
from radcodec.training.data import MODALITIES, Sample

#: Largest value of a tile.  Its step is far below those of the finest levels.
DEEPEST = 2047
#: Side of a tile in pixels.
TILE = 384
#: Tiles with less than this share of image are left out.
LEAST_IMAGE = 0.1
#: Bytes of a tile beside its streams, seven numbers; and of the ZIP and the arrays' headers.
ENTRY, FRAME = 7 * 8, 1024


@dataclass(frozen=True)
class _Tile:
    """A coded tile: its image's modality, quantising step and range, its shape, two streams."""

    modality: int
    step: float
    top: int
    rows: int
    cols: int
    pixels: bytes
    mask: bytes


def _starts(length: int, random: np.random.Generator) -> range:
    """Where tiles begin along one side; one that is shorter than a tile is a tile of its own."""
    if length <= TILE:
        return range(1)
    return range(int(random.integers(0, length % TILE + 1)), length - TILE + 1, TILE)


def _tiles(sample: Sample, random: np.random.Generator) -> list[tuple[slice, slice]]:
    """Tiles of an image, in random order, moved at random where the image is no multiple."""
    found = []
    tops, lefts = (_starts(length, random) for length in sample.unit.shape)
    for top in tops:
        for left in lefts:
            area = (slice(top, top + TILE), slice(left, left + TILE))
            if sample.mask is None or sample.mask[area].mean() <= 1 - LEAST_IMAGE:
                found.append(area)
    return [found[n] for n in random.permutation(len(found))]


def _coded(sample: Sample, area: tuple[slice, slice]) -> _Tile:
    top = int(min(DEEPEST, round(1 / sample.step)))
    values = np.rint(sample.unit[area] * (top / 65535)).astype(np.int32)
    rows, cols = values.shape
    # What was filled in behind the background is kept as well: networks see it.
    pixels, _ = encode_residual(values, None, np.zeros((rows, cols), np.bool_), 1, 0, top)
    hidden = None if sample.mask is None else sample.mask[area]
    mask = b"" if hidden is None or not hidden.any() else np.packbits(hidden).tobytes()
    modality = MODALITIES.index(sample.modality)
    return _Tile(modality, max(sample.step, 1 / top), top, rows, cols, pixels, mask)


def _in_turn(samples: Sequence[Sample], seed: int) -> Iterator[_Tile]:
    """One tile of every image, then a second one of all that have one, and so on."""
    random = np.random.default_rng(seed)
    order = [samples[n] for n in random.permutation(len(samples))]
    left = [(sample, _tiles(sample, random)) for sample in order]
    while left := [(sample, tiles) for sample, tiles in left if tiles]:
        for sample, tiles in left:
            yield _coded(sample, tiles.pop())


def write_pack(
    samples: Sequence[Sample], path: Path, size: int, shares: dict[str, float], seed: int = 0
) -> dict[str, int]:
    """Write as many tiles as have room.

    Parameters
    ----------
    samples : sequence of Sample
        Training images.
    path : Path
        The file.
    size : int
        Bytes that it may take.
    shares : dict
        Modality to its share of them, relative to the others.
    seed : int
        Of the choice of tiles.

    Returns
    -------
    dict
        Tiles of each modality.

    Raises
    ------
    ValueError
        If there is room for none; nothing is written then.
    """
    tiles: list[_Tile] = []
    counts = {}
    for modality in MODALITIES:
        room = (size - FRAME) * shares.get(modality, 0) / sum(shares.values())
        before = len(tiles)
        for tile in _in_turn([s for s in samples if s.modality == modality], seed):
            room -= len(tile.pixels) + len(tile.mask) + ENTRY
            if room < 0:
                break
            tiles.append(tile)
        counts[modality] = len(tiles) - before
    if not tiles:
        raise ValueError(f"not one part of an image has room in {size} bytes; allow more")
    numbers = [[t.modality, t.top, t.rows, t.cols, len(t.pixels), len(t.mask)] for t in tiles]
    with path.open("wb") as handle:
        np.savez(
            handle,
            numbers=np.array(numbers, np.int64),
            steps=np.array([t.step for t in tiles]),
            data=np.frombuffer(b"".join(t.pixels + t.mask for t in tiles), np.uint8),
        )
    return counts


def _sample(name: str, numbers: Sequence[int], step: float, data: bytes) -> Sample:
    modality, top, rows, cols, length, _ = numbers
    nothing = np.zeros((rows, cols), np.bool_)
    blank = np.zeros((rows, cols), np.int32)
    values = decode_residual(data[:length], None, nothing, blank, 1, 0, top)
    unit = np.rint(values * (65535 / top)).astype(np.uint16)
    mask: NDArray[np.bool_] | None = None
    if len(data) > length:
        bits = np.frombuffer(data[length:], np.uint8)
        mask = np.unpackbits(bits, count=rows * cols).reshape(rows, cols).astype(np.bool_)
    return Sample(name, MODALITIES[modality], unit, mask, step)


def read_pack(path: Path) -> list[Sample]:
    """Read a pack's tiles, each as an image of its own.

    Raises
    ------
    ValueError
        If it is no pack, or a damaged one.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise ValueError(f"checksum of {damaged} differs")
        with np.load(path, allow_pickle=False) as arrays:
            numbers, steps, data = arrays["numbers"], arrays["steps"], arrays["data"].tobytes()
    except (OSError, EOFError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} is no pack of training images, or damaged: {error}; write it again"
        ) from error
    ends = np.cumsum(numbers[:, 4] + numbers[:, 5])
    with ThreadPoolExecutor() as pool:
        return list(
            pool.map(
                lambda n: _sample(
                    f"{path.name} {n}",
                    numbers[n].tolist(),
                    float(steps[n]),
                    data[int(ends[n - 1]) if n else 0 : int(ends[n])],
                ),
                range(len(numbers)),
            )
        )
