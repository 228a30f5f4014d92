"""Processes that may die without taking the rest along."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from radcodec.bench.workers import Worker, forget_peak, peak_memory, shares
from radcodec.errors import RadcodecError

LINUX = sys.platform == "linux"


@pytest.fixture
def worker() -> Iterator[Worker]:
    """A worker that is stopped at the end."""
    found = Worker()
    yield found
    found.stop()


def _refuse() -> None:
    raise RadcodecError("not this one")


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _peaks(size: int) -> list[int | None]:
    forget_peak()
    before = peak_memory(external=False)
    block = np.ones(size, np.uint8)
    during = peak_memory(external=False)
    del block
    forget_peak()
    return [before, during, peak_memory(external=False)]


def _affinity() -> set[int]:
    return os.sched_getaffinity(0)


def test_calls_are_answered_by_one_other_process(worker: Worker) -> None:
    first, second = worker.call(os.getpid), worker.call(os.getpid)
    assert first == second != os.getpid()
    assert worker.call(divmod, 17, 5) == (3, 2)


def test_errors_come_back_and_the_process_goes_on(worker: Worker) -> None:
    process = worker.call(os.getpid)
    with pytest.raises(RadcodecError, match=r"^not this one$"):
        worker.call(_refuse)
    with pytest.raises(RadcodecError, match="ZeroDivisionError"):
        worker.call(divmod, 1, 0)
    assert worker.call(os.getpid) == process


def test_death_is_an_error_and_the_next_call_starts_anew(worker: Worker) -> None:
    process = worker.call(os.getpid)
    with pytest.raises(RadcodecError, match="signal 9"):
        worker.call(_die)
    assert worker.call(os.getpid) != process


def test_stopping_ends_a_call_under_way(worker: Worker) -> None:
    worker.call(os.getpid)
    errors: list[BaseException] = []

    def wait() -> None:
        try:
            worker.call(time.sleep, 600)
        except RadcodecError as error:
            errors.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.3)
    worker.stop()
    thread.join(20)
    assert not thread.is_alive() and len(errors) == 1


@pytest.mark.skipif(not LINUX, reason="memory and processors are told apart on Linux only")
def test_peaks_start_anew(worker: Worker) -> None:
    before, during, after = worker.call(_peaks, 200_000_000)
    assert before is not None and during is not None and after is not None
    assert during - before > 150_000_000
    assert during - after > 150_000_000


@pytest.mark.skipif(not LINUX, reason="memory and processors are told apart on Linux only")
def test_a_worker_keeps_to_its_processors() -> None:
    (mine,) = shares(1, 1)
    confined = Worker(mine)
    try:
        assert confined.call(_affinity) == set(mine)
        assert len(mine) == 1
    finally:
        confined.stop()


@pytest.mark.skipif(not LINUX, reason="memory and processors are told apart on Linux only")
def test_shares_wrap_around_the_processors() -> None:
    have = len(os.sched_getaffinity(0))
    assert all(len(share) == 1 for share in shares(have + 1, 1))
    assert [len(share) for share in shares(2, have + 5)] == [have, have]
