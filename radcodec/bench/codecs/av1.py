"""AV1 intra, 12 bits, monochrome: libaom's aomenc, decoded by dav1d through PyAV.

One picture in all-intra mode with a constant quantiser, as bare OBUs.  The stored range
is scaled to 0..4095.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radcodec.bench.codecs.base import Knob, Scaling
from radcodec.bench.codecs.library import decode_picture, run, video_missing

NAME = "av1"
#: What the codec is given, for reports.
SETTINGS = (
    "Intra only, 12 bits, monochrome, constant quality, stored range scaled to 0-4095; no "
    "bytes counted for that scale."
)
#: Quantiser levels (cq-level); 0 is lossless.
KNOBS = tuple(Knob(level) for level in (63, 60, 56, 50, 44, 38, 32, 26, 20, 15, 11, 8, 6, 4, 3, 2))
WHOLE = True
SPEED = 2
TOP = 4095


def available() -> str | None:
    """None, or what is missing."""
    return video_missing("aomenc", "aom-tools", "libdav1d")


def version() -> str:
    """Name and version of the encoder."""
    for line in run(["aomenc", "--help"]).splitlines():
        if "AV1 Encoder" in line:
            return f"aomenc {line.split('Encoder')[1].split()[0]}, cpu-used {SPEED}"
    return "aomenc"


def scaling(stored: NDArray[np.int32], knob: Knob) -> Scaling:
    """Scale to 0..4095."""
    return Scaling.of(stored, TOP)


def encode(stored: NDArray[np.int32], knob: Knob) -> bytes:
    """Compress at the quantiser level `knob.value`, 0 to 63."""
    rows, columns = stored.shape
    # aomenc reads planes of colour even where it is told to drop them.
    colour = np.full(2 * ((rows + 1) // 2) * ((columns + 1) // 2), 2048, "<u2")
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in.yuv"), Path(folder, "out.obu")
        luma = scaling(stored, knob).samples(stored).astype("<u2")
        source.write_bytes(luma.tobytes() + colour.tobytes())
        words = ["aomenc", "--i420", f"--width={columns}", f"--height={rows}", "--limit=1"]
        words += ["--input-bit-depth=12", "--bit-depth=12", "--profile=2", "--monochrome"]
        words += ["--allintra", "--passes=1", f"--cpu-used={SPEED}", "--tune=psnr"]
        words += ["--end-usage=q", f"--cq-level={int(knob.value)}", "--min-q=0", "--max-q=63"]
        words += ["--deltaq-mode=0", "--threads=1", "--obu", "--quiet"]
        run([*words, f"--output={target}", str(source)])
        return target.read_bytes()


def decode(data: bytes, scaling: Scaling) -> NDArray[np.int32]:
    """Restore stored values."""
    return scaling.stored(decode_picture("libdav1d", data))
