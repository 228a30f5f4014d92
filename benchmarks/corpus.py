"""Every file of some folders there and back, judged by tools that know nothing of radcodec.

``python -m benchmarks.corpus FOLDER...`` compresses each file at the default target and
without loss, tests and restores it, and compares the result with its source.  Prints
Markdown; exits with 1 where any file failed.  A file that radcodec refuses with a message has
not failed.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import click

from benchmarks.roundtrip import MODES, CheckTask, Result, Settings
from benchmarks.validators import TOOLS, missing_tools
from radcodec.cli.jobs import run_jobs
from radcodec.reading import PNG_SIGNATURE
from radcodec.reading.dicom import looks_like_dicom

#: Endings by which a file is taken even where it does not look like DICOM.
_NAMES = (".dcm", ".dicom", ".dic", ".ima", ".png")


@dataclass(frozen=True)
class Checked:
    """A file and its result in each mode."""

    path: Path
    results: list[Result]


def find_files(folders: Iterable[Path]) -> tuple[list[Path], int]:
    """Return the files that may be images, each once, and the number of others."""
    everything: dict[Path, None] = {}
    for folder in folders:
        inside = sorted(folder.rglob("*")) if folder.is_dir() else [folder]
        everything.update(dict.fromkeys(path for path in inside if path.is_file()))
    taken = [path for path in everything if _may_be_image(path)]
    return taken, len(everything) - len(taken)


def _may_be_image(path: Path) -> bool:
    if path.suffix.lower() in _NAMES:
        return True
    with path.open("rb") as file:
        return file.read(len(PNG_SIGNATURE)) == PNG_SIGNATURE or looks_like_dicom(file)


def examine_all(files: list[Path], settings: Settings, jobs: int = 1) -> Iterator[Checked]:
    """Yield what comes of each file, in order; in processes of their own, which may die."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        numbers = iter(range(len(files)))

        def plan(path: Path) -> CheckTask:
            return CheckTask(path, scratch / f"{next(numbers)}.json", settings)

        for number, failure in enumerate(run_jobs(files, plan, jobs)):
            found = scratch / f"{number}.json"
            if failure is None:
                results = [Result(**one) for one in json.loads(found.read_text())]
            else:
                # The process died, or the checks themselves are wrong.
                results = [Result(mode, "failed", "check", failure.message) for mode in MODES]
            yield Checked(files[number], results)


def reason_of(message: str) -> str:
    """Return a message without its advice, and without numbers, to group refusals by."""
    # What a library or the file itself says is in brackets, and may hold anything.
    text = re.sub(r" \([^)]*(?:[:;=]| bytes).*?\)(?=;|$)", "", message).partition(";")[0]
    text = re.sub(r"(?<![\w.])(?<!Process )(?<!and )\d[\d.]*(?![\w-])", "N", text)
    return " ".join(text.replace("JPEG N", "JPEG 2000").split())


def table(checked: list[Checked], others: int) -> str:
    """Return the Markdown report."""
    lines = [
        f"{len(checked)} files; {others} others are no images.",
        "",
        "| | files | succeeded | refused | failed | skipped |",
        "|---|---|---|---|---|---|",
    ]
    results = [result for one in checked for result in one.results]
    for mode in MODES:
        counts = Counter(result.outcome for result in results if result.mode == mode)
        cells = [counts[kind] for kind in ("succeeded", "refused", "failed", "skipped")]
        lines.append(" | ".join(map(str, (f"| {mode}", sum(cells), *cells))) + " |")
    first = next(iter(MODES))
    for kind, title in (("refused", "Refused because"), ("skipped", "Skipped")):
        lines += _counted(
            title, "files", (reason_of(r.message) for r in _of(results, kind) if r.mode == first)
        )
    lines += _counted(
        "Errors of dciodvfy that are excused",
        "times",
        (
            text
            for result in results
            for text, count in result.excused.items()
            for _ in range(count)
        ),
    )
    lines += _counted(
        "Tool that cannot read the source either",
        "results",
        (tool for result in results for tool in result.unread),
    )
    failed = [(one.path, result) for one in checked for result in _of(one.results, "failed")]
    if failed:
        lines += ["", "| failed | mode | step | message |", "|---|---|---|---|"]
        lines += [f"| {p.name} | {r.mode} | {r.step} | {_cell(r.message)} |" for p, r in failed]
    return "\n".join(lines)


def _of(results: Iterable[Result], outcome: str) -> list[Result]:
    return [result for result in results if result.outcome == outcome]


def _counted(title: str, unit: str, texts: Iterable[str]) -> list[str]:
    counts = Counter(texts).most_common()
    if not counts:
        return []
    return ["", f"| {title} | {unit} |", "|---|---|"] + [f"| {_cell(t)} | {n} |" for t, n in counts]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, metavar="N")
@click.option("--max-frames", type=click.IntRange(min=1), metavar="N", help="Skip files with more.")
@click.option(
    "--max-pixels",
    type=click.IntRange(min=1),
    metavar="N",
    help="Skip files with more, all frames counted.",
)
@click.option("--json", "report", type=click.Path(path_type=Path), help="Also write this file.")
def main(
    folders: tuple[Path, ...],
    jobs: int,
    max_frames: int | None,
    max_pixels: int | None,
    report: Path | None,
) -> None:
    """Compress, test and restore every image in FOLDERS, and compare."""
    missing = missing_tools()
    if missing:
        packages = sorted({TOOLS[name] for name in missing})
        click.echo(f"not installed, so not asked: {', '.join(missing)}", err=True)
        click.echo(f"to have them too: apt install {' '.join(packages)}", err=True)
    files, others = find_files(folders)
    checked = []
    say: Callable[..., None] = partial(click.echo, err=True)
    for number, one in enumerate(examine_all(files, Settings(max_frames, max_pixels), jobs), 1):
        checked.append(one)
        outcomes = ", ".join(f"{result.mode} {result.outcome}" for result in one.results)
        say(f"[{number}/{len(files)}] {one.path}: {outcomes}")
        for result in _of(one.results, "failed"):
            say(f"    {result.mode}: {result.step}: {result.message}")
    if report is not None:
        content = [
            {"path": str(c.path), "results": [asdict(r) for r in c.results]} for c in checked
        ]
        report.write_text(json.dumps(content, indent=1) + "\n")
    click.echo(table(checked, others))
    if any(_of(one.results, "failed") for one in checked):
        sys.exit(1)


if __name__ == "__main__":
    main()
