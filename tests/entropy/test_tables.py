"""Codes: complete, limited, canonical; tables in bytes; building from counts."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from dahuffman import HuffmanCodec
from hypothesis import given, settings
from hypothesis import strategies as st

from radcodec.entropy.build import (
    build_table_set,
    choose_order,
    choose_thresholds,
    huffman_lengths,
    starting_probabilities,
)
from radcodec.entropy.counting import Counts
from radcodec.entropy.symbols import (
    BASES,
    CATEGORY_OF,
    EXTRA_BITS,
    alphabet_sizes,
    table_offsets,
)
from radcodec.entropy.tables import (
    MAX_LENGTH,
    canonical_codes,
    load_table_sets,
    save_table_sets,
)
from radcodec.errors import ModelMismatchError

from .samples import laplacian, trained


def test_categories_cover_every_magnitude_once() -> None:
    ends = BASES.astype(np.int64) + (1 << EXTRA_BITS.astype(np.int64))
    assert np.array_equal(ends[:-1], BASES[1:])
    assert BASES[0] == 0
    assert BASES[5:9].tolist() == [5, 7, 9, 13]
    assert BASES[-1] == 513
    for magnitude, category in enumerate(CATEGORY_OF):
        assert BASES[category] <= magnitude < ends[category]


def test_sizes_of_the_alphabets() -> None:
    assert alphabet_sizes(16)[[0, 1, 15]].tolist() == [40, 286, 20]
    assert table_offsets(16)[-1] == 2335


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(1e-9, 1e9), min_size=2, max_size=300))
def test_lengths_are_limited_and_the_code_complete(frequencies: list[float]) -> None:
    lengths = huffman_lengths(np.array(frequencies))
    assert lengths.min() >= 1
    assert lengths.max() <= MAX_LENGTH
    assert sum(Fraction(1, 1 << int(length)) for length in lengths) == 1


def test_steep_frequencies_are_flattened() -> None:
    lengths = huffman_lengths(2.0 ** -np.arange(40.0))
    assert lengths[:5].tolist() == [1, 2, 3, 4, 5]
    assert lengths.max() <= MAX_LENGTH


def test_lengths_cost_what_dahuffman_costs_where_no_limit_bites() -> None:
    counts = np.random.default_rng(0).integers(1, 1000, 286)
    table = HuffmanCodec.from_frequencies(dict(enumerate(counts.tolist())), eof=0)
    best = sum(int(counts[symbol]) * bits for symbol, (bits, _) in table.get_code_table().items())
    assert int((counts * huffman_lengths(counts.astype(np.float64))).sum()) <= best * 1.0001


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(1e-6, 1e6), min_size=2, max_size=300))
def test_codes_are_canonical_and_prefix_free(frequencies: list[float]) -> None:
    lengths = huffman_lengths(np.array(frequencies))
    words = [
        f"{int(code):0{length}b}"
        for code, length in zip(canonical_codes(lengths), lengths, strict=True)
    ]
    ranked = sorted(words, key=lambda word: (len(word), word))
    # As strings, neighbours in the order are where a prefix would show.
    for one, following in zip(sorted(words), sorted(words)[1:], strict=False):
        assert not following.startswith(one)
    assert ranked == sorted(words)
    assert ranked == [words[symbol] for symbol in np.argsort(lengths, kind="stable")]


def test_every_table_of_every_context_is_complete() -> None:
    for scale in (0.01, 2.0, 500.0):
        one = trained(16, scale)
        for row in one.lengths.tolist():
            for start, end in zip(one.offsets[:-1], one.offsets[1:], strict=True):
                assert sum(Fraction(1, 1 << length) for length in row[start:end]) == 1
                assert max(row[start:end]) <= MAX_LENGTH


def test_tables_without_any_counts_still_code() -> None:
    order = np.arange(16, dtype=np.uint8)
    one = build_table_set(Counts.none(16), order, np.arange(1, 8, dtype=np.int32))
    assert one.lengths.max() <= MAX_LENGTH
    assert (one.decisions == 1024).all()


def test_symbols_that_are_never_written_take_little_of_the_code() -> None:
    for scale in (0.01, 2.0, 500.0):
        one = trained(16, scale)
        longest = one.lengths[:, :40].max(axis=1, keepdims=True)
        assert (one.lengths[:, [1, 3]] >= longest - 1).all()
        assert not one.written_lengths[:, [1, 3]].any()
        assert one.information is not None
        assert not one.information[:, [1, 3]].any()


def test_decisions_start_with_what_was_counted() -> None:
    counts = np.zeros((2, 16, 2), dtype=np.int64)
    counts[0, 3] = [30000, 10000]
    counts[1, 4] = [0, 10**6]
    counts[1, 5] = [10**6, 0]
    start = starting_probabilities(counts)
    assert start.dtype == np.uint16
    assert start[0, 3] == 1536
    assert start[1, 4] == 1
    assert start[1, 5] == 2047
    assert start[0, 0] == 1024


def test_information_of_decisions() -> None:
    one = replace(trained(2, 2.0), decisions=np.full((2, 16), 512, dtype=np.uint16))
    assert one.decision_information.shape == (2, 16, 2)
    assert (one.decision_information == [2048, 425]).all()


def test_tables_come_back_and_the_bytes_stay_the_same() -> None:
    sets = [trained(16, scale) for scale in (0.2, 2.0)]
    data = save_table_sets(sets)
    assert data == save_table_sets(sets)
    loaded = load_table_sets(data)
    assert len(loaded) == 2
    for one, other in zip(sets, loaded, strict=True):
        for name in ("order", "thresholds", "lengths", "decisions", "information"):
            assert np.array_equal(getattr(one, name), getattr(other, name))
    bare = [replace(one, information=None) for one in sets]
    assert load_table_sets(save_table_sets(bare))[1].information is None


def test_damaged_table_files_are_told() -> None:
    data = save_table_sets([trained(2, 2.0)])
    for length in range(0, len(data), 7):
        with pytest.raises(ModelMismatchError):
            load_table_sets(data[:length])
    with pytest.raises(ModelMismatchError):
        load_table_sets(b"PK\3\4" + bytes(100))


def test_tables_that_cannot_be_are_refused() -> None:
    good = trained(4, 2.0)
    order = np.array([1, 0, 2, 3], dtype=np.uint8)
    with pytest.raises(ModelMismatchError, match="order"):
        replace(good, order=order)
    with pytest.raises(ModelMismatchError, match="ascend"):
        replace(good, thresholds=good.thresholds[::-1].copy())
    with pytest.raises(ModelMismatchError, match="lengths"):
        replace(good, lengths=good.lengths[:, 1:])
    with pytest.raises(ModelMismatchError, match="probabilities"):
        replace(good, decisions=good.decisions[:, 1:])
    for impossible in (0, 2048):
        decisions = good.decisions.copy()
        decisions[1, 3] = impossible
        with pytest.raises(ModelMismatchError, match="1 to 2047"):
            replace(good, decisions=decisions)
    longer = good.lengths.copy()
    longer[2, 5] = longer[2, 5] % MAX_LENGTH + 1
    with pytest.raises(ModelMismatchError, match="complete"):
        replace(good, lengths=longer)
    longer[2, 5] = 17
    with pytest.raises(ModelMismatchError, match="1 to 16"):
        replace(good, lengths=longer)


def test_order_starts_with_the_mean_and_falls() -> None:
    q = laplacian(0, (16, 24, 24), 20.0)
    q[0] = 0
    q = q[[0, 3, 1, 2, *range(4, 16)]]
    assert choose_order([q, q])[:4].tolist() == [0, 2, 3, 1]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 1440), max_size=200))
def test_thresholds_ascend_from_one(activities: list[int]) -> None:
    thresholds = choose_thresholds(np.array(activities, dtype=np.int32))
    assert thresholds.shape == (7,)
    assert thresholds[0] == 1
    assert (np.diff(thresholds) > 0).all()
