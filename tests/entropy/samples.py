"""Latents, masks and table sets for the tests."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from radcodec.entropy.build import build_table_set, choose_order, choose_thresholds
from radcodec.entropy.counting import activities, count_symbols
from radcodec.entropy.mixing import Experience, learnt
from radcodec.entropy.tables import TableSet
from tests.independent_entropy import predict

#: What the first byte of a tile has added where contexts are mixed.
MIXED = 128
NO_SKIP = np.zeros((24, 24), dtype=bool)
Exact = NDArray[np.float32]
Latent = tuple[NDArray[np.int32], NDArray[np.bool_]]


def laplacian(seed: int, shape: tuple[int, int, int], scale: float) -> NDArray[np.int32]:
    """Return a latent whose channels fall off, and whose activity changes over the plane."""
    random = np.random.default_rng(seed)
    falling = np.exp(-0.3 * np.arange(shape[0]))[:, None, None]
    local = np.exp(random.normal(0, 1, (1, *shape[1:])))
    q: NDArray[np.int32] = np.rint(random.laplace(0, scale, shape) * falling * local).astype(
        np.int32
    )
    q[0] = np.cumsum(q[0], axis=1)
    return q


@lru_cache
def trained(channels: int, scale: float, seed: int = 0, predicted: bool = True) -> TableSet:
    """Return tables that were trained on a small Laplacian latent."""
    q = laplacian(seed, (channels, 24, 24), scale)
    skip = np.zeros((24, 24), dtype=bool)
    order = choose_order([q])
    thresholds = choose_thresholds(activities(q, skip, predicted))
    counts = count_symbols(q, skip, order, thresholds, predicted=predicted)
    return build_table_set(counts, order, thresholds, predicted=predicted)


def sets_for(channels: int) -> list[TableSet]:
    """Return tables for sparse, middling and dense latents, and tables without prediction."""
    tables = [trained(channels, scale) for scale in (0.2, 2.0, 40.0)]
    return [*tables, trained(channels, 2.0, predicted=False)]


def even(channels: int) -> TableSet:
    """Return tables whose decisions start in the middle."""
    one = trained(channels, 2.0)
    return replace(one, decisions=np.full((2, 16), 1024, dtype=np.uint16))


def code_of(one: TableSet, symbol: int, group: int = 0) -> str:
    """Return the code of a symbol of a class as binary digits."""
    return f"{one.codes[group, symbol]:0{one.lengths[group, symbol]}b}"


def scan(channels: int) -> NDArray[np.uint8]:
    """Return a scan order that is not that of the channels."""
    return np.array([0, *range(channels - 1, 0, -1)], dtype=np.uint8)


@lru_cache
def blank(channels: int) -> Experience:
    """Return experience of nothing."""
    return Experience.none(channels)


@lru_cache
def sampled(channels: int, predicted: bool = True, scale: float = 2.0) -> Experience:
    """Return experience of a small Laplacian latent."""
    tiles = [(laplacian(0, (channels, 24, 24), scale), NO_SKIP)]
    return learnt(tiles, scan(channels), predicted=predicted)


@lru_cache
def wild(channels: int) -> Experience:
    """Return experience of random numbers, the extreme ones among them."""
    random, like = np.random.default_rng(1), blank(channels)
    chances = random.choice(np.array([16, 17, 900, 40000, 65519], np.uint16), like.chances.shape)
    sightings = random.integers(0, 256, like.sightings.shape, np.uint8)
    weights = random.integers(-(1 << 20), 1 << 20, like.weights.shape, np.int32, endpoint=True)
    return Experience(chances, sightings, weights)


def with_recall(one: TableSet, experience: Experience) -> TableSet:
    """Return a table set that has experience."""
    return replace(one, recall=lambda: experience)


@st.composite
def latents(draw: st.DrawFn, channels: int | None = None) -> Latent:
    """Draw sparse and dense latents with escapes, and maps of skipped positions."""
    if channels is None:
        channels = draw(st.sampled_from([1, 2, 5, 16]))
    shape = (channels, draw(st.integers(1, 12)), draw(st.integers(1, 12)))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    largest = draw(st.sampled_from([1, 4, 600, 1 << 20]))
    kept = draw(st.sampled_from([0.0, 0.05, 0.3, 1.0]))
    q = random.integers(-largest, largest, shape, dtype=np.int32, endpoint=True)
    q[random.random(shape) >= kept] = 0
    skip = random.random(shape[1:]) < draw(st.sampled_from([0.0, 0.3, 1.0]))
    return q, skip


def rounded_latent(exact: Exact) -> NDArray[np.int32]:
    """Return a latent in whole quantiser steps."""
    out: NDArray[np.int32] = np.rint(exact).astype(np.int32)
    return out


def residual_of(q: NDArray[np.int32], by: NDArray[np.int32], tables: TableSet) -> NDArray[np.int64]:
    """Channel 0 of `q` less its prediction from `by`, the other channels as they are."""
    out = q.astype(np.int64)
    if tables.predicted:
        for row, column in np.ndindex(*q.shape[1:]):
            out[0, row, column] -= predict(by[0], row, column)
    return out
