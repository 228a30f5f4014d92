"""How large the things that a file claims may be.

A file's claims are compared with these numbers before any memory is taken for them, so
that a small hostile file cannot make a reader allocate without bound.
"""

from __future__ import annotations

from dataclasses import dataclass

from radcodec.errors import LimitError

#: Bytes that the program takes beside what grows with a frame: libraries, models, windows.
PROGRAM = 600 * 2**20
#: Most bytes for each pixel of a frame, and for each of its samples, as measured by
#: ``benchmarks/memory.py``.
DECODING, CODING = (40, 16), (150, 30)
#: Pixels along the side of the largest block that a latent position stands for.
BLOCK = 32
#: Bytes for each byte of a plane's payloads, which are cut into streams; and for each value of a
#: decoded frame that is held.
PAYLOAD, HELD = 3, 6


@dataclass(frozen=True)
class Limits:
    """Upper bounds that a reader puts on a file.

    Attributes
    ----------
    pixels : int
        Rows times columns: frames are read one at a time.
    side : int
        Rows, and columns.  Keeps images that are long and thin from growing many times
        over when they are filled up to whole latent blocks.
    dataset : int
        Bytes of the DICOM data set after inflating.
    memory : int
        Bytes that the work on one file may take, as far as the size of its frames tells.
    """

    pixels: int = 2**28
    side: int = 2**20
    dataset: int = 64 * 2**20
    memory: int = 2 * 2**30

    def check_image(self, rows: int, columns: int) -> None:
        """Raise `LimitError` where an image of this size is too large.

        Parameters
        ----------
        rows, columns : int
            Claimed size; 0 or more.
        """
        if max(rows, columns) > self.side:
            raise LimitError(
                f"the image is {rows} x {columns} pixels; at most {self.side} along one side "
                "are allowed; raise Limits.side if you trust the file"
            )
        if rows * columns > self.pixels:
            raise LimitError(
                f"the image has {rows} x {columns} pixels; at most "
                f"{self.pixels} pixels are allowed; raise Limits.pixels if you trust the file"
            )

    def check_decoding(self, rows: int, columns: int, samples: int) -> None:
        """Raise `LimitError` where to decode a frame takes too much memory."""
        self._check_memory(DECODING, rows, columns, samples, "decode")

    def check_coding(self, rows: int, columns: int, samples: int) -> None:
        """Raise `LimitError` where to compress a frame takes too much memory."""
        self._check_memory(CODING, rows, columns, samples, "compress")

    def check_payloads(self, length: int) -> None:
        """Raise `LimitError` where a plane's payloads of `length` bytes take too much memory."""
        if PROGRAM + PAYLOAD * length > self.memory:
            raise LimitError(
                f"a plane of {length} bytes takes too much memory, of which "
                f"{self.memory / 2**20:.0f} MiB are allowed; set a larger --memory-limit if you "
                "trust the file"
            )

    def check_frames(self, rows: int, columns: int, samples: int, frames: int) -> None:
        """Raise `LimitError` where to hold all decoded frames at once takes too much memory."""
        needed = PROGRAM + HELD * rows * columns * samples * frames
        if needed > self.memory:
            raise LimitError(
                f"{frames} decoded frames of {columns} x {rows} pixels take "
                f"{needed / 2**20:.0f} MiB of memory, and {self.memory / 2**20:.0f} MiB are "
                "allowed; decode them one at a time, or raise Limits.memory if you trust the file"
            )

    def _check_memory(
        self, each: tuple[int, int], rows: int, columns: int, samples: int, what: str
    ) -> None:
        # Long and thin images are filled up to whole blocks of the latent.
        filled = -(-rows // BLOCK) * -(-columns // BLOCK) * BLOCK * BLOCK
        needed = PROGRAM + (each[0] + each[1] * samples) * filled
        if needed > self.memory:
            raise LimitError(
                f"to {what} a frame of {columns} x {rows} pixels and {samples} sample(s) takes "
                f"about {needed / 2**20:.0f} MiB of memory, and {self.memory / 2**20:.0f} MiB are "
                f"allowed; set --memory-limit {-(-needed // 2**30)}GiB or more if you trust the "
                "file"
            )

    def check_dataset(self, length: int) -> None:
        """Raise `LimitError` where a DICOM data set of `length` bytes is too large."""
        if length > self.dataset:
            raise LimitError(
                f"the DICOM data set holds {length} bytes; at most {self.dataset} are allowed; "
                "raise Limits.dataset if you trust the file"
            )
