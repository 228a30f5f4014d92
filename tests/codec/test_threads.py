"""Parts that are worked on side by side come back in order, and so do their errors."""

from __future__ import annotations

import threading
import time

import pytest

from radcodec.codec import threads
from radcodec.codec.threads import MOST, side_by_side
from radcodec.processors import processors


@pytest.mark.parametrize("count", [0, 1, 2, 9])
@pytest.mark.parametrize("available", [1, 2, 100])
def test_results_are_in_order(count: int, available: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "processors", lambda: available)
    used = set()

    def work(part: int) -> int:
        used.add(threading.get_ident())
        time.sleep(0.001 * (count - part))
        return part * part

    assert side_by_side(work, range(count)) == [part * part for part in range(count)]
    assert len(used) <= min(MOST, available, count)


def test_the_first_error_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "processors", lambda: 3)

    def work(part: int) -> None:
        time.sleep(0.02 if part == 1 else 0)
        if part:
            raise ValueError(part)

    with pytest.raises(ValueError, match=r"^1$"):
        side_by_side(work, range(4))


def test_there_is_a_processor() -> None:
    assert processors() >= 1
