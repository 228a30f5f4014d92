"""Decisions of the range coder: whether a position is empty, and if not, whether single.

Where few bits are needed nearly all positions are of these two kinds, and a Huffman code
cannot go below a whole bit for each.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.compiled import compiled
from radcodec.entropy.rangecoder import SPARE_BYTES, encode_bit, finish, new_encoder
from radcodec.entropy.symbols import DECISION_CONTEXTS, DECISION_GROUPS, EMPTY, SINGLE
from radcodec.entropy.tables import TableSet
from radcodec.entropy.tokens import Analysis

#: A probability moves by 1/32 of the way.
ADAPTATION = 5


@compiled
def _encode(
    kinds: NDArray[np.uint8],
    contexts: NDArray[np.uint8],
    probabilities: NDArray[np.int64],
    out: NDArray[np.uint8],
) -> int:
    """Fill `out`; the number of bytes."""
    coder = new_encoder()
    for position in range(len(kinds)):
        kind = kinds[position]
        context = int(contexts[position])
        encode_bit(coder, out, probabilities, context, 0 if kind == EMPTY else 1, ADAPTATION)
        if kind != EMPTY:
            context += DECISION_CONTEXTS
            encode_bit(coder, out, probabilities, context, 0 if kind == SINGLE else 1, ADAPTATION)
    return finish(coder, out)


@compiled
def _count(kinds: NDArray[np.uint8], contexts: NDArray[np.uint8], into: NDArray[np.int64]) -> None:
    for position in range(len(kinds)):
        kind = kinds[position]
        into[0, contexts[position], 0 if kind == EMPTY else 1] += 1
        if kind != EMPTY:
            into[1, contexts[position], 0 if kind == SINGLE else 1] += 1


def _contexts(tile: Analysis, class_of: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Context of every coded position, the same in both groups."""
    return 2 * class_of[tile.activity[tile.coded]] + tile.differ[tile.coded]


def encode_decisions(tile: Analysis, tables: TableSet) -> bytes:
    """Return the decision stream of a tile; it does not end in a zero byte."""
    kinds = tile.kinds[tile.coded]
    # A decision costs at most 11 bits and a rounding, a position makes up to two of them.
    out = np.empty(DECISION_GROUPS * 2 * len(kinds) + SPARE_BYTES, dtype=np.uint8)
    probabilities = tables.decisions.astype(np.int64).reshape(-1)
    size = _encode(kinds, _contexts(tile, tables.class_of), probabilities, out)
    return out[1:size].tobytes().rstrip(b"\0")


def count_decisions(tile: Analysis, class_of: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Count the outcomes of a tile's decisions, shape (2 groups, 16 contexts, 2 outcomes)."""
    counts = np.zeros((DECISION_GROUPS, DECISION_CONTEXTS, 2), dtype=np.int64)
    _count(tile.kinds[tile.coded], _contexts(tile, class_of), counts)
    return counts


def decision_units(tile: Analysis, tables: TableSet) -> int:
    """Return what a tile's decisions take with probabilities that stay, in 1/1024 bit."""
    return int((count_decisions(tile, tables.class_of) * tables.decision_information).sum())
