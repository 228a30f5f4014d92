"""A run of the bench: every codec on every image at every size, a row a measurement.

Rows and the codecs' files are kept as they come; a run that was interrupted measures only
what is missing.
"""

from __future__ import annotations

import hashlib
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radcodec.bench.codecs.base import Scaling
from radcodec.bench.coders import EXTERNAL, Coder, Encoded, Target, make_coder, timed
from radcodec.bench.images import Source
from radcodec.bench.measure import measure
from radcodec.bench.own import label
from radcodec.bench.rows import Row, RowFile, load_rows
from radcodec.bench.survey import Subject, digest
from radcodec.bench.workers import Worker, forget_peak, peak_memory, shares
from radcodec.errors import OutputError, RadcodecError
from radcodec.reading.image import GreyImage

#: Codec of a failure that hits every codec.
EVERY = "every codec"
#: Rows and files, below the report's folder.
ROWS = "rows.jsonl"
FILES = "files"
#: Time that each codec takes, roughly, in units of JPEG's; for the estimate of what is left.
COSTS = {"radcodec": 60, "jpegxl": 12, "hevc": 40, "av1": 120, "jpeg2000": 6}


@dataclass(frozen=True)
class Failure:
    """A codec that failed on an image; see `EVERY`."""

    image: str
    codec: str
    reason: str


@dataclass(frozen=True)
class Request:
    """What is asked of a run.

    Attributes
    ----------
    ratios, rates : sequence of float
        Sizes: uncompressed bytes over file bytes, and bits of the file for each pixel.
    runs : int
        Timed runs of each encoding and decoding.
    jobs : int
        Images that are worked on at the same time.
    threads : int
        Processors that a codec may use.
    """

    ratios: Sequence[float] = ()
    rates: Sequence[float] = ()
    runs: int = 3
    jobs: int = 1
    threads: int = 1

    @property
    def labels(self) -> list[str]:
        """Names of the targets."""
        return [f"ratio {ratio:g}" for ratio in self.ratios] + [label(rate) for rate in self.rates]

    def targets(self, subject: Subject) -> list[Target]:
        """What the targets are in bytes of an image."""
        sizes = [subject.uncompressed_bytes / ratio for ratio in self.ratios]
        sizes += [rate * subject.rows * subject.columns / 8 for rate in self.rates]
        return [
            Target(label, max(round(size), 1))
            for label, size in zip(self.labels, sizes, strict=True)
        ]


@lru_cache(maxsize=1)
def _image(source: Source) -> GreyImage:
    return source.read()


@lru_cache(maxsize=1)
def _coder(name: str) -> Coder:
    return make_coder(name)


def encode(
    name: str, subject: Subject, targets: Sequence[Target], runs: int
) -> tuple[list[Encoded], int | None]:
    """Make an image's files with one codec, in the encoding process; and its peak of memory."""
    forget_peak()
    image = _image(subject.source)
    if digest(image.stored) != subject.pixels:
        raise RadcodecError("the file has changed since this run began; run again")
    coder = _coder(name)
    files = coder.encode(image, subject.source.modality, targets, runs)
    return files, peak_memory(name in EXTERNAL)


def decode(
    name: str, data: bytes, scaling: Scaling | None, runs: int
) -> tuple[NDArray[np.int32], float, int | None]:
    """Restore a file in the decoding process: stored values, seconds, and peak of memory."""
    coder = _coder(name)
    coder.decode(data, scaling)  # Loads networks and compiled loops, which is not to be timed.
    forget_peak()
    stored, seconds = timed(lambda: coder.decode(data, scaling), runs)
    return stored, seconds, peak_memory(name in EXTERNAL)


def judge(subject: Subject, name: str, file: Encoded, decoded: NDArray[np.int32]) -> Row:
    """Measure what came back, in the encoding process, which has the image at hand."""
    image = _image(subject.source)
    stored = image.stored
    if decoded.shape != stored.shape:
        raise RadcodecError(f"restored as {decoded.shape}, not {stored.shape}")
    size = len(file.data)
    row = measure(
        subject.source, stored, name, file.knob, size, decoded, padding=image.padding_value
    )
    return replace(
        row,
        target=file.target.label,
        target_bytes=file.target.size,
        ratio=subject.uncompressed_bytes / len(file.data),
        encode_seconds=file.seconds,
        pixels=subject.pixels,
        decoded=digest(decoded),
    )


class Store:
    """Rows and files of a report's folder.

    Parameters
    ----------
    folder : Path
        Made where it does not exist.

    Raises
    ------
    InputError
        Where the folder's rows are none.
    OutputError
        Where it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._rows = RowFile(folder / ROWS)
        self.rows = {(r.image, r.codec, r.target): r for r in load_rows(folder / ROWS)}

    def path(self, row: Row) -> Path:
        """Where the file of a row lies; named by its content."""
        return self.folder / FILES / row.file[:2] / f"{row.file}.bin"

    def find(self, subject: Subject, codec: str, version: str, target: Target) -> Row | None:
        """The measurement of a target with this very codec on these very pixels, if any.

        Nor does one count that was made for another modality, whose networks are others.
        """
        row = self.rows.get((subject.source.name, codec, target.label))
        same = (version, subject.pixels, subject.source.modality)
        if row is None or (row.version, row.pixels, row.modality) != same:
            return None
        return row if row.target_bytes == target.size and self.path(row).exists() else None

    def add(self, row: Row, data: bytes) -> None:
        """Keep a measurement and its file.

        Raises
        ------
        OutputError
            Where they cannot be written; a row is only there if its file is.
        """
        row = replace(row, file=hashlib.sha256(data).hexdigest())
        path = self.path(row)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_suffix(f".{threading.get_ident()}.part")
            try:
                temporary.write_bytes(data)
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(
                f"{path}: cannot be written: {error.strerror or error}; make room and run the "
                "same command again: it goes on where it stopped"
            ) from error
        self._rows.add(row)
        # As another run will read it, so that both give the same figures to the last digit.
        self.rows[row.image, row.codec, row.target] = Row.from_json(row.to_json())


@dataclass(frozen=True)
class _Task:
    subject: Subject
    codec: str
    version: str
    targets: list[Target]

    @property
    def weight(self) -> float:
        """Share of the whole work, roughly; small images cost their overhead."""
        pixels = max(self.subject.rows * self.subject.columns, 100_000)
        return pixels * COSTS.get(self.codec, 1) * len(self.targets)


class Session:
    """A run over chosen images with chosen codecs.

    Parameters
    ----------
    request : Request
        Sizes, and how to measure.
    subjects : sequence of Subject
        The images.
    versions : dict of str to str
        Codecs that can be used, and their versions.
    store : Store
        Where rows go.
    cpu : str
        Name of the processor, kept with each measurement.
    """

    def __init__(
        self,
        request: Request,
        subjects: Sequence[Subject],
        versions: dict[str, str],
        store: Store,
        cpu: str = "",
    ) -> None:
        self.cpu = cpu
        self.request, self.store = request, store
        self.subjects, self.versions = list(subjects), versions
        self.failures: list[Failure] = []
        self.tasks: list[_Task] = []
        # One codec after the other, so that its processes serve many images.
        for codec, version in versions.items():
            for subject in subjects:
                missing = [
                    target
                    for target in request.targets(subject)
                    if store.find(subject, codec, version, target) is None
                ]
                if missing:
                    self.tasks.append(_Task(subject, codec, version, missing))
        self.work = sum(task.weight for task in self.tasks)
        self._lock = threading.Lock()
        self._halt = threading.Event()
        self._error: OutputError | None = None

    def rows(self) -> list[Row]:
        """The measurements of this run and of those that it completes, in a fixed order."""
        return [
            row
            for subject in self.subjects
            for codec, version in self.versions.items()
            for target in self.request.targets(subject)
            if (row := self.store.find(subject, codec, version, target)) is not None
        ]

    def run(self, done: Callable[[str, str, float], None] = lambda *_: None) -> None:
        """Measure what is missing; failures are kept in `failures`.

        Parameters
        ----------
        done : callable
            Gets image, codec and weight (of `work`) of each piece of work.

        Raises
        ------
        OutputError
            Where a measurement cannot be kept.
        """
        waiting: queue.SimpleQueue[_Task] = queue.SimpleQueue()
        for task in self.tasks:
            waiting.put(task)
        lanes = [
            _Lane(processors) for processors in shares(self.request.jobs, self.request.threads)
        ]
        threads = [
            threading.Thread(target=self._drain, args=(lane, waiting, done), daemon=True)
            for lane in lanes
        ]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        finally:
            # Only where the user interrupts is work still under way here.
            self._halt.set()
            for lane in lanes:
                lane.stop()
        if self._error is not None:
            raise self._error

    def _drain(
        self,
        lane: _Lane,
        waiting: queue.SimpleQueue[_Task],
        done: Callable[[str, str, float], None],
    ) -> None:
        while not self._halt.is_set():
            try:
                task = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                self._measure(lane, task)
            except OutputError as error:
                self._error = error
                self._halt.set()
                return
            except RadcodecError as error:
                if self._halt.is_set():  # Not the codec's failure: its process was killed.
                    return
                failure = Failure(task.subject.source.name, task.codec, str(error))
                with self._lock:
                    self.failures.append(failure)
            with self._lock:
                done(task.subject.source.name, task.codec, task.weight)

    def _measure(self, lane: _Lane, task: _Task) -> None:
        lane.turn_to(task.codec)
        files, memory = lane.encoder.call(
            encode, task.codec, task.subject, task.targets, self.request.runs
        )
        for file in files:
            decoded, seconds, taken = lane.decoder.call(
                decode, task.codec, file.data, file.scaling, self.request.runs
            )
            row = lane.encoder.call(judge, task.subject, task.codec, file, decoded)
            row = replace(
                row,
                version=task.version,
                threads=self.request.threads,
                jobs=self.request.jobs,
                runs=self.request.runs,
                cpu=self.cpu,
                decode_seconds=seconds,
                encode_memory=memory,
                decode_memory=taken,
                scaling=None if file.scaling is None else file.scaling.to_list(),
            )
            with self._lock:
                self.store.add(row, file.data)


class _Lane:
    """Two processes that work on one image at a time: one encodes, the other decodes."""

    def __init__(self, processors: Sequence[int]) -> None:
        self.encoder, self.decoder = Worker(processors), Worker(processors)
        self._codec = ""

    def turn_to(self, codec: str) -> None:
        """Start anew for another codec, whose memory is not to contain what this one left."""
        if codec != self._codec or codec in EXTERNAL:
            self.stop()
        self._codec = codec

    def stop(self) -> None:
        """End both processes."""
        self.encoder.stop()
        self.decoder.stop()
