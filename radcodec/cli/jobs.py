"""Tasks in processes of their own, each of which may die without taking the rest along."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import sys
from collections.abc import Callable, Generator
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path

from radcodec.cli.stopping import TERMINATED, Terminated, interruptions_held, raise_on_sigterm
from radcodec.cli.tasks import Failure, Message, Outcome, Task, attempt
from radcodec.errors import RadcodecError

#: Seconds that a process has to clear up when it is told to stop.
_PATIENCE = 2.0


def run_jobs(
    files: list[Path], plan: Callable[[Path], Task], jobs: int
) -> Generator[Failure | None, None, None]:
    """Do the tasks of files in `jobs` processes; yield in their order failures, or None.

    What a task says is shown before its failure is yielded.  A process that dies is the
    failure of its file; another takes its place.  Closing the generator stops all work.

    Parameters
    ----------
    files : list of Path
        What is worked on.
    plan : callable
        Returns the picklable task of a file; called in this process, in order.
    jobs : int
        At least 1.
    """
    waiting = iter(enumerate(files))
    done: dict[int, Outcome] = {}
    crew = [_Worker() for _ in range(jobs)]
    shown = 0
    try:
        while shown < len(files):
            for worker in crew:
                while worker.number is None and (turn := next(waiting, None)) is not None:
                    number, path = turn
                    try:
                        worker.begin(number, path, plan(path))
                    except Exception as error:  # noqa: BLE001 - one bad file stops no batch
                        done[number] = Outcome(failure=Failure.of(path, error))
            busy = [worker for worker in crew if worker.number is not None]
            # With nobody busy, all files left have failed at once, and there is none to wait for.
            ready = (
                wait([worker.connection for worker in busy if worker.connection]) if busy else ()
            )
            for worker in busy:
                if worker.connection in ready:
                    number, outcome = worker.end()
                    done[number] = outcome
            while shown in done:
                outcome = done.pop(shown)
                failure = attempt(files[shown], partial(list, outcome.messages), Message.show)
                shown += 1
                yield failure or outcome.failure
    finally:
        for worker in crew:
            worker.tell_to_stop()
        for worker in crew:
            worker.stop()


class _Worker:
    """A process that does one task after the other, started when there is the first."""

    def __init__(self) -> None:
        self._process: multiprocessing.process.BaseProcess | None = None
        self._path = Path()
        self.connection: Connection | None = None
        #: Number of the file that is worked on; None when idle.
        self.number: int | None = None

    def begin(self, number: int, path: Path, task: Task) -> None:
        """Start a task.

        Raises
        ------
        RadcodecError
            There can be no process.
        """
        try:
            if self.connection is None:
                self.connection = self._start()
            self.connection.send((path, task))
        except OSError as error:
            self.stop()
            raise RadcodecError(
                f"no process can be started for it: {error.strerror or error}; use fewer --jobs"
            ) from error
        self.number, self._path = number, path

    def _start(self) -> Connection:
        # A forked process would inherit the locks of threads, OpenVINO's among them.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        try:
            with interruptions_held():
                self._process.start()
        finally:
            theirs.close()
        return ours

    def end(self) -> tuple[int, Outcome]:
        """Return the number of the file and what came of it, be it the end of the process."""
        assert self.connection is not None and self.number is not None
        number, self.number = self.number, None
        try:
            outcome = self.connection.recv()
            assert isinstance(outcome, Outcome)
        except (EOFError, OSError):
            error = RadcodecError(
                f"its process {self._ending()}, perhaps for want of memory; nothing was lost, "
                "run it again with fewer --jobs"
            )
            outcome = Outcome(failure=Failure.of(self._path, error))
            self.stop()
        return number, outcome

    def _ending(self) -> str:
        assert self._process is not None
        self._process.join(_PATIENCE)
        code = self._process.exitcode
        if code is None or code >= 0:
            return f"ended with code {code}"
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(-code).name}"
        return f"was ended by signal {-code}"

    def tell_to_stop(self) -> None:
        """Ask the process to stop; it clears up first."""
        if self._process is not None and self._process.pid is not None:
            self._process.terminate()

    def stop(self) -> None:
        """End the process, whatever it does; the next task starts another."""
        process, self._process = self._process, None
        connection, self.connection = self.connection, None
        self.number = None
        if connection is not None:
            connection.close()
        if process is not None and process.pid is not None:
            process.join(_PATIENCE)
            if process.is_alive():
                process.kill()
                process.join()


def _serve(connection: Connection) -> None:
    """Do tasks until the other end is closed."""
    # An interruption reaches the whole group; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise_on_sigterm()
    try:
        while True:
            path, task = connection.recv()
            messages: list[Message] = []
            failure = _attempt(path, task, messages)
            connection.send(Outcome(messages, failure))
    except (EOFError, OSError):  # The parent has gone.
        return
    except Terminated:
        sys.exit(TERMINATED)


def _attempt(path: Path, task: Task, messages: list[Message]) -> Failure | None:
    try:
        return attempt(path, task, messages.append)
    except BrokenPipeError as error:
        # Nothing is printed here, so this is not about the readers of the command.
        return Failure.of(path, error)
