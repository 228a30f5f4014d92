"""Peak memory of compressing and decompressing, each in a process of its own.

``python benchmarks/memory.py`` prints a table for made-up images of rising size, and the bytes
for each pixel that follow; ``radcodec/container/limits.py`` has its estimates from here.  Linux
only, as it reads VmHWM of /proc.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import numpy as np

from radcodec.codec import Decoder, compress_source
from radcodec.rate import Target
from radcodec.reading.image import Frame, ImageSource, Layout


class MadeUp(ImageSource):
    """A square image with soft shapes, noise, a black border and hard letters."""

    def __init__(self, side: int, samples: int) -> None:
        self.name = "made up"
        bits, photometric = (12, "MONOCHROME2") if samples == 1 else (8, "RGB")
        self.layout = Layout(
            side, side, 1, samples, 16 if bits > 8 else 8, bits, False, photometric
        )
        rows, columns = np.mgrid[:side, :side].astype(np.float32)
        noise = np.random.default_rng(0).normal(0, 20, (side, side)).astype(np.float32)
        grey = (2000 + 1000 * np.sin(columns / 90) * np.cos(rows / 70) + noise).astype(np.int32)
        grey[: side // 8] = 0
        grey[side // 2 : side // 2 + 40, 100 : side // 2 : 7] = 4095
        planes = [grey] if samples == 1 else [grey >> 4, grey >> 5, 255 - (grey >> 4)]
        self._frame = Frame(np.stack(planes))

    def frame(self, index: int) -> Frame:
        """The only frame."""
        return self._frame


def peak() -> float:
    """Most memory that this process has had, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def work(action: str, side: int, samples: int, path: str) -> None:
    """Do one thing and print the memory before and at its peak."""
    if action == "decompress":
        before = peak()
        with open(path, "rb") as file:
            for _ in Decoder(file).frames():
                pass
    else:
        source = MadeUp(side, samples)
        before = peak()
        out = io.BytesIO()
        bound = 0 if action == "exact" else None
        compress_source(source, out, target=Target("ratio", 20), max_error=bound)
        Path(path).write_bytes(out.getvalue())
    print(f"{before} {peak()}")


@click.command()
@click.option("--side", "sides", type=int, multiple=True, default=(1024, 2048, 3072))
@click.argument("job", nargs=-1)
def main(sides: tuple[int, ...], job: tuple[str, ...]) -> None:
    """Measure, and print a table."""
    if job:
        work(job[0], int(job[1]), int(job[2]), job[3])
        return
    print("| samples | megapixels | | peak in MiB | above the start |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "image.rcz")
        for samples in (1, 3):
            for side in sides:
                for action in ("compress", "decompress", "exact", "decompress"):
                    command = [sys.executable, __file__, action, str(side), str(samples), path]
                    said = subprocess.run(command, capture_output=True, text=True, check=True)
                    before, most = map(float, said.stdout.split())
                    size = side * side / 1e6
                    more = most - before
                    print(f"| {samples} | {size:.1f} | {action} | {most:.0f} | {more:.0f} |")


if __name__ == "__main__":
    main()
