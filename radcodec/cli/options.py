"""Options that several commands share, as decorators."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from radcodec.cli.stopping import silence
from radcodec.errors import UsageError
from radcodec.processors import processors

if TYPE_CHECKING:
    from radcodec.container.limits import Limits

F = TypeVar("F", bound=Callable[..., Any])

_VERBOSITY = "radcodec.verbosity"


def verbosity(ctx: click.Context | None = None) -> int:
    """-1 after -q, 0 by default, 1 after -v, in the running command."""
    ctx = ctx or click.get_current_context(silent=True)
    return 0 if ctx is None else int(ctx.meta.get(_VERBOSITY, 0))


def note(message: str, level: int = 0) -> None:
    """Print a message to standard error, unless the user wants to hear less than `level`.

    Standard error that nobody reads is no reason to stop, or to fail.
    """
    if verbosity() < level:
        return
    try:
        click.echo(message, err=True)
    except (OSError, ValueError):
        silence(2)


def _keep_verbosity(ctx: click.Context, parameter: click.Parameter, given: bool) -> None:
    if not given:
        return
    value = 1 if parameter.name == "verbose" else -1
    if ctx.meta.get(_VERBOSITY, value) != value:
        raise click.UsageError("-q and -v exclude each other", ctx)
    ctx.meta[_VERBOSITY] = value


def _combine(*options: Callable[[F], F]) -> Callable[[F], F]:
    """One decorator of several; help lists the options in the order given."""

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


class PositiveFloat(click.ParamType[float]):
    """A finite number above 0; Click's own range lets NaN through."""

    name = "number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Turn text into a float, or fail with a usage error."""
        try:
            number = float(value)
        except ValueError:
            self.fail(f"{value!r} is not a number", param, ctx)
        if not (math.isfinite(number) and number > 0):
            self.fail(f"{value} is not a finite number above 0", param, ctx)
        return number


class PathType(click.Path):
    """A path; an empty one, as of a variable that is not set, is not the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Turn text into a path, or fail with a usage error."""
        if not os.fspath(value):
            self.fail("the path is empty; give one, such as . for this folder", param, ctx)
        return Path(os.fsdecode(super().convert(value, param, ctx)))


class OutputType(PathType):
    """A file, or a folder that exists: a name that ends in a slash can only be the latter."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Turn text into a path, or fail with a usage error."""
        path = super().convert(value, param, ctx)
        if os.fspath(value).endswith(os.sep) and not path.is_dir():
            self.fail(f"{value} is not an existing folder; make it first", param, ctx)
        return path


#: One file or folder, as given; whether it exists and can be read is for the command to find
#: out: one of several that cannot be must not stop the others.
PATH = PathType(path_type=Path, readable=False)

paths_argument = click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=PATH)

recursive_option = click.option(
    "-r", "--recursive", is_flag=True, help="Take the files in folders and their subfolders."
)

loudness_options = _combine(
    click.option(
        "-q",
        "--quiet",
        is_flag=True,
        expose_value=False,
        callback=_keep_verbosity,
        help="Print errors only.",
    ),
    click.option(
        "-v",
        "--verbose",
        is_flag=True,
        expose_value=False,
        callback=_keep_verbosity,
        help="Print more, and the traceback of an unexpected error.",
    ),
)

progress_option = click.option(
    "--no-progress", is_flag=True, help="Show no progress bar, even on a terminal."
)

jobs_option = click.option(
    "-T",
    "--jobs",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    metavar="N",
    callback=lambda _ctx, _parameter, value: value or processors(),
    help="Work on N files at a time; 0 for one on each processor.",
)


output_options = _combine(
    click.option(
        "-o",
        "--output",
        type=OutputType(path_type=Path, readable=False),
        metavar="OUT",
        help="File to write, or an existing folder to write into.",
    ),
    click.option(
        "-c", "--stdout", "to_stdout", is_flag=True, help="Write to standard output; keep PATH."
    ),
    recursive_option,
    click.option(
        "--output-dir-mirror",
        "mirror",
        type=PATH,
        metavar="DIR",
        help="Write below DIR, with the folders of each PATH as it was given.",
    ),
    click.option("-f", "--force", is_flag=True, help="Overwrite files that exist."),
    click.option(
        "--rm",
        "remove",
        is_flag=True,
        help="Delete each source once its result is verified and safely on disk.",
    ),
)


def check_output_options(
    output: Path | None, to_stdout: bool, mirror: Path | None, remove: bool, jobs: int
) -> None:
    """Raise `UsageError` for output options that contradict each other."""
    places = [
        name
        for name, given in (
            ("-o", output is not None),
            ("-c", to_stdout),
            ("--output-dir-mirror", mirror is not None),
        )
        if given
    ]
    if len(places) > 1:
        raise UsageError(f"{' and '.join(places)} exclude each other; give one of them")
    if remove and to_stdout:
        raise UsageError("--rm does not go with -c: standard output cannot be verified")
    if jobs > 1 and to_stdout:
        raise UsageError("-T does not go with -c, which takes one file")


class ByteCount(click.ParamType[int]):
    """A number of bytes, with a unit such as K, MB or GiB; each is a power of 1024."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Turn text into bytes, or fail with a usage error."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(
            r"(\d{1,15}(?:\.\d{1,15})?)\s*([KMGT]?)(?:I?B)?", str(value).strip().upper()
        )
        if not found:
            self.fail(f"{value!r} is not a size such as 512M or 2GiB", param, ctx)
        size = int(float(found[1]) * 1024 ** " KMGT".index(found[2] or " "))
        if size < 1:
            self.fail(f"{value!r} is no memory at all", param, ctx)
        return size


memory_option = click.option(
    "--memory-limit",
    "memory",
    type=ByteCount(),
    default="3GiB",
    show_default=True,
    metavar="SIZE",
    help="Refuse files that would take more memory than this, before it is taken.",
)


def limits_of(memory: int) -> Limits:
    """The limits on what files may claim, with so many bytes of memory."""
    from radcodec.container.limits import Limits

    return Limits(memory=memory)
