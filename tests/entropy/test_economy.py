"""Quantising for rate and distortion: what is lowered, what stays, and that it pays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from radcodec.entropy.economy import BUSY, WORTH, economise
from radcodec.entropy.latents import cost_bits, decode_tile, encode_tile
from radcodec.entropy.tables import TableSet

from .samples import Exact, residual_of, rounded_latent, trained

SIDE = 24
NO_SKIP = np.zeros((SIDE, SIDE), dtype=bool)


def _exact(
    seed: int, scale: float, predicted: bool, shape: tuple[int, int] = (SIDE, SIDE)
) -> Exact:
    """A latent like those of `laplacian`, before rounding."""
    random = np.random.default_rng(seed)
    falling = np.exp(-0.3 * np.arange(16))[:, None, None]
    local = np.exp(random.normal(0, 1, (1, *shape)))
    out = random.laplace(0, scale, (16, *shape)) * falling * local
    if predicted:
        out[0] = np.cumsum(out[0], axis=1)
    exact: Exact = out.astype(np.float32)
    return exact


def _cost(q: NDArray[np.int32], exact: Exact, tables: TableSet) -> float:
    error = float(np.square(exact.astype(np.float64) - q).sum())
    return cost_bits(q, np.zeros(q.shape[1:], bool), tables) + WORTH * error


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 10), st.integers(1, 10)),
    scale=st.sampled_from([0.3, 2.0, 30.0]),
    predicted=st.booleans(),
    skipped=st.sampled_from([0.0, 0.3, 1.0]),
)
def test_no_magnitude_grows(
    seed: int, shape: tuple[int, int], scale: float, predicted: bool, skipped: float
) -> None:
    tables = trained(16, 2.0, predicted=predicted)
    exact = _exact(seed, scale, predicted, shape)
    q = rounded_latent(exact)
    kept = q.copy()
    skip = np.random.default_rng(seed).random(shape) < skipped
    out = economise(q, exact, skip, tables)
    assert out.dtype == np.int32 and out.shape == q.shape
    np.testing.assert_array_equal(q, kept)
    np.testing.assert_array_equal(out[:, skip], q[:, skip])
    # The prediction of channel 0 is that from the values which are coded: what is skipped
    # takes its own prediction.
    seen = decode_tile(encode_tile(out, skip, [tables]), out.shape, skip, [tables])
    np.testing.assert_array_equal(seen[:, ~skip], out[:, ~skip])
    before, after = residual_of(q, seen, tables)[:, ~skip], residual_of(out, seen, tables)[:, ~skip]
    assert (np.abs(after) <= np.abs(before)).all()
    assert (after * before >= 0).all()


@pytest.mark.parametrize("predicted", [True, False])
@pytest.mark.parametrize("scale", [0.2, 1.0, 4.0])
def test_it_pays(scale: float, predicted: bool) -> None:
    tables = trained(16, scale, predicted=predicted)
    before = after = bits_before = bits_after = 0.0
    for seed in range(6):
        exact = _exact(100 + seed, scale, predicted)
        q = rounded_latent(exact)
        out = economise(q, exact, NO_SKIP, tables)
        before, after = before + _cost(q, exact, tables), after + _cost(out, exact, tables)
        bits_before += cost_bits(q, NO_SKIP, tables)
        bits_after += cost_bits(out, NO_SKIP, tables)
    assert after < 0.99 * before
    assert bits_after < bits_before


@pytest.mark.parametrize("predicted", [True, False])
def test_lone_values_in_quiet_places_vanish(predicted: bool) -> None:
    tables = trained(16, 0.2, predicted=predicted)
    exact = np.zeros((16, 12, 12), np.float32)
    exact[9, 3, 4], exact[12, 8, 8], exact[14, 10, 2] = 0.6, -0.55, 0.7
    q = rounded_latent(exact)
    assert np.count_nonzero(q) == 3
    assert not economise(q, exact, np.zeros((12, 12), bool), tables).any()


@pytest.mark.parametrize("predicted", [True, False])
def test_strong_values_stay(predicted: bool) -> None:
    tables = trained(16, 0.2, predicted=predicted)
    exact = np.zeros((16, 12, 12), np.float32)
    exact[9, 3, 4], exact[1, 8, 8], exact[0, 5, 5:] = 9, -7, 6
    q = rounded_latent(exact)
    out = economise(q, exact, np.zeros((12, 12), bool), tables)
    assert np.abs(out - q).max() <= 1
    assert ((out != 0) == (q != 0)).all()


def test_busy_positions_are_left_as_they_are() -> None:
    tables = trained(16, 40.0)
    exact = np.full((16, 4, 4), BUSY / 16 + 1.6, np.float32)
    exact[0] *= np.arange(16).reshape(4, 4) * 40
    q = rounded_latent(exact)
    # Even where errors cost nothing.
    out = economise(q, exact, np.zeros((4, 4), bool), tables, worth=0)
    np.testing.assert_array_equal(out, q)


@pytest.mark.parametrize("predicted", [True, False])
def test_errors_can_be_made_too_dear_or_free(predicted: bool) -> None:
    tables = trained(16, 1.0, predicted=predicted)
    exact = _exact(8, 1.0, predicted)
    q = rounded_latent(exact)
    np.testing.assert_array_equal(economise(q, exact, NO_SKIP, tables, worth=1e6), q)
    costs = []
    for worth in (100.0, WORTH, 2.0, 0.0):
        out = economise(q, exact, NO_SKIP, tables, worth)
        costs.append(cost_bits(out, NO_SKIP, tables))
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] < costs[0] / 2


def test_predictions_go_on_across_what_is_skipped() -> None:
    tables = trained(16, 2.0)
    skip = np.zeros((8, 8), bool)
    skip[2:5, 2:5] = True
    exact = np.zeros((16, 8, 8), np.float32)
    exact[0] = BUSY + 10
    q = rounded_latent(exact)
    q[0, 2:5, 5] += 1
    q[0, skip] = 7
    # Free of cost, all but the first position fall to their predictions.
    out = economise(q, exact, skip, tables, worth=0)
    assert (out[0, ~skip] == BUSY + 10).all()
    assert (out[0, skip] == 7).all()
