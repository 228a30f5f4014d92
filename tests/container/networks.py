"""Networks of random integers: bundles on disk, and what the package needs of them in memory."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.filter_weights import CLASSES as FILTER_CLASSES
from radcodec.entropy.filter_weights import LARGEST_WEIGHT, inputs_of
from radcodec.entropy.symbols import CLASSES, DECISION_CONTEXTS, alphabet_sizes
from radcodec.entropy.tables import TableSet, save_experience, save_table_sets
from radcodec.errors import ModelNotFoundError

WIDTH, FRACTION_BITS, GAIN_SHIFT, LARGEST = 4, 12, 6, 1023


def complete_lengths(symbols: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the lengths of a complete code, made by splitting leaves at random."""
    lengths = [0]
    while len(lengths) < symbols:
        short = [i for i, n in enumerate(lengths) if n < 14]
        length = lengths.pop(int(rng.choice(short))) + 1
        lengths += [length, length]
    return rng.permutation(np.array(lengths, dtype=np.uint8))


def table_sets(rng: np.random.Generator) -> list[TableSet]:
    """Return two table sets of random codes."""
    sets = []
    for _ in range(2):
        order = np.r_[0, 1 + rng.permutation(15)].astype(np.uint8)
        thresholds = np.array([1, 3, 6, 12, 25, 50, 100], dtype=np.int32)
        sizes = alphabet_sizes(16)
        rows = [
            np.concatenate([complete_lengths(int(n), rng) for n in sizes]) for _ in range(CLASSES)
        ]
        decisions = rng.integers(1, 2048, (2, DECISION_CONTEXTS), np.uint16)
        sets.append(TableSet(order, thresholds, np.stack(rows), decisions))
    return sets


def conv(image: NDArray[np.int64], weight: NDArray[np.integer]) -> NDArray[np.int64]:
    """Correlate in whole numbers, by the definition."""
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1)))
    rows, columns = image.shape[1:]
    out = np.zeros((len(weight), rows, columns), dtype=np.int64)
    for v, u in np.ndindex(3, 3):
        window = padded[:, v : v + rows, u : u + columns]
        out += np.einsum("oi,iyx->oyx", weight[:, :, v, u].astype(np.int64), window)
    return out


class RandomNetwork:
    """A decompressor as docs/format.md has it, with the members that the package's has.

    Parameters
    ----------
    folder : Path
        Where its bundle is written.
    depth : int
    sets : list of TableSet
    seed : int
    """

    def __init__(self, folder: Path, depth: int, sets: list[TableSet], seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.folder, self.depth, self.table_sets = folder, depth, sets
        self.bundle = SimpleNamespace(depth=depth, latents=16)
        self.fraction_bits = FRACTION_BITS
        self.weights: dict[str, NDArray[np.integer]] = {}
        widths = [(16, WIDTH), *[(WIDTH, 4 * WIDTH)] * depth, (WIDTH, 4)]
        for i, (inputs, outputs) in enumerate(widths):
            # Weights of the last are small, so that few pixels are clamped.
            most = 40 if i <= depth else 2
            shape = (outputs, inputs, 3, 3)
            weight = rng.integers(-most, most, shape, np.int32, endpoint=True)
            self.weights[f"conv{i}_weight"] = weight
            self.weights[f"conv{i}_bias"] = rng.integers(-3000, 3000, outputs)
            if i <= depth:
                self.weights[f"conv{i}_shift"] = rng.integers(7, 10, outputs, np.int32) * (
                    np.arange(outputs) > 0
                )
                self.weights[f"conv{i}_max"] = np.array(LARGEST, dtype=np.int32)
        self.gains = rng.integers(1, 300, (256, 16), np.int32)
        self.limits = rng.integers(100, 400, 16, np.int32)
        self.model_id = self._write()

    def _write(self) -> bytes:
        """Write the bundle; its id."""
        self.folder.mkdir()
        np.savez(self.folder / "weights.npz", allow_pickle=False, **self.weights)
        shift = np.array(GAIN_SHIFT)
        np.savez(self.folder / "gains.npz", gains=self.gains, shift=shift, limits=self.limits)
        (self.folder / "tables.npz").write_bytes(save_table_sets(self.table_sets))
        names = [f"{name}.npz" for name in ("weights", "gains", "tables")]
        if self.table_sets[0].recall is not None:
            names.append("experience.npz")
            (self.folder / names[-1]).write_bytes(save_experience(self.table_sets))
        manifest = {
            "depth": self.depth,
            "width": WIDTH,
            "latents": 16,
            "fraction_bits": FRACTION_BITS,
            "files": {n: hashlib.sha256((self.folder / n).read_bytes()).hexdigest() for n in names},
        }
        text = json.dumps(manifest).encode()
        (self.folder / "manifest.json").write_bytes(text)
        return hashlib.sha256(text).digest()[:4]

    def fixed_image(self, quantised: NDArray[np.int32], level: int) -> NDArray[np.int32]:
        """Decode a latent, neither cut nor clamped."""
        limits = self.limits[:, None, None].astype(np.int64)
        z = (quantised.astype(np.int64) * self.gains[level, :, None, None] + 32) >> GAIN_SHIFT
        z = np.clip(z, -limits, limits)
        for i in range(self.depth + 2):
            acc = conv(z, self.weights[f"conv{i}_weight"])
            acc += self.weights[f"conv{i}_bias"][:, None, None]
            if i <= self.depth:
                for o, shift in enumerate(self.weights[f"conv{i}_shift"].tolist()):
                    half = 2 ** (shift - 1) if shift else 0
                    acc[o] = np.clip((acc[o] + half) >> shift, 0, LARGEST)
            z = acc
            if i > 0:
                z = np.empty((len(acc) // 4, 2 * acc.shape[1], 2 * acc.shape[2]), dtype=np.int64)
                for v, u in np.ndindex(2, 2):
                    z[:, v::2, u::2] = acc[2 * v + u :: 4]
        image: NDArray[np.int32] = z[0].astype(np.int32)
        return image


class RandomStore:
    """Stands in for `radcodec.network.store.ModelStore` where files are decoded."""

    def __init__(self, *networks: RandomNetwork) -> None:
        self.networks = {network.model_id.hex(): network for network in networks}

    def decompressor(self, model_id: str) -> RandomNetwork:
        """Return the network with an id."""
        if model_id not in self.networks:
            raise ModelNotFoundError(f"there is no {model_id}")
        return self.networks[model_id]


def random_latent(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.int32]:
    """Return a latent with many zeros, some large values and one that needs an escape."""
    spread = 10.0 ** rng.uniform(-1, 2.5, (16, *shape))
    q = np.rint(rng.laplace(0, spread)).astype(np.int32)
    q[1:, rng.random(shape) < 0.3] = 0
    q[3, 0, 0] = -(2**23)
    return q


def random_weights(rng: np.random.Generator, refined: bool) -> tuple[NDArray[np.int32], int]:
    """Return weights of a filter, those of many classes as in the class before, and their shift."""
    shift = int(rng.integers(4))
    most = LARGEST_WEIGHT >> shift
    spread = 10.0 ** rng.uniform(0, 3, (FILTER_CLASSES, inputs_of(refined)))
    found = np.rint(rng.laplace(0, spread)).clip(-most, most).astype(np.int32) << shift
    for group in range(1, FILTER_CLASSES):
        kept = rng.random(found.shape[1]) < rng.choice([0.5, 1.0], p=[0.3, 0.7])
        found[group, kept] = found[group - 1, kept]
    return found, shift
