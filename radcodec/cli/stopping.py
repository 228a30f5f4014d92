"""Being stopped: by Ctrl-C, by SIGTERM, and by readers that have gone."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

#: Exit codes as shells have them: 128 and the number of the signal.
INTERRUPTED = 130
TERMINATED = 143


class Terminated(BaseException):
    """SIGTERM came; like `KeyboardInterrupt` it is no `Exception`, so nothing goes on past it."""


def _raise(_number: int, _frame: FrameType | None) -> None:
    # Only once: clearing up, which the first one starts, must not be broken off.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated


def raise_on_sigterm() -> None:
    """Let SIGTERM raise `Terminated` in the main thread from now on."""
    signal.signal(signal.SIGTERM, _raise)


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM raise `Terminated`, so that what is open is cleared up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    raise_on_sigterm()
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


@contextlib.contextmanager
def interruptions_held() -> Iterator[None]:
    """Hold back Ctrl-C; processes that are started meanwhile never see it (not on Windows)."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    # The first process that is started starts this too, which lets Ctrl-C through again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def silence(descriptor: int) -> None:
    """Lead standard output (1) or error (2) nowhere, lest Python's last flush fail too."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)


def open_closed_streams() -> None:
    """Lead standard streams that are closed nowhere.

    Otherwise the next file to be opened takes the number of a closed one, and is written
    into by whatever prints to it.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest free number is taken, which is this one.
            os.open(os.devnull, os.O_RDWR)
