"""The results of a run as one JSON document and as a table; described in docs/bench.md."""

from __future__ import annotations

import csv
import io
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from radcodec.bench.compare import RATES, WINDOWS
from radcodec.bench.rows import Row
from radcodec.bench.session import Failure, Request
from radcodec.bench.summary import summarise
from radcodec.bench.survey import LeftOut, Subject

#: Name and version of the document's layout.
SCHEMA = "radcodec-bench/1"
#: Packages whose versions may matter to a figure.
PACKAGES = ("radcodec", "openvino", "numpy", "numba", "scipy", "pydicom", "imagecodecs", "av")


@dataclass(frozen=True)
class CodecState:
    """A codec of a run.

    Attributes
    ----------
    version : str or None
        None where it is missing.
    settings : str
        What it was given.
    missing : str or None
        What to install.
    """

    version: str | None
    settings: str
    missing: str | None


def cpu_name() -> str:
    """Name of the processor."""
    from radcodec.network.runtime import describe

    return describe()["cpu"].strip()


def package_versions() -> dict[str, str | None]:
    """Versions of Python and of `PACKAGES`; None for what is not installed."""
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return versions


def build(
    *,
    folder: str,
    command: Sequence[str],
    request: Request,
    seed: int,
    codecs: dict[str, CodecState],
    subjects: Sequence[Subject],
    left_out: Sequence[LeftOut],
    failures: Sequence[Failure],
    rows: Sequence[Row],
) -> dict[str, Any]:
    """Put a run's results together; see ``docs/bench.md`` for the fields."""
    cpu = cpu_name()
    return {
        "schema": SCHEMA,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": list(command),
        "folder": folder,
        "seed": seed,
        "jobs": request.jobs,
        "threads": request.threads,
        "runs": request.runs,
        "timed_otherwise": sum(
            (row.threads, row.jobs, row.runs, row.cpu)
            != (request.threads, request.jobs, request.runs, cpu)
            for row in rows
        ),
        "rates": list(RATES),
        "machine": {
            "cpu": cpu,
            "processors": os.cpu_count(),
            "platform": platform.platform(),
        },
        "versions": package_versions(),
        "targets": request.labels,
        "codecs": {name: asdict(state) for name, state in codecs.items()},
        "images": [_image(subject) for subject in subjects],
        "left_out": [asdict(item) for item in left_out],
        "failed": [asdict(failure) for failure in failures],
        "measurements": [row.to_dict() for row in rows],
        "summary": summarise(rows, request.labels, RATES, seed),
    }


def _image(subject: Subject) -> dict[str, Any]:
    window = subject.display.window
    return {
        "name": subject.source.name,
        "modality": subject.source.modality,
        "rows": subject.rows,
        "columns": subject.columns,
        "bits_allocated": subject.bits_allocated,
        "bits_stored": subject.bits_stored,
        "peak": subject.peak,
        "background": round(subject.background, 5),
        "window": None if window is None else {"center": window.center, "width": window.width},
        "pixels": subject.pixels,
    }


def as_csv(rows: Sequence[Row]) -> str:
    """Lay measurements out as CSV, a line each, windows in columns of their own."""
    target = io.StringIO()
    records: list[dict[str, Any]] = []
    for row in rows:
        values = row.to_dict()
        windows, _ = values.pop("windows"), values.pop("scaling")
        records.append(values | {f"psnr_{name}": windows.get(name) for name in WINDOWS})
    names = list(records[0]) if records else [f"psnr_{name}" for name in WINDOWS]
    writer = csv.DictWriter(target, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return target.getvalue()
