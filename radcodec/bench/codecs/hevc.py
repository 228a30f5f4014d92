"""HEVC (H.265) intra, 12 bits, monochrome: x265, decoded by FFmpeg through PyAV.

One picture with a constant quantiser and the tuning for PSNR, as an elementary stream
without the encoder's note of its own settings.  The stored range is scaled to 0..4095.
Sides are repeated at their end up to an even number of pixels, and to 64, the least that
x265 takes.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radcodec.bench.codecs.base import Knob, Scaling
from radcodec.bench.codecs.library import decode_picture, run, video_missing

NAME = "hevc"
#: What the codec is given, for reports.
SETTINGS = (
    "Intra, 12 bits, monochrome, preset slow, tuned for PSNR, stored range scaled to "
    "0-4095; no bytes counted for that scale."
)
#: Quantisation parameters; x265 goes no finer than 3, about 2 bits per pixel of CT.
KNOBS = tuple(Knob(qp) for qp in (51, 48, 45, 41, 37, 33, 29, 25, 21, 17, 13, 9, 6, 3))
WHOLE = True
PRESET = "slow"
TOP = 4095
LEAST = 64


def available() -> str | None:
    """None, or what is missing."""
    return video_missing("x265", "x265", "hevc")


def version() -> str:
    """Name and version of the encoder."""
    line = run(["x265", "--version"]).splitlines()[0]
    return f"x265 {line.rsplit(' ', 1)[-1]}, preset {PRESET}, tune psnr"


def scaling(stored: NDArray[np.int32], knob: Knob) -> Scaling:
    """Scale to 0..4095."""
    return Scaling.of(stored, TOP)


def encode(stored: NDArray[np.int32], knob: Knob) -> bytes:
    """Compress at the quantisation parameter `knob.value`, 3 to 51."""
    grown = [(0, max(side + side % 2, LEAST) - side) for side in stored.shape]
    samples = np.pad(scaling(stored, knob).samples(stored), grown, mode="edge")
    rows, columns = samples.shape
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in.yuv"), Path(folder, "out.hevc")
        source.write_bytes(samples.astype("<u2").tobytes())
        words = ["x265", "--input", str(source), "--input-res", f"{columns}x{rows}"]
        words += ["--fps", "1", "--frames", "1", "--keyint", "1", "--input-csp", "i400"]
        words += ["--input-depth", "12", "-D", "12", "--preset", PRESET, "--tune", "psnr"]
        words += ["--qp", str(int(knob.value)), "--no-info", "--no-progress"]
        words += ["--pools", "none", "--frame-threads", "1", "--no-wpp"]
        run([*words, "--log-level", "error", "--output", str(target)])
        return target.read_bytes()


def decode(data: bytes, scaling: Scaling) -> NDArray[np.int32]:
    """Restore stored values."""
    return scaling.stored(decode_picture("hevc", data)[: scaling.rows, : scaling.columns])
