"""Round trips of latent tiles, their costs, and damaged streams."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radcodec.entropy.counting import Counts, activities, count_symbols
from radcodec.entropy.decisions import encode_decisions
from radcodec.entropy.latents import cost_bits, decode_tile, encode_tile, model_bits
from radcodec.entropy.symbols import LARGEST
from radcodec.entropy.tokens import analyse
from radcodec.errors import CorruptError, LimitError, RadcodecError

from . import plain
from .samples import Latent, code_of, even, laplacian, latents, sets_for, trained

NO_SKIP = np.zeros((24, 24), dtype=bool)
ONE = np.zeros((1, 1), dtype=bool)
#: Decisions of a tile whose only position is neither empty nor single, for tables without
#: a lean: both outcomes 1, in one byte.
FULL_DECISIONS = b"\1\xc0"


def tile_of(decisions: bytes, digits: str) -> bytes:
    """Return a tile of table set 0: decisions with their length, and binary digits."""
    size = -(-len(digits) // 8)
    return b"\0" + decisions + int(digits.ljust(8 * size, "0") or "0", 2).to_bytes(size)


@settings(max_examples=150, deadline=None)
@given(latents())
def test_what_is_coded_comes_back(tile: Latent) -> None:
    q, skip = tile
    sets = sets_for(len(q))
    out = decode_tile(encode_tile(q, skip, sets), q.shape, skip, sets)
    assert out.dtype == np.int32
    assert out.flags.c_contiguous
    assert np.array_equal(out[:, ~skip], q[:, ~skip])
    assert not out[1:, skip].any()


@settings(max_examples=60, deadline=None)
@given(latents())
def test_cost_is_the_real_size(tile: Latent) -> None:
    q, skip = tile
    sets = sets_for(len(q))
    costs = [cost_bits(q, skip, one) for one in sets]
    data = encode_tile(q, skip, sets)
    assert len(data) == 1 + -(-costs[data[0]] // 8)
    assert len(encode_tile(q, skip, sets, [1])) == 1 + -(-costs[1] // 8)


def test_the_cheapest_tables_are_chosen() -> None:
    for place, scale in enumerate((0.2, 2.0, 40.0)):
        q = laplacian(7, (16, 24, 24), scale)
        costs = [cost_bits(q, NO_SKIP, one) for one in sets_for(16)]
        assert encode_tile(q, NO_SKIP, sets_for(16))[0] == np.argmin(costs) == place


@settings(max_examples=40, deadline=None)
@given(latents())
def test_dahuffman_alone_decodes_the_same(tile: Latent) -> None:
    q, skip = tile
    sets = sets_for(len(q))
    data = encode_tile(q, skip, sets)
    chosen = sets[data[0]]
    out = plain.decode(
        data[1:],
        skip.tolist(),
        chosen.order.tolist(),
        chosen.thresholds.tolist(),
        chosen.lengths.tolist(),
        chosen.decisions.tolist(),
        chosen.predicted,
    )
    assert np.array_equal(np.array(out).transpose(2, 0, 1), decode_tile(data, q.shape, skip, sets))


@settings(max_examples=100, deadline=None)
@given(latents(channels=16), st.data())
def test_damage_gives_an_error_or_another_latent(tile: Latent, data: st.DataObject) -> None:
    q, skip = tile
    sets = sets_for(16)
    stream = bytearray(encode_tile(q, skip, sets))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(stream) - 1))
        stream[place] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(RadcodecError):
        assert decode_tile(bytes(stream), q.shape, skip, sets).shape == q.shape


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.integers(1, 40), st.integers(1, 40))
def test_foreign_bytes_give_an_error_or_a_latent(data: bytes, rows: int, cols: int) -> None:
    skip = np.zeros((rows, cols), dtype=bool)
    with contextlib.suppress(RadcodecError):
        out = decode_tile(data, (16, rows, cols), skip, sets_for(16))
        assert np.abs(out.astype(np.int64)).max() <= LARGEST


def test_every_truncation_and_every_addition_is_told() -> None:
    q = laplacian(3, (16, 9, 7), 2.0)
    skip = np.zeros((9, 7), dtype=bool)
    sets = sets_for(16)
    data = encode_tile(q, skip, sets)
    for length in range(len(data)):
        with pytest.raises(CorruptError):
            decode_tile(data[:length], q.shape, skip, sets)
    for tail in (b"\0", b"\x80", bytes(100)):
        with pytest.raises(CorruptError):
            decode_tile(data + tail, q.shape, skip, sets)


def test_an_unknown_table_set_is_told() -> None:
    sets = sets_for(16)
    count = len(sets)
    with pytest.raises(CorruptError, match=f"table set {count} of {count}"):
        decode_tile(bytes([count]), (16, 1, 1), ONE, sets)


def test_a_block_that_ends_at_once_is_told() -> None:
    one = even(2)
    data = tile_of(FULL_DECISIONS, code_of(one, 0) + code_of(one, int(one.offsets[2]) - 1))
    with pytest.raises(CorruptError, match="block ends"):
        decode_tile(data, (2, 1, 1), ONE, [one])


@pytest.mark.parametrize("symbol", [1, 3])
def test_a_symbol_that_decisions_have_ruled_out_is_told(symbol: int) -> None:
    one = even(2)
    with pytest.raises(CorruptError, match="ruled out"):
        decode_tile(tile_of(FULL_DECISIONS, code_of(one, symbol) + "0"), (2, 1, 1), ONE, [one])


def test_nothing_is_written_for_what_is_skipped() -> None:
    q = laplacian(1, (16, 5, 5), 2.0)
    skip = np.ones((5, 5), dtype=bool)
    data = encode_tile(q, skip, sets_for(16))
    assert len(data) == 1
    assert not decode_tile(data, q.shape, skip, sets_for(16)).any()
    assert cost_bits(q, skip, sets_for(16)[0]) == 0
    for tail in (b"\0", b"\1\1"):
        with pytest.raises(CorruptError, match="behind its last"):
            decode_tile(data + tail, q.shape, skip, sets_for(16))


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_largest_values_survive_and_larger_ones_are_refused(sign: int) -> None:
    q = np.full((16, 2, 2), sign * LARGEST, dtype=np.int32)
    q[:, 0, 1] = -sign * LARGEST
    skip = np.zeros((2, 2), dtype=bool)
    sets = sets_for(16)
    assert np.array_equal(decode_tile(encode_tile(q, skip, sets), q.shape, skip, sets), q)
    q[3, 0, 0] = sign * (LARGEST + 1)
    with pytest.raises(LimitError):
        encode_tile(q, skip, sets)


def test_a_larger_value_in_a_stream_is_told() -> None:
    one = even(1)
    data = tile_of(FULL_DECISIONS, code_of(one, 38) + "1" * 24 + "0")
    with pytest.raises(CorruptError, match="out of range"):
        decode_tile(data, (1, 1, 1), ONE, [one])


def test_single_positions_leave_no_range_either() -> None:
    q = np.full((1, 1, 2), LARGEST, dtype=np.int32)
    skip = np.zeros((1, 2), dtype=bool)
    q[0, 0, 1] -= 1
    data = bytearray(encode_tile(q, skip, [even(1)]))
    assert np.array_equal(decode_tile(bytes(data), q.shape, skip, [even(1)]), q)
    # The sign of the single position is the last bit that was written: a one.
    bits = int.from_bytes(data)
    data = bytearray((bits ^ (bits & -bits)).to_bytes(len(data)))
    with pytest.raises(CorruptError, match="out of range"):
        decode_tile(bytes(data), q.shape, skip, [even(1)])


def test_every_damaged_byte_gives_an_error_or_another_latent() -> None:
    q = laplacian(5, (16, 11, 13), 0.3)
    skip = np.zeros((11, 13), dtype=bool)
    skip[3:5, 2:9] = True
    sets = sets_for(16)
    data = encode_tile(q, skip, sets)
    told = 0
    for place in range(len(data)):
        for flip in (1, 0x80, 0xFF, 0x55):
            damaged = bytearray(data)
            damaged[place] ^= flip
            try:
                assert decode_tile(bytes(damaged), q.shape, skip, sets).shape == q.shape
            except CorruptError:
                told += 1
    assert told > 2 * len(data)


def test_views_and_other_strides_are_taken() -> None:
    q = laplacian(4, (16, 20, 20), 1.0)
    part, skip = q[:, 3:17:2, 1:9], np.zeros((40, 8), dtype=bool)[::2][:7]
    sets = sets_for(16)
    out = decode_tile(encode_tile(part, skip, sets), part.shape, skip, sets)
    assert np.array_equal(out, part)


def test_counts_add_up_and_give_the_cost() -> None:
    one = trained(16, 2.0)
    tiles = [laplacian(seed, (16, 24, 24), 2.0) for seed in range(3)]
    into = Counts.none(16)
    for q in tiles:
        assert count_symbols(q, NO_SKIP, one.order, one.thresholds, into) is into
    coded = int((into.symbols * one.lengths).sum())
    decided = sum(8 * len(encode_decisions(analyse(q, NO_SKIP, one.predicted), one)) for q in tiles)
    raw = sum(cost_bits(q, NO_SKIP, one) for q in tiles) - coded - decided
    assert raw >= sum(np.count_nonzero(q[1:]) for q in tiles)
    assert into.decisions[0].sum() == 3 * NO_SKIP.size
    assert into.decisions[0, :, 1].sum() == into.decisions[1].sum()
    assert into.decisions[1, :, 1].sum() == into.symbols[:, :40].sum()
    assert not into.symbols[:, [1, 3]].any()
    again = [count_symbols(q, NO_SKIP, one.order, one.thresholds) for q in tiles]
    assert np.array_equal(into.symbols, sum(each.symbols for each in again))
    assert np.array_equal(into.decisions, sum(each.decisions for each in again))


def test_whole_bits_cost_little_above_the_model() -> None:
    one = trained(16, 2.0)
    q = laplacian(0, (16, 24, 24), 2.0)
    assert 0.97 < model_bits(q, NO_SKIP, one) / cost_bits(q, NO_SKIP, one) < 1.01
    bare = replace(one, information=None)
    with pytest.raises(ValueError, match="probabilities"):
        model_bits(q, NO_SKIP, bare)


def test_activity_weighs_the_neighbours() -> None:
    q = np.zeros((2, 2, 3), dtype=np.int32)
    q[1] = [[1, -3, 40], [2, 0, 0]]
    skip = np.zeros((2, 3), dtype=bool)
    # left 2, up 2, upper left 1, upper right 1; 40 counts as 15
    assert activities(q, skip).tolist() == [0, 2, 6, 5, 4 + 6 + 1 + 15, 30 + 3]
    skip[0, 1] = True
    assert activities(q, skip).tolist() == [0, 0, 2, 4 + 1 + 15, 30]
