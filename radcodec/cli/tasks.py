"""The work on one file as a value: what it says, how it fails, in this process or another."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import click

from radcodec.cli import cause_of, describe
from radcodec.cli.options import note, verbosity
from radcodec.cli.stopping import silence
from radcodec.errors import OutputError, RadcodecError

#: Exit code of a failure that has none of its own, and of a batch in which files failed.
SOME_FAILED = 1


@dataclass(frozen=True)
class Message:
    """What a task has to say, or to deliver on standard output.

    Attributes
    ----------
    content : str or bytes
        A line of text; or bytes of a result, which always go to standard output.
    level : int
        Least verbosity at which a text is shown: -1 after -q too, 0 by default.
    answer : bool
        True for what the command was asked for, which goes to standard output; other texts
        go to standard error.
    """

    content: str | bytes
    level: int = 0
    answer: bool = False

    def show(self) -> None:
        """Print it.

        Raises
        ------
        OutputError
            Standard output cannot be written.
        BrokenPipeError
            Nobody reads the answers any more.
        """
        if isinstance(self.content, str) and not self.answer:
            note(self.content, self.level)
            return
        try:
            if isinstance(self.content, bytes):
                _deliver(self.content)
            elif verbosity() >= self.level:
                click.echo(self.content)
        except OSError as error:
            if isinstance(error, BrokenPipeError) and self.answer:
                raise
            silence(1)
            raise OutputError(
                f"standard output: cannot be written: {error.strerror or error}; "
                "give it a reader and room, and run it again"
            ) from error


def _deliver(data: bytes) -> None:
    """Write a result to standard output; unlike text, a part of it is worth nothing."""
    if sys.stdout is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    sys.stdout.buffer.write(data)
    sys.stdout.flush()


#: Picklable where it is to run in another process; raises for a file that fails.
Task = Callable[[], Iterable[Message]]


@dataclass(frozen=True)
class Failure:
    """A file that failed: its path, one line about it, its exit code, and a traceback."""

    path: Path
    message: str
    exit_code: int
    trace: str = ""

    @classmethod
    def of(cls, path: Path, error: Exception) -> Failure:
        """Describe what a task, or the planning of one, raised."""
        error = cause_of(error)
        code = error.exit_code if isinstance(error, RadcodecError) else SOME_FAILED
        text = describe(error)
        # The file's name comes in front unless the message has it already.
        message = text if str(path) in text else f"{path}: {text}"
        return cls(path, message, code, "".join(traceback.format_exception(error)).rstrip())


@dataclass(frozen=True)
class Outcome:
    """What came of a task: its messages in order, and its failure if it failed."""

    messages: list[Message] = field(default_factory=list)
    failure: Failure | None = None


def attempt(path: Path, task: Task, say: Callable[[Message], None]) -> Failure | None:
    """Run a task, hand on what it says, and turn what it raises into a `Failure`."""
    # One bad file must not stop the batch, so every exception ends here.
    try:
        for message in task():
            say(message)
    except BrokenPipeError:
        # Nobody reads the answers any more: a matter of the batch, not of a file.
        raise
    except Exception as error:  # noqa: BLE001
        return Failure.of(path, error)
    return None
