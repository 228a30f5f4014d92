"""Magnitude categories and the layout of the code tables.

A magnitude is coded as its category, by Huffman code, followed by raw bits for its place
within the category, as in JPEG (ITU-T T.81, F.1.2) but with two categories an octave:

===========  ===============  ==========
category     magnitudes       extra bits
===========  ===============  ==========
0 to 4       0 to 4           0
5, 6         5-6, 7-8         1
7, 8         9-12, 13-16      2
9, 10        17-24, 25-32     3
...          ...              ...
17, 18       257-384, 385-512 7
19 (escape)  513 and over     24
===========  ===============  ==========

The symbols of a position's channels are read from one table for every place in the scan:
table 0 for channel 0, table k for what comes at scan place k (1 <= k < channels).  The two
commonest kinds of positions have no symbols: decisions of the range coder tell them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Number of magnitude categories.
CATEGORIES = 20
#: The category of all large magnitudes.
ESCAPE = CATEGORIES - 1
#: Smallest magnitude of the escape category.
ESCAPE_BASE = 513
#: Raw bits after an escape.
ESCAPE_BITS = 24
#: Categories of magnitudes other than zero.
NONZERO = CATEGORIES - 1
#: Largest absolute value of a latent. A prediction lies between two neighbours, so
#: that its error is at most twice as large and fits the escape.
LARGEST = 1 << 23
#: Number of activity classes.
CLASSES = 8
#: Kinds of positions: channel 0 as predicted and all others zero; off by one and all others
#: zero; any other.
EMPTY, SINGLE, FULL = 0, 1, 2
#: Groups of decisions: is a position not empty; if so, is it not single.
DECISION_GROUPS = 2
#: Contexts of a group: the classes, and for each whether channel 0's neighbours differ.
DECISION_CONTEXTS = 2 * CLASSES
#: Symbols of table 0 that would stand for an empty and for a single position: never written.
EMPTY_SYMBOL, SINGLE_SYMBOL = 1, 3
#: Largest magnitude that counts for the activity.
ACTIVITY_CLIP = 15
#: Sum of the neighbours' weights in the activity.
ACTIVITY_WEIGHT = 6
#: Largest number of latent channels.
MAX_CHANNELS = 64


def _category_bases() -> NDArray[np.int32]:
    """Return the smallest magnitude of every category."""
    bases = [0, 1, 2, 3, 4]
    for bits in range(1, 8):
        bases += [(2 << bits) + 1, (2 << bits) + 1 + (1 << bits)]
    return np.array([*bases, ESCAPE_BASE], dtype=np.int32)


#: Smallest magnitude of every category.
BASES = _category_bases()
#: Raw bits for the place within every category.
EXTRA_BITS: NDArray[np.int32] = np.array(
    [0] * 5 + [bits for bits in range(1, 8) for _ in range(2)] + [ESCAPE_BITS], dtype=np.int32
)
#: Category of the magnitudes 0 to 513.
CATEGORY_OF: NDArray[np.int32] = (
    np.searchsorted(BASES, np.arange(ESCAPE_BASE + 1), side="right") - 1
).astype(np.int32)


def alphabet_sizes(channels: int) -> NDArray[np.int64]:
    """Return the number of symbols in the table of every scan place, shape (channels,).

    Table 0 holds ``2 * category + (all other channels are zero)``.  Table k holds
    ``run * 19 + category - 1`` for the runs 0 to channels - k - 1 of zeros before the next
    nonzero, and last the end of block.
    """
    sizes = (channels - np.arange(channels)) * NONZERO + 1
    sizes[0] = 2 * CATEGORIES
    return sizes.astype(np.int64)


def table_offsets(channels: int) -> NDArray[np.int64]:
    """Return where each table starts among the symbols of a class, and the end of the last.

    Returns
    -------
    ndarray of int64, shape (channels + 1,)
    """
    return np.concatenate([[0], np.cumsum(alphabet_sizes(channels))]).astype(np.int64)


def max_activity(channels: int) -> int:
    """Return the largest activity that a position can have."""
    return ACTIVITY_WEIGHT * ACTIVITY_CLIP * channels
