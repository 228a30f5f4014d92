"""A progress bar on standard error, for work that takes more than a second."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from radcodec.cli.options import verbosity

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

#: Seconds of silence before the bar appears.
PATIENCE = 1.0


def _on_terminal(stream: TextIO | None) -> bool:
    """Whether a standard stream, None where it is closed, is shown on a terminal."""
    return stream is not None and stream.isatty()


class FileProgress:
    """Counts the files of a batch, or shares of some work; a context manager.

    Silent where standard error is no terminal, after -q, and where `enabled` is False.

    Parameters
    ----------
    total : float
        Number of files, or amount of work.
    action : str
        What is done to them, such as "compressing".
    enabled : bool
        False for --no-progress.
    counted : bool
        True where `total` is a number of files; False shows a percentage instead.
    """

    def __init__(
        self, total: float, action: str, *, enabled: bool = True, counted: bool = True
    ) -> None:
        self._total, self._action, self._counted = total, action, counted
        self._wanted = enabled and verbosity() >= 0 and _on_terminal(sys.stderr) and total > 0
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._timer: threading.Timer | None = None

    def __enter__(self) -> Self:
        if self._wanted:
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                Progress,
                TaskProgressColumn,
                TextColumn,
                TimeElapsedColumn,
                TimeRemainingColumn,
            )

            self._progress = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn() if self._counted else TaskProgressColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
                # The bar is drawn on standard error: results that go to a file or a pipe
                # must not be led there.
                redirect_stdout=_on_terminal(sys.stdout),
            )
            # One file has no parts to count, so its bar moves to and fro.
            total = None if self._counted and self._total <= 1 else self._total
            self._task = self._progress.add_task(self._action, total=total)
            self._timer = threading.Timer(PATIENCE, self._progress.start)
            self._timer.daemon = True
            self._timer.start()
        return self

    def start(self, name: str) -> None:
        """Show the name of the file that is worked on."""
        if self._progress is not None and self._task is not None:
            from rich.markup import escape

            self._progress.update(self._task, description=f"{self._action} {escape(name)}")

    def done(self, amount: float = 1) -> None:
        """Count one file, or an amount of work, as done."""
        if self._progress is not None and self._task is not None:
            self._progress.advance(self._task, amount)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
        if self._progress is not None:
            self._progress.stop()
