"""Decisions of residual streams: the range coder with finer probabilities than elsewhere.

docs/format.md, section 8.7, is the law for what happens here.  The range coder and its bytes
are those of `radcodec.entropy.rangecoder`.  What differs is the probability of a decision: the
mean of one that follows fast and one that follows slowly, both faster while their context is
new.  One function serves both ways, so that encoder and decoder cannot drift apart.

numba compiles these functions into those that call them, and its cache looks only at the
caller's file: after a change here remove the ``__pycache__`` of this folder.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.compiled import inner
from radcodec.entropy.rangecoder import CHANCE_BITS, narrow

#: Bits of the two probabilities that each context keeps.
KEPT_BITS = 22
#: No decision is taken for more certain than this.
LEAST_CHANCE = 24
MOST_CHANCE = (1 << CHANCE_BITS) - LEAST_CHANCE
#: Decisions after which a context's probabilities move at a steady pace.
NEW = 255
#: The fast probability moves by no less of the way than this, in 1/65536.
LEAST_FAST = 1 << 11
#: Largest binary logarithm of a number that is coded digit by digit.
LARGEST_LOG = 17
#: Contexts of such a number: its logarithm, and the digits below the first.
NUMBER_CONTEXTS = (LARGEST_LOG + 1) + (LARGEST_LOG + 1) * LARGEST_LOG
# Place in the coder's state, as in `rangecoder`.
_RANGE = 1


def new_contexts(count: int) -> NDArray[np.int32]:
    """Return contexts that have seen nothing: fast and slow probability of 0, and decisions."""
    contexts = np.zeros((count, 3), dtype=np.int32)
    contexts[:, :2] = 1 << (KEPT_BITS - 1)
    return contexts


#: How far a probability moves after so many decisions in its context, in 1/65536 of the way.
PACES = np.array([max((1 << 17) // (2 * n + 3), 1 << 8) for n in range(NEW + 1)], dtype=np.int64)


@inner
def code_bit(
    coder: NDArray[np.int64],
    data: NDArray[np.uint8],
    contexts: NDArray[np.int32],
    place: int,
    bit: int,
    encoding: bool,
) -> int:
    """Code a decision, or find the one that was coded; return it."""
    fast, slow = int(contexts[place, 0]), int(contexts[place, 1])
    seen = int(contexts[place, 2])
    chance = (fast + slow) >> (KEPT_BITS + 1 - CHANCE_BITS)
    chance = min(max(chance, LEAST_CHANCE), MOST_CHANCE)
    bit = narrow(coder, data, (coder[_RANGE] >> CHANCE_BITS) * chance, bit, encoding)
    aim = 0 if bit else 1 << KEPT_BITS
    contexts[place, 0] = fast + (((aim - fast) * max(int(PACES[seen]), LEAST_FAST)) >> 16)
    contexts[place, 1] = slow + (((aim - slow) * int(PACES[seen])) >> 16)
    contexts[place, 2] = min(seen + 1, NEW)
    return bit


@inner
def code_even(
    coder: NDArray[np.int64], data: NDArray[np.uint8], count: int, value: int, encoding: bool
) -> int:
    """Code the last `count` digits of a number, each as likely 0 as 1; return them."""
    found = 0
    for k in range(count - 1, -1, -1):
        found = 2 * found + narrow(coder, data, coder[_RANGE] >> 1, (value >> k) & 1, encoding)
    return found


@inner
def code_number(
    coder: NDArray[np.int64],
    data: NDArray[np.uint8],
    contexts: NDArray[np.int32],
    place: int,
    value: int,
    encoding: bool,
) -> int:
    """Code a number of 1 to 2**18 - 1, `NUMBER_CONTEXTS` contexts from `place` on serving it."""
    log = 0
    while log < LARGEST_LOG:
        more = 1 if (value >> (log + 1)) > 0 else 0
        if code_bit(coder, data, contexts, place + log, more, encoding) == 0:
            break
        log += 1
    found = 1
    digits = place + LARGEST_LOG + 1 + LARGEST_LOG * log
    for k in range(log - 1, -1, -1):
        found = 2 * found + code_bit(coder, data, contexts, digits + k, (value >> k) & 1, encoding)
    return found
