"""The `radcodec` command: one module a command, each imported only when it is asked for.

The command modules import nothing heavy at their top, so that help and completion are
quick; the codec is imported inside the commands.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import traceback
from pathlib import Path
from typing import Any

import click

from radcodec.cli.options import note
from radcodec.cli.stopping import (
    INTERRUPTED,
    TERMINATED,
    Terminated,
    open_closed_streams,
    silence,
)
from radcodec.errors import OutputError, RadcodecError

#: Module and function of each command, in the order in which help lists them.
COMMANDS = {
    "compress": ("radcodec.cli.compress", "compress"),
    "decompress": ("radcodec.cli.decompress", "decompress"),
    "info": ("radcodec.cli.info", "info"),
    "test": ("radcodec.cli.checking", "test"),
    "bench": ("radcodec.cli.bench", "bench"),
    "doctor": ("radcodec.cli.doctor", "doctor"),
    "models": ("radcodec.cli.models", "models"),
}


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is looked up.

    It is also the one place where errors turn into a line of text and an exit code.
    """

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the whole command line; where even help cannot be printed, say that alone."""
        open_closed_streams()
        try:
            return super().main(*args, **extra)
        except OSError as error:
            silence(1)
            note(f"radcodec: {_unwritable(error)}", level=-1)
            sys.exit(OutputError.exit_code)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command, or None where there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, function = COMMANDS[cmd_name]
        command = getattr(importlib.import_module(module), function)
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; no exception but Click's own leaves this method."""
        try:
            result = super().invoke(ctx)
            _flush_answers()
            return result
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except BrokenPipeError:
            # The reader has seen enough.
            silence(1)
            ctx.exit(0)
        except KeyboardInterrupt:
            note("radcodec: interrupted", level=-1)
            ctx.exit(INTERRUPTED)
        except Terminated:
            note("radcodec: terminated", level=-1)
            ctx.exit(TERMINATED)
        except Exception as raised:  # noqa: BLE001 - the last place before the user
            error = cause_of(raised)
            note(f"radcodec: {describe(error)}", level=-1)
            note(traceback.format_exc().rstrip(), level=1)
            ctx.exit(error.exit_code if isinstance(error, RadcodecError) else 1)


def _flush_answers() -> None:
    """Flush standard output here, where its errors are understood, and not when Python ends."""
    # Python has None for a stream that was closed before it started.
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        silence(1)
        raise _unwritable(error) from error


def cause_of(error: Exception) -> Exception:
    """Return what the user has to know of: a full standard output, or the error itself."""
    if not isinstance(error, OSError) or isinstance(error, BrokenPipeError):
        return error
    try:
        # What could not be written is still held, and fails again.
        _flush_answers()
    except OutputError as unwritable:
        return unwritable
    except BrokenPipeError:
        pass
    # Without a buffer nothing is held, and it is only known who was writing.
    last = traceback.extract_tb(error.__traceback__)[-1:]
    if [Path(frame.filename) for frame in last] == [Path(inspect.getfile(click.echo))]:
        silence(1)
        return _unwritable(error)
    return error


def _unwritable(error: OSError) -> OutputError:
    return OutputError(
        f"standard output: cannot be written: {error.strerror or error}; "
        "redirect it to where there is room"
    )


def describe(error: Exception) -> str:
    """One line about an exception; what the package did not raise on purpose says so."""
    if isinstance(error, RadcodecError):
        return str(error)
    if isinstance(error, MemoryError):
        return "out of memory; close other programs or use a machine with more"
    text = " ".join(str(error).split())
    what = type(error).__name__ + (f": {text}" if text else "")
    return f"unexpected {what}; run again with -v for the traceback, and please report it"


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from radcodec.cli.doctor import package_version

    click.echo(f"radcodec {package_version('radcodec')}")
    ctx.exit()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
def main() -> None:
    """Compress radiology images: by trained networks, within a bound, or without loss.

    Compressed files end in .rcz.  Exit codes: 0 all is well, 1 some of several files
    failed, 2 usage, 3 input, 4 corrupt file, 5 limit, 6 model, 7 verification, 8 output.
    """
