"""How large the things that a file claims may be.

A file's claims are compared with these numbers before any memory is taken for them, so
that a small hostile file cannot make a reader allocate without bound.
"""

from __future__ import annotations

from dataclasses import dataclass

from radcodec.errors import LimitError

#: Bytes that the program takes beside what grows with a frame, to decode and to compress:
#: libraries, models, windows.  These and the next are what ``benchmarks/memory.py`` measures.
DECODER, ENCODER = 350 * 2**20, 650 * 2**20
#: Bytes for each pixel of a frame, and more for each sample, to decode.
DECODED_PIXEL, DECODED_SAMPLE = 24, 24
#: Bytes for each sample of a frame to compress, and of the frames that a search looks at.
CODED_SAMPLE, SEARCHED_SAMPLE = 125, 320
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
    memory: int = 3 * 2**30

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
        needed = DECODER + (DECODED_PIXEL + DECODED_SAMPLE * samples) * _filled(rows, columns)
        self._check_memory(needed, f"to decode a frame of {columns} x {rows} pixels")

    def check_coding(self, rows: int, columns: int, samples: int, searched: int) -> None:
        """Raise `LimitError` where to compress takes too much memory.

        Parameters
        ----------
        rows, columns, samples : int
            Of a frame.
        searched : int
            Samples of the frames that are looked at together to meet a target, 0 for one plane.
        """
        needed = ENCODER + CODED_SAMPLE * samples * _filled(rows, columns)
        needed += SEARCHED_SAMPLE * searched
        self._check_memory(needed, f"to compress a frame of {columns} x {rows} pixels")

    def check_payloads(self, length: int) -> None:
        """Raise `LimitError` where a plane's payloads of `length` bytes take too much memory."""
        self._check_memory(DECODER + PAYLOAD * length, f"to read a plane of {length} bytes")

    def check_frames(self, rows: int, columns: int, samples: int, frames: int) -> None:
        """Raise `LimitError` where to hold all decoded frames at once takes too much memory."""
        needed = DECODER + HELD * rows * columns * samples * frames
        self._check_memory(needed, f"to hold {frames} decoded frames of {columns} x {rows} pixels")

    def _check_memory(self, needed: int, what: str) -> None:
        if needed > self.memory:
            raise LimitError(
                f"{what} takes about {needed / 2**20:.0f} MiB of memory, and "
                f"{self.memory / 2**20:.0f} MiB are allowed; set --memory-limit "
                f"{-(-needed // 2**30)}GiB or more if you trust the file"
            )

    def check_dataset(self, length: int) -> None:
        """Raise `LimitError` where a DICOM data set of `length` bytes is too large."""
        if length > self.dataset:
            raise LimitError(
                f"the DICOM data set holds {length} bytes; at most {self.dataset} are allowed; "
                "raise Limits.dataset if you trust the file"
            )


def _filled(rows: int, columns: int) -> int:
    """Pixels of an image filled up to whole blocks, which are many more where it is thin."""
    return -(-rows // BLOCK) * -(-columns // BLOCK) * BLOCK * BLOCK
