"""`radcodec bench`: radcodec beside other codecs, over a folder of images."""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radcodec.cli.batch import SOME_FAILED, collect, is_image
from radcodec.cli.options import PATH, loudness_options, note, progress_option, verbosity
from radcodec.cli.outputs import write_file
from radcodec.cli.progress import FileProgress
from radcodec.errors import InputError, UsageError

if TYPE_CHECKING:
    from radcodec.bench.results import CodecState
    from radcodec.bench.session import Failure, Request, Session
    from radcodec.bench.survey import LeftOut, Selection, Subject

#: Sizes that are asked for where the user names none.
RATIOS = (10.0, 20.0, 50.0, 100.0, 200.0, 400.0)
#: Everything that the command can measure, in the order of tables.
CODECS = "radcodec,jpeg2000,jpeg,jpegxl,jpeg12,jpegls,htj2k,hevc,av1"
#: Packages of the extra that the command cannot do without.
_NEEDED = ("scipy", "jinja2", "matplotlib")
#: Seconds between two lines of progress where there is no terminal.
_PAUSE = 10.0


class Numbers(click.ParamType[tuple[float, ...]]):
    """Finite numbers above 0, separated by commas, each once."""

    name = "numbers"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """Turn text into floats, or fail with a usage error."""
        from radcodec.cli.options import PositiveFloat

        parts = [part for part in str(value).split(",") if part.strip()]
        numbers = [PositiveFloat().convert(part, param, ctx) for part in parts]
        if not numbers:
            self.fail("give at least one number", param, ctx)
        # Sizes are told apart by what reports call them.
        apart: dict[str, float] = {}
        for number in numbers:
            apart.setdefault(f"{number:g}", number)
        return tuple(apart.values())


def _codecs(context: click.Context, parameter: click.Parameter, value: str) -> list[str]:
    known = CODECS.split(",")
    names = [name.strip() for name in value.split(",") if name.strip()]
    for name in names:
        # A dotted name is somebody's own module; whether there is one is found out later.
        if name not in known and "." not in name:
            raise click.BadParameter(f"no codec {name!r}; there are {', '.join(known)}")
    # radcodec is what all others are compared with.
    chosen = [name for name in known if name in names or name == "radcodec"]
    return chosen + [name for name in dict.fromkeys(names) if name not in known]


@click.command()
@click.argument("folder", type=PATH)
@click.option(
    "-o",
    "--output",
    type=PATH,
    metavar="REPORT_DIR",
    default=Path("radcodec-bench"),
    show_default=True,
    help="Folder of the report; one that holds an interrupted run is completed.",
)
@click.option(
    "--codecs",
    default=CODECS,
    show_default=True,
    metavar="NAMES",
    callback=_codecs,
    help="Which codecs, separated by commas; radcodec is always one of them.  A dotted name is "
    "that of your own Python module, see docs/bench.md.",
)
@click.option(
    "--ratios",
    type=Numbers(),
    metavar="R,R,...",
    help="Sizes, as uncompressed pixel bytes over file bytes.  [default: 10,20,50,100,200,400]",
)
@click.option(
    "--rates", type=Numbers(), metavar="B,B,...", help="Sizes, as bits of the file for each pixel."
)
@click.option(
    "--modality",
    "modalities",
    multiple=True,
    type=click.Choice(["xr", "mg", "ct", "mr", "generic"]),
    help="Only images of this one; may be repeated.  generic: those that name none of the others.",
)
@click.option(
    "--default-modality",
    type=click.Choice(["xr", "mg", "ct", "mr"]),
    help="For images that do not name theirs, as PNG files.",
)
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="N images of each modality, at random."
)
@click.option(
    "--max-pixels", type=click.IntRange(min=1), metavar="N", help="Leave out larger images."
)
@click.option(
    "--include-lossy",
    is_flag=True,
    help="Take images that were compressed lossily before, too.",
)
@click.option(
    "--split",
    metavar="NAME",
    default="val",
    show_default=True,
    help="Of a folder with an index.csv of lossless JPEG XL images: which of them.",
)
@click.option(
    "--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Images at a time."
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Processors that a codec may use (Linux).",
)
@click.option(
    "--runs",
    type=click.IntRange(1, 100),
    default=3,
    show_default=True,
    help="Times that each step is timed; the median counts.",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Of the choice and of the intervals."
)
@click.option("--json", "as_json", is_flag=True, help="Print results.json instead of tables.")
@loudness_options
@progress_option
def bench(
    folder: Path,
    output: Path,
    codecs: list[str],
    ratios: tuple[float, ...] | None,
    rates: tuple[float, ...] | None,
    modalities: tuple[str, ...],
    default_modality: str | None,
    limit: int | None,
    max_pixels: int | None,
    include_lossy: bool,
    split: str,
    jobs: int,
    threads: int,
    runs: int,
    seed: int,
    as_json: bool,
    no_progress: bool,
) -> None:
    """Compare radcodec with other codecs on the images of FOLDER.

    Every codec compresses every DICOM and PNG image below FOLDER to the same sizes in bytes,
    and what comes back is measured.  REPORT_DIR gets report.html, to read and to look at
    without a server, results.json and results.csv.  The report holds pixels of the images.
    An interrupted run goes on where it stopped when the same command is given again.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"bench needs {', '.join(missing)}; install them with: pip install 'radcodec[bench]'"
        )
    from radcodec.bench.session import Request
    from radcodec.bench.survey import Selection

    request = Request(
        ratios=RATIOS if ratios is None and rates is None else ratios or (),
        rates=rates or (),
        runs=runs,
        jobs=jobs,
        threads=threads,
    )
    selection = Selection(modalities, default_modality, limit, max_pixels, include_lossy, seed)
    _check_output(output)
    subjects, left_out = _survey(folder, output, split, selection, progress=not no_progress)
    states = _states(codecs)
    results, session = _measure(
        folder, output, request, selection, states, subjects, left_out, progress=not no_progress
    )
    _report(output, results, session)
    if as_json:
        click.echo(json.dumps(results, indent=1, allow_nan=False))
    elif verbosity() >= 0:
        _print_tables(results)
    note(f"report: {output / 'report.html'}; figures: results.json and results.csv beside it")
    _finish(left_out, session.failures)


def _check_output(output: Path) -> None:
    """Refuse a folder that holds something else."""
    if output.exists() and not output.is_dir():
        raise UsageError(f"{output} is no folder; choose another -o")
    if output.is_dir() and any(output.iterdir()) and not (output / "rows.jsonl").exists():
        raise UsageError(
            f"{output} holds other files than an earlier run of bench; choose another -o"
        )


def _survey(
    folder: Path, output: Path, split: str, selection: Selection, *, progress: bool
) -> tuple[list[Subject], list[LeftOut]]:
    """Read what the folder holds."""
    from radcodec.bench.images import find_sources, has_index
    from radcodec.bench.report.words import printable
    from radcodec.bench.survey import sources_of, survey

    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give a folder of DICOM or PNG images")
    if has_index(folder):
        sources = find_sources(folder, split)
    else:
        inside = output.resolve()
        files = [
            path
            for path in collect([folder], recursive=True, wanted=is_image)
            if inside not in path.resolve().parents
        ]
        sources = sources_of(files, folder, selection.default_modality)
    if not sources:
        raise InputError(f"{folder}: there is no DICOM or PNG file in this folder or below it")
    with FileProgress(len(sources), "reading", enabled=progress) as bar:
        subjects, left_out = survey(sources, selection, lambda _: bar.done())
    for item in left_out:
        note(printable(f"left out: {item.image}: {item.reason}"))
    if not subjects:
        raise InputError(
            f"{folder}: none of {len(sources)} files is an image to measure"
            + ("" if left_out else "; --modality leaves none")
        )
    return subjects, left_out


def _states(names: list[str]) -> dict[str, CodecState]:
    """Ask every codec whether it can be used; a missing one is reported."""
    from radcodec.bench.coders import make_coder
    from radcodec.bench.results import CodecState

    states = {}
    for name in names:
        coder = make_coder(name)
        missing = coder.available()
        version = coder.version() if missing is None else None
        states[name] = CodecState(version, coder.settings, missing)
        if missing is not None:
            note(f"{name} is not measured: {missing}")
    return states


def _measure(
    folder: Path,
    output: Path,
    request: Request,
    selection: Selection,
    states: dict[str, CodecState],
    subjects: list[Subject],
    left_out: list[LeftOut],
    *,
    progress: bool,
) -> tuple[dict[str, Any], Session]:
    """Measure what the report's folder does not hold yet, and put the results together."""
    from radcodec.bench.report.words import printable
    from radcodec.bench.results import build, cpu_name
    from radcodec.bench.session import Session, Store

    versions = {name: state.version for name, state in states.items() if state.version is not None}
    store = Store(output)
    session = Session(request, subjects, versions, store, cpu_name())
    with FileProgress(session.work, "measuring", enabled=progress, counted=False) as bar:
        lines = _lines(session.work) if progress and not sys.stderr.isatty() else None

        def done(image: str, codec: str, weight: float) -> None:
            what = printable(f"{codec} {image}")
            bar.start(what)
            bar.done(weight)
            if lines is not None:
                lines(what, weight)

        try:
            session.run(done)
        except KeyboardInterrupt:
            note("interrupted; the same command goes on from here", level=-1)
            raise
    for failure in session.failures:
        what = f"failed: {failure.codec} on {failure.image}: {failure.reason}"
        note(printable(what), level=-1)
    results = build(
        folder=str(folder),
        command=["radcodec", *sys.argv[1:]],
        request=request,
        seed=selection.seed,
        codecs=states,
        subjects=subjects,
        left_out=left_out,
        failures=session.failures,
        rows=session.rows(),
    )
    return results, session


def _lines(total: float) -> Callable[[str, float], None]:
    """Lines of progress with an estimate of what is left, for where there is no terminal."""
    begin = last = time.monotonic()
    finished = 0.0
    quiet = verbosity() < 0

    def line(what: str, weight: float) -> None:
        nonlocal last, finished
        finished += weight
        now = time.monotonic()
        if quiet or now - last < _PAUSE:
            return
        last = now
        minutes = (now - begin) * (total - finished) / finished / 60
        click.echo(
            f"{100 * finished / total:.0f} % measured, about {minutes:.0f} min left: {what}",
            err=True,
        )

    return line


def _report(output: Path, results: dict[str, Any], session: Session) -> None:
    """Write results.json, results.csv and report.html, each whole or not at all."""
    from radcodec.bench.report.page import render
    from radcodec.bench.report.words import printable
    from radcodec.bench.results import as_csv
    from radcodec.bench.showing import viewer_images

    text = json.dumps(results, indent=1, allow_nan=False) + "\n"
    write_file(output / "results.json", text.encode(), force=True)
    write_file(output / "results.csv", as_csv(session.rows()).encode(), force=True)
    page = render(results, viewer_images(session, lambda line: note(printable(line), level=-1)))
    write_file(output / "report.html", page.encode(), force=True)


def _print_tables(results: dict[str, Any]) -> None:
    from rich.console import Console

    from radcodec.bench.tables import verdict_tables

    # In a pipe there is no width to keep to, and a folded table cannot be read.
    console = Console(width=None if sys.stdout.isatty() else 160)
    # Rich would end the program where nobody reads on, with a code of its own.
    with console.capture() as capture:
        for table in verdict_tables(results):
            console.print(table)
    click.echo(capture.get(), nl=False)


def _finish(left_out: list[LeftOut], failures: list[Failure]) -> None:
    """Exit with 1 where files could not be read, or codecs failed."""
    from radcodec.bench.report.words import count

    unread = [item for item in left_out if item.failed]
    parts = []
    if unread:
        parts.append(f"{count(len(unread), 'file')} could not be measured")
    if failures:
        parts.append(f"a codec failed on an image {count(len(failures), 'time')}")
    if parts:
        note(f"radcodec: {' and '.join(parts)}; see the report", level=-1)
        raise click.exceptions.Exit(SOME_FAILED)
