"""Processes that do one thing after the other, and may die without taking the rest along."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import ParamSpec, TypeVar

from radcodec.errors import RadcodecError

P = ParamSpec("P")
T = TypeVar("T")


def _serve(connection: Connection, processors: Sequence[int]) -> None:
    """Answer calls until the other end is closed."""
    # An interruption reaches the whole group; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if processors and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, processors)
    while True:
        try:
            function, arguments, named = connection.recv()
        except (EOFError, OSError):  # The parent has gone.
            return
        try:
            answer = (True, function(*arguments, **named))
        except RadcodecError as error:
            answer = (False, str(error))
        except MemoryError:
            answer = (False, "out of memory; leave such large images out (--max-pixels)")
        except Exception as error:  # noqa: BLE001 - a codec's library may raise anything
            answer = (False, f"{type(error).__name__}: {' '.join(str(error).split())}")
        try:
            connection.send(answer)
        except OSError:
            return


class Worker:
    """A process of its own.

    Parameters
    ----------
    processors : sequence of int
        Numbers of the processors that it may use; empty for all.  Only where the operating
        system can confine a process (Linux).
    """

    def __init__(self, processors: Sequence[int] = ()) -> None:
        self._processors = tuple(processors)
        self._process: multiprocessing.process.BaseProcess | None = None
        self._connection: Connection | None = None

    def _start(self) -> Connection:
        # A forked process would inherit threads' locks, and pixels that a codec kept.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._processors), daemon=True)
        self._process.start()
        theirs.close()
        self._connection = ours
        return ours

    def call(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Call a function of a module there, and wait for what it returns.

        Raises
        ------
        RadcodecError
            Where the function raises anything, or the process ends before it returns.
        """
        connection = self._connection or self._start()
        try:
            connection.send((function, arguments, named))
            good, answer = connection.recv()
        except (EOFError, OSError) as error:
            code = None
            if (process := self._process) is not None:
                process.join(5)
                code = process.exitcode
            self.stop()
            ending = f"signal {-code}" if code is not None and code < 0 else "no word"
            raise RadcodecError(
                f"its process ended with {ending}, perhaps for want of memory; "
                "leave such images out (--max-pixels) or use fewer --jobs"
            ) from error
        if not good:
            raise RadcodecError(answer)
        result: T = answer
        return result

    def stop(self) -> None:
        """End the process, whatever it does; the next call starts another."""
        # Another thread may be waiting for an answer, and stop it as well.
        process, self._process = self._process, None
        connection, self._connection = self._connection, None
        if process is not None:
            process.kill()
            process.join()
        if connection is not None:
            connection.close()


def shares(jobs: int, threads: int) -> list[tuple[int, ...]]:
    """Numbers of the processors of each job, `threads` each, as long as there are enough."""
    if not hasattr(os, "sched_getaffinity"):
        return [()] * jobs
    have = sorted(os.sched_getaffinity(0))
    return [
        tuple(have[(job * threads + n) % len(have)] for n in range(min(threads, len(have))))
        for job in range(jobs)
    ]


def forget_peak() -> None:
    """Let this process's peak of memory start anew, where that can be done (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory(external: bool) -> int | None:
    """Largest resident memory in bytes since `forget_peak`; None where unknown.

    Parameters
    ----------
    external : bool
        Of the programs that this process has run to their end, since it started, if that
        is more.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    own = next((line for line in status.splitlines() if line.startswith("VmHWM:")), None)
    if own is None:
        return None
    largest = int(own.split()[1]) * 1024
    if external and sys.platform != "win32":
        import resource

        largest = max(largest, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
    return largest
