"""The independent decoder agrees with the package, here with networks of random integers."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from radcodec.container import Header, Quality, RczFile, write_rcz
from radcodec.entropy.latents import decode_tile, encode_tile
from radcodec.entropy.mask import encode_mask
from radcodec.entropy.symbols import CLASSES, DECISION_CONTEXTS, alphabet_sizes
from radcodec.entropy.tables import TableSet, save_table_sets
from radcodec.intensity.background import skipped_positions

SOURCE = Path(__file__).resolve().parents[1] / "independent_decoder.py"
DEPTH, WIDTH, FRACTION_BITS = 1, 4, 12


@pytest.fixture(scope="module")
def second() -> ModuleType:
    """Return tests/independent_decoder.py as a module."""
    spec = importlib.util.spec_from_file_location("independent_decoder", SOURCE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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


@pytest.fixture(scope="module")
def sets() -> list[TableSet]:
    """Return table sets shared by the tests."""
    return table_sets(np.random.default_rng(5))


def random_latent(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.int32]:
    """Return a latent with many zeros, some large values and one that needs an escape."""
    spread = 10.0 ** rng.uniform(-1, 2.5, (16, *shape))
    q = np.rint(rng.laplace(0, spread)).astype(np.int32)
    q[1:, rng.random(shape) < 0.3] = 0
    q[3, 0, 0] = -(2**23)
    return q


def conv(image: NDArray[np.int64], weight: NDArray[np.integer]) -> NDArray[np.int64]:
    """Correlate by the definition, pixel by pixel."""
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1)))
    rows, columns = image.shape[1:]
    out = np.empty((len(weight), rows, columns), dtype=np.int64)
    for o, y, x in np.ndindex(*out.shape):
        out[o, y, x] = int((weight[o] * padded[:, y : y + 3, x : x + 3]).sum())
    return out


def test_a_whole_file(second: ModuleType, sets: list[TableSet], tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    rows, columns = 37, 75
    mask = np.zeros((rows, columns), dtype=bool)
    mask[:30, 18:] = True
    mask[rng.integers(0, rows, 40), rng.integers(0, columns, 40)] ^= True

    weights: dict[str, NDArray[np.integer]] = {}
    for i, (inputs, outputs) in enumerate([(16, WIDTH), (WIDTH, 4 * WIDTH), (WIDTH, 4)]):
        # Weights of the last are small, so that few pixels are clamped.
        most = 40 if i < 2 else 2
        shape = (outputs, inputs, 3, 3)
        weights[f"conv{i}_weight"] = rng.integers(-most, most, shape, np.int32, endpoint=True)
        weights[f"conv{i}_bias"] = rng.integers(-3000, 3000, outputs)
        if i < 2:
            weights[f"conv{i}_shift"] = rng.integers(7, 10, outputs, np.int32) * (
                np.arange(outputs) > 0
            )
            weights[f"conv{i}_max"] = np.array(1023, dtype=np.int32)
    gains = rng.integers(1, 300, (256, 16), np.int32)
    limits = rng.integers(100, 400, 16, np.int32)
    np.savez(tmp_path / "weights.npz", allow_pickle=False, **weights)
    np.savez(tmp_path / "gains.npz", gains=gains, shift=np.array(6), limits=limits)
    (tmp_path / "tables.npz").write_bytes(save_table_sets(sets))
    manifest = {
        "depth": DEPTH,
        "width": WIDTH,
        "latents": 16,
        "fraction_bits": FRACTION_BITS,
        "files": {
            f"{name}.npz": hashlib.sha256((tmp_path / f"{name}.npz").read_bytes()).hexdigest()
            for name in ("weights", "gains", "tables")
        },
    }
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    model_id = hashlib.sha256((tmp_path / "manifest.json").read_bytes()).digest()
    header = Header(
        "ct", DEPTH, 16, 12, True, 77, "dicom", rows, columns, -900, 1500, model_id, True,
        tile_log2=6,
    )  # fmt: skip
    skip = skipped_positions(mask, header.grid.block)
    assert skip.any() and header.grid.tile_count == 2
    q = random_latent(rng, header.grid.latent_shape)
    tiles = [
        encode_tile(np.ascontiguousarray(q[:, r, c]), np.ascontiguousarray(skip[r, c]), sets)
        for r, c in header.grid.tile_slices
    ]

    # What the format says, computed without help from either decoder but for the latents.
    decoded = np.concatenate(
        [
            second.decode_tile(tile, skip[r, c], dict(np.load(tmp_path / "tables.npz")))
            for tile, (r, c) in zip(tiles, header.grid.tile_slices, strict=True)
        ],
        axis=2,
    )
    assert np.array_equal(decoded[:, ~skip], q[:, ~skip])
    for tile, (r, c) in zip(tiles, header.grid.tile_slices, strict=True):
        part = np.ascontiguousarray(skip[r, c])
        assert np.array_equal(decode_tile(tile, (16, *part.shape), part, sets), decoded[:, r, c])
    z = (decoded * gains[77, :, None, None] + 32) >> 6
    z = np.clip(z, -limits[:, None, None].astype(np.int64), limits[:, None, None])
    for i in range(3):
        acc = conv(z, weights[f"conv{i}_weight"]) + weights[f"conv{i}_bias"][:, None, None]
        if i < 2:
            for o, shift in enumerate(weights[f"conv{i}_shift"].tolist()):
                half = 2 ** (shift - 1) if shift else 0
                acc[o] = np.clip((acc[o] + half) >> shift, 0, 1023)
        z = acc
        if i > 0:
            z = np.empty((len(acc) // 4, 2 * acc.shape[1], 2 * acc.shape[2]), dtype=np.int64)
            for v, u in np.ndindex(2, 2):
                z[:, v::2, u::2] = acc[2 * v + u :: 4]
    fixed = np.clip(z[0, :rows, :columns], 0, 4096)
    expected = 1500 - ((fixed * 2400 + 2048) >> 12)
    expected[mask] = -2000
    assert np.unique(expected).size > 50

    quality = Quality(30.0, 99, hashlib.sha256(expected.astype("<i4").tobytes()).digest())
    data = write_rcz(RczFile(header, tiles, (-2000, encode_mask(mask)), None, quality))
    got = second.decode(data, tmp_path)
    assert got.dtype == np.int32
    assert np.array_equal(got, expected)

    damaged = bytearray(data)
    damaged[len(data) // 2] ^= 1
    with pytest.raises(second.Refused):
        second.decode(bytes(damaged), tmp_path)


@pytest.mark.parametrize("shape", [(1, 1), (16, 16), (17, 33), (50, 3), (40, 70)])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
def test_masks(second: ModuleType, shape: tuple[int, int], share: float) -> None:
    rng = np.random.default_rng(3)
    mask = rng.random(shape) < share
    mask[: shape[0] // 2] |= share > 0
    assert np.array_equal(second.decode_mask(encode_mask(mask), *shape), mask)
