"""Measurements as JSON lines, one measurement a line, appended as they come."""

from __future__ import annotations

import contextlib
import json
import math
import os
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from radcodec.errors import InputError, OutputError


@dataclass(frozen=True)
class Row:
    """One image compressed by one codec at one setting.

    Attributes
    ----------
    image, modality, split : str
        What was measured; `split` is "" where the images have none.
    codec, knob : str
        Which codec at which setting; both with `image` make a row unique.
    bytes : int
        The whole file.
    bpp : float
        Bits for each pixel.
    psnr : float
        dB over stored values, the peak being the image's own range; infinity for an exact
        restoration, in JSON null.
    ssim, ms_ssim : float
        With the same range.
    max_error : int
        Largest absolute difference of a stored value.
    windows : dict of str to float
        PSNR inside the file's own display window ("display"), where it names one, and for CT
        in each of `metrics.windows.CT_WINDOWS`.
    mean_error_outside, mean_error_inside : float or None
        Mean absolute error of a stored value outside and inside the constant background;
        None where it was not measured, or there is no background.
    target : str
        Size that was asked for, "ratio 20" or "0.5 bpp"; "" where a setting was.
    target_bytes : int
        The same in bytes.
    ratio : float
        Uncompressed pixel bytes over `bytes`; 0 where it was not measured.
    encode_seconds, decode_seconds : float or None
        Median of some runs in a process that has coded before.
    encode_memory, decode_memory : int or None
        Peak of resident memory in bytes while the image was coded.
    pixels, decoded : str
        SHA-256 of the stored values before and after, in hexadecimal digits.
    file : str
        SHA-256 of the file.
    version : str
        What made it.
    threads, jobs, runs : int
        Processors of the codec, images at a time, and timed runs; 0 where nothing was timed.
    cpu : str
        Where it was timed.
    scaling : list of int or None
        What the codec's decoder needs beside the file; see `codecs.base.Scaling`.
    """

    image: str
    modality: str
    split: str
    codec: str
    knob: str
    bytes: int
    bpp: float
    psnr: float
    ssim: float
    ms_ssim: float
    max_error: int
    windows: dict[str, float] = field(default_factory=dict)
    mean_error_outside: float | None = None
    mean_error_inside: float | None = None
    target: str = ""
    target_bytes: int = 0
    ratio: float = 0.0
    encode_seconds: float | None = None
    decode_seconds: float | None = None
    encode_memory: int | None = None
    decode_memory: int | None = None
    pixels: str = ""
    decoded: str = ""
    file: str = ""
    version: str = ""
    threads: int = 0
    jobs: int = 0
    runs: int = 0
    cpu: str = ""
    scaling: list[int] | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes a row unique."""
        return self.image, self.codec, self.knob

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON can hold them: null for an infinite PSNR."""
        values = asdict(self)
        values["psnr"] = _finite(self.psnr)
        values["windows"] = {name: _finite(value) for name, value in self.windows.items()}
        return values

    def to_json(self) -> str:
        """One line without its end; what was not measured is left out."""
        defaults = {f.name: f.default for f in fields(self) if f.default is not MISSING}
        values = {k: v for k, v in self.to_dict().items() if k not in defaults or v != defaults[k]}
        return json.dumps(values, allow_nan=False)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Row:
        """Undo `to_dict`; TypeError or KeyError where the values are no row's."""
        windows = {name: _infinite(value) for name, value in values["windows"].items()}
        return cls(**values | {"psnr": _infinite(values["psnr"]), "windows": windows})

    @classmethod
    def from_json(cls, line: str) -> Row:
        """Undo `to_json`; ValueError, TypeError or KeyError where the line is no row."""
        return cls.from_dict(json.loads(line))


def _finite(value: float) -> float | None:
    return round(value, 5) if math.isfinite(value) else None


def _infinite(value: float | None) -> float:
    return math.inf if value is None else value


def load_rows(path: Path) -> list[Row]:
    """Read the rows of a file; a last line without its end, still being written, is left out.

    Raises
    ------
    InputError
        Where the file cannot be read or a line is no row.
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as rows: {error}") from error
    rows = []
    for number, line in enumerate(text.split("\n")[:-1], 1):
        try:
            rows.append(Row.from_json(line))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(
                f"{path}, line {number}: no measurement ({error!r}); measure into a new file"
            ) from error
    return rows


class RowFile:
    """A file of rows that grows, and goes on where an interrupted run stopped.

    Parameters
    ----------
    path : Path
        Created with its folders where it does not exist.

    Attributes
    ----------
    keys : set
        `Row.key` of all rows in the file.

    Raises
    ------
    InputError
        Where the file holds something else than rows.
    OutputError
        Where it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.keys = {row.key for row in load_rows(path)} if path.exists() else set()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab+") as handle:
                handle.seek(0)
                # A run that was stopped while writing leaves half a line.
                handle.truncate(handle.read().rfind(b"\n") + 1)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error}") from error

    def add(self, row: Row) -> None:
        """Append a row and hand it to the operating system at once.

        Raises
        ------
        OutputError
            Where the file cannot be written.
        """
        try:
            before = self.path.stat().st_size
            try:
                with self.path.open("a") as handle:
                    handle.write(row.to_json() + "\n")
            except OSError:
                # Half a line in the middle would make all that follows unreadable.
                with contextlib.suppress(OSError):
                    os.truncate(self.path, before)
                raise
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written: {error}") from error
        self.keys.add(row.key)
