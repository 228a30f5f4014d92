"""Work on parts of an image side by side; compiled loops let other threads run meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from radcodec.processors import processors

#: Threads at most: each takes the memory of a tile, some 40 MiB.
MOST = 4

_Part = TypeVar("_Part")
_Result = TypeVar("_Result")


def side_by_side(work: Callable[[_Part], _Result], parts: Sequence[_Part]) -> list[_Result]:
    """Results of the parts, in their order; raises what the first of them that fails raised."""
    threads = min(MOST, processors(), len(parts))
    if threads < 2:
        return [work(part) for part in parts]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, parts))
