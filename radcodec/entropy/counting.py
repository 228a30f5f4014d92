"""Statistics of latents, that table sets are built from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.decisions import count_decisions
from radcodec.entropy.symbols import (
    CLASSES,
    DECISION_CONTEXTS,
    DECISION_GROUPS,
    SINGLE_SYMBOL,
    max_activity,
    table_offsets,
)
from radcodec.entropy.tokens import analyse, count_into, tokens_of


@dataclass(frozen=True, eq=False)
class Counts:
    """How often everything was coded in every context.

    Attributes
    ----------
    symbols : ndarray of int64, shape (8, symbols)
        Symbols that were written.
    decisions : ndarray of int64, shape (2, 16, 2)
        Outcomes 0 and 1 of the decisions; contexts as in `TableSet.decisions`.
    """

    symbols: NDArray[np.int64]
    decisions: NDArray[np.int64]

    @classmethod
    def none(cls, channels: int) -> Counts:
        """Return counts of nothing, to add to."""
        return cls(
            np.zeros((CLASSES, int(table_offsets(channels)[-1])), dtype=np.int64),
            np.zeros((DECISION_GROUPS, DECISION_CONTEXTS, 2), dtype=np.int64),
        )


def activities(
    q: NDArray[np.int32], skip: NDArray[np.bool_], predicted: bool = True
) -> NDArray[np.int32]:
    """Return the activity of every coded position in raster order, shape (coded positions,)."""
    tile = analyse(q, skip, predicted)
    return tile.activity[tile.coded]


def count_symbols(
    q: NDArray[np.int32],
    skip: NDArray[np.bool_],
    order: NDArray[np.uint8],
    thresholds: NDArray[np.int32],
    into: Counts | None = None,
    *,
    predicted: bool = True,
) -> Counts:
    """Count how often every symbol and decision occurs in every context of a tile.

    Parameters
    ----------
    q : ndarray of int32, shape (channels, h, w)
        Quantised latent.
    skip : ndarray of bool, shape (h, w)
        Positions that are left out.
    order, thresholds : ndarray
        As in `TableSet`.
    into : Counts, optional
        Counts to add to, in place.
    predicted : bool
        As in `TableSet`.

    Returns
    -------
    Counts
        `into`, or new counts.

    Raises
    ------
    LimitError
        A latent out of range.
    """
    tile = analyse(q, skip, predicted)
    symbols, positions, _ = tokens_of(tile, np.asarray(order, dtype=np.uint8))
    limits = np.arange(max_activity(q.shape[0]) + 1)
    class_of = np.searchsorted(thresholds, limits, side="right").astype(np.uint8)
    counts = Counts.none(q.shape[0]) if into is None else into
    count_into(counts.symbols, symbols, positions, tile.activity, class_of)
    counts.symbols[:, SINGLE_SYMBOL] = 0
    counts.decisions[...] += count_decisions(tile, class_of)
    return counts
