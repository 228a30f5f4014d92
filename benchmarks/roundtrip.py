"""One file there and back, step by step, with what the tools and pydicom say of it."""

from __future__ import annotations

import json
import shutil
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from click.testing import CliRunner
from click.testing import Result as Ran
from pydicom import FileDataset

from benchmarks.fidelity import check_identity, compare_elements, compare_pixels, read
from benchmarks.validators import (
    dciodvfy_errors,
    dcmdump_errors,
    excuse,
    gdcm_pixels,
    readable_by_dciodvfy,
)
from radcodec.cli import main as radcodec
from radcodec.cli.tasks import Message
from radcodec.container.rcz import RczReader
from radcodec.errors import InputError, LimitError, RadcodecError
from radcodec.reading import open_image

#: What each file is compressed with.
MODES: dict[str, tuple[str, ...]] = {"default": (), "max-error 0": ("--max-error", "0")}
#: Exit codes by which a file is refused, rather than failed.
_REFUSALS = (InputError.exit_code, LimitError.exit_code)


@dataclass(frozen=True)
class Settings:
    """Bounds on the files that are taken; None for none."""

    max_frames: int | None = None
    max_pixels: int | None = None


@dataclass(frozen=True)
class Result:
    """What came of a file in one mode.

    Attributes
    ----------
    mode : str
        Key of `MODES`.
    outcome : str
        "succeeded", "refused", "failed" or "skipped".
    step : str
        Where it failed.
    message : str
        Why it did not succeed.
    excused : dict of str to int
        Errors of dciodvfy that are put up with, and how often.
    unread : list of str
        Tools that cannot read the source either, so that they say nothing of the result.
    """

    mode: str
    outcome: str
    step: str = ""
    message: str = ""
    excused: dict[str, int] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)


class StepError(Exception):
    """A step that failed: its name and why."""

    def __init__(self, step: str, message: str) -> None:
        super().__init__(message)
        self.step = step


@dataclass(frozen=True)
class CheckTask:
    """Check one file and leave the results in another, as a task of `radcodec.cli.jobs`."""

    path: Path
    report: Path
    settings: Settings

    def __call__(self) -> tuple[Message, ...]:
        """Do it; nothing is said."""
        results = examine(self.path, self.settings)
        self.report.write_text(json.dumps([asdict(result) for result in results]))
        return ()


def examine(path: Path, settings: Settings) -> list[Result]:
    """Return what comes of a file in each mode."""
    skipped = _too_much(path, settings)
    if skipped is not None:
        return [Result(mode, "skipped", message=skipped) for mode in MODES]
    results = []
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        source = SourceFile(path, Path(folder))
        for mode, words in MODES.items():
            try:
                results.append(_examine(source, mode, words))
            except StepError as error:
                results.append(Result(mode, "failed", error.step, str(error)))
    return results


def _too_much(path: Path, settings: Settings) -> str | None:
    """Say why a file is not taken; None where it is, or is refused by its reader."""
    try:
        with open_image(path) as image:
            layout = image.layout
    except RadcodecError:
        return None
    pixels = layout.rows * layout.columns * layout.frames
    if settings.max_frames is not None and layout.frames > settings.max_frames:
        return f"{layout.frames} frames"
    if settings.max_pixels is not None and pixels > settings.max_pixels:
        return f"{pixels} pixels"
    return None


@dataclass
class SourceFile:
    """A source, and what tools say of it, asked once.

    Attributes
    ----------
    path : Path
        The file.
    folder : Path
        For files that are made.
    """

    path: Path
    folder: Path
    _said: dict[str, tuple[int, Counter[str]] | None] = field(default_factory=dict)

    def said(self, tool: str) -> tuple[int, Counter[str]] | None:
        """Exit code and errors of dcmdump or dciodvfy; None where it cannot read the file."""
        if tool not in self._said:
            try:
                if tool == "dcmdump":
                    self._said[tool] = dcmdump_errors(self.path)
                else:
                    readable = readable_by_dciodvfy(self.path, self.folder)
                    self._said[tool] = 0, dciodvfy_errors(readable)
            except Exception:  # noqa: BLE001 - whatever ails the source is no matter here
                self._said[tool] = None
        return self._said[tool]


def _examine(source: SourceFile, mode: str, words: tuple[str, ...]) -> Result:
    """Go all steps with one file; `StepError` for the one that fails."""
    rcz, restored = source.folder / "file.rcz", source.folder / "restored.dcm"
    ran = _radcodec("compress", str(source.path), *words, "-f", "-o", str(rcz))
    if ran.exit_code in _REFUSALS:
        return Result(mode, "refused", message=_message(ran, source.path))
    _require(ran, "compress", source.path)
    _require(_radcodec("test", str(rcz)), "test", rcz)
    with rcz.open("rb") as file:
        reader = RczReader(file)
        header, quality = reader.header, reader.quality
    if quality is None:
        raise StepError("test", "no record of the loss")
    if mode == "max-error 0" and quality.max_error != 0:
        raise StepError("compress", f"maximum error {quality.max_error} where 0 was asked for")
    if header.source == "png":
        return _png(source, restored.with_suffix(".png"), rcz, mode, quality.max_error)
    _require(_radcodec("decompress", str(rcz), "-f", "-o", str(restored)), "decompress", rcz)
    with _step("pydicom"):
        before, after = read(source.path), read(restored)
    with _step("pixels"):
        error = compare_pixels(before, after, header.bits_stored)
    if error > quality.max_error:
        raise StepError("pixels", f"off by {error}, more than the {quality.max_error} recorded")
    with _step("data set"):
        lossy = quality.max_error != 0
        compare_elements(before, after, lossy=lossy)
        check_identity(before, after, lossy=lossy)
    excused, unread = _validate(source, restored, after)
    return Result(mode, "succeeded", excused=dict(excused), unread=unread)


def _png(source: SourceFile, restored: Path, rcz: Path, mode: str, bound: int) -> Result:
    """Restore a PNG and compare its pixels."""
    _require(_radcodec("decompress", str(rcz), "-f", "-o", str(restored)), "decompress", rcz)
    with open_image(source.path) as first, open_image(restored) as second:
        difference = first.frame(0).planes.astype(int) - second.frame(0).planes
    error = int(np.abs(difference).max())
    if error > bound:
        raise StepError("pixels", f"off by {error}, more than the {bound} recorded")
    return Result(mode, "succeeded")


def _validate(
    source: SourceFile, restored: Path, parsed: FileDataset
) -> tuple[Counter[str], list[str]]:
    """Ask the tools that are installed; return what is excused, and who cannot read the source."""
    excused: Counter[str] = Counter()
    unread = []
    if shutil.which("dcmdump"):
        code, errors = dcmdump_errors(restored)
        before = source.said("dcmdump") or (1, Counter())
        new = errors - before[1]
        if new or (code != 0 and before[0] == 0):
            raise StepError("dcmdump", "; ".join(new) or f"exit code {code}")
        if code != 0:
            unread.append("dcmdump")
    if shutil.which("dciodvfy"):
        with _step("dciodvfy"):
            found = dciodvfy_errors(restored)
        known = source.said("dciodvfy")
        if known is None:
            unread.append("dciodvfy")
        else:
            new = found - known[1]
            for line in list(new):
                part = excuse(line, known[1])
                if part is not None:
                    excused[part] += new.pop(line)
            if new:
                raise StepError("dciodvfy", "; ".join(new))
    if shutil.which("gdcmconv") and shutil.which("gdcmraw"):
        try:
            pixels = gdcm_pixels(restored, source.folder)
        except RuntimeError as error:
            try:
                gdcm_pixels(source.path, source.folder)
            except RuntimeError:
                unread.append("gdcm")
                return excused, unread
            raise StepError("gdcm", str(error)) from error
        if pixels != parsed.PixelData:
            raise StepError("gdcm", "other pixels than pydicom gives")
    return excused, unread


def _radcodec(*words: str) -> Ran:
    return CliRunner().invoke(radcodec, list(words))


def _require(ran: Ran, step: str, path: Path) -> None:
    if ran.exit_code != 0:
        raise StepError(step, _message(ran, path))


def _message(ran: Ran, path: Path) -> str:
    """Return what a command has said, without its name and the file's."""
    text = " ".join(ran.stderr.split())
    return text.removeprefix("radcodec: ").replace(f"{path}: ", "") or f"exit code {ran.exit_code}"


@contextmanager
def _step(name: str) -> Iterator[None]:
    """Turn whatever goes wrong into a `StepError`: there is a reason to look at it."""
    try:
        yield
    except StepError:
        raise
    except Exception as error:
        raise StepError(name, f"{type(error).__name__}: {error}") from error
