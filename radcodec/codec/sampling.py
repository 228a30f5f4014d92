"""A sample of a source's frames, by which the steps are found that make a file of a size.

Memory does not depend on the size and the number of frames: a few are kept, and of large ones
of several planes only parts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from radcodec.codec.colour import STEP_WEIGHTS
from radcodec.codec.lossless import as_jpegls, as_pixels, smallest
from radcodec.codec.prepared import dataset_bytes
from radcodec.codec.search import Found, Search
from radcodec.container.header import Header
from radcodec.container.planes import pack_plane
from radcodec.container.rcz import fixed_bytes
from radcodec.errors import UsageError
from radcodec.reading.image import Frame, ImageSource

#: Most pixels, all samples counted, of the frames that a search looks at.
SAMPLED_PIXELS = 2**21
#: Rows, and columns, that are taken together from a frame that is larger.
RUN = 128
#: Most frames of them.
SAMPLED_FRAMES = 6
#: Range and precision of the search for a step, all as binary logarithms.
FINEST, COARSEST, PRECISION = -10.0, 1.0, 0.02
#: How much finer one sample is tried, again and again, to use up a size.
_FINER = (0.92, 0.96, 0.98)

#: A quantiser step for each sample, in values of its planes.
Steps = tuple[float, ...]


class Sample:
    """Some frames of a source, and the searches of their planes, which are kept.

    Parameters
    ----------
    source : ImageSource
        The frames.
    header : Header
        Of the file.
    searches_of : callable
        Gives the search of each plane of a frame.
    """

    def __init__(
        self, source: ImageSource, header: Header, searches_of: Callable[[Frame], list[Search]]
    ) -> None:
        self._source, self._header, self._searches_of = source, header, searches_of
        self._kept: dict[int, list[Search]] = {}
        # Bytes that filters take in its frames; to know it takes a decode.
        self._filters = 0
        each = header.rows * header.columns * header.samples
        count = min(max(SAMPLED_PIXELS // each, 1), SAMPLED_FRAMES, header.frames)
        #: Numbers of the frames, evenly spread.
        self.frames = sorted({round((n + 0.5) * header.frames / count - 0.5) for n in range(count)})
        #: Rows and columns of each that are looked at.
        self.shape = header.rows, header.columns
        if header.plane_count > 1 and each > SAMPLED_PIXELS:
            part = math.sqrt(SAMPLED_PIXELS / each)
            self.shape = math.ceil(header.rows * part), math.ceil(header.columns * part)

    @cached_property
    def fixed_bytes(self) -> int:
        """Bytes of a file beside its planes."""
        return fixed_bytes(self._header) + dataset_bytes(self._source.dataset)

    @property
    def has_whole_frames(self) -> bool:
        """Whether its frames are looked at as a whole."""
        return self.shape == (self._header.rows, self._header.columns)

    @property
    def is_all(self) -> bool:
        """Whether it is all there is, so that sizes are known beforehand."""
        return self.has_whole_frames and len(self.frames) == self._header.frames

    @property
    def samples(self) -> int:
        """Samples of pixels in it."""
        return len(self.frames) * self.shape[0] * self.shape[1] * self._header.samples

    def searches(self, index: int) -> list[Search]:
        """The searches of the planes of one of its frames, or of parts of them."""
        if index not in self._kept:
            header, planes = self._header, self._source.frame(index).planes
            down, across = spread(header.rows, self.shape[0]), spread(header.columns, self.shape[1])
            self._kept[index] = self._searches_of(Frame(planes[:, down[:, None], across]))
        return self._kept[index]

    def searches_of(self, index: int, frame: Frame) -> list[Search]:
        """The searches of any frame of the source, the kept ones where they are of it as a whole."""
        if self.has_whole_frames and index in self._kept:
            return self._kept[index]
        return self._searches_of(frame)

    def reference_span(self) -> float:
        """Range of values that nominal steps are about: the largest of its frames."""
        return max(self.searches(n)[0].prepared.mapping.span for n in self.frames)

    def step_of_quality(self, quality: float) -> float:
        """Nominal step of a quality, 1 to 100."""
        return self.searches(self.frames[0])[0].step_of_quality(quality)

    def exact_size(self) -> float:
        """Size of the file without any loss; cheap codings alone."""
        rows, columns = self.shape
        header = replace(self._header, rows=rows, columns=columns)
        sizes = []
        for index in self.frames:
            for sample, search in enumerate(self.searches(index)):
                candidates = [as_pixels(search.prepared, 1, header)]
                jpegls = as_jpegls(search.prepared.image, 0, header, sample)
                candidates += [jpegls] if jpegls else []
                coded = smallest(candidates, header, sample)
                sizes.append(len(pack_plane(coded.plane, header, sample)))
        return self._extrapolated(sizes)

    def steps_of_size(self, wanted: float, otherwise: float | None) -> Steps:
        """The finest steps by which the file is no larger than wanted.

        Parameters
        ----------
        wanted : float
            Bytes of the whole file.
        otherwise : float or None
            Nominal step to take where no file is so small.

        Raises
        ------
        UsageError
            No file is so small, and there is nothing to take otherwise.
        """
        span = self.reference_span()
        low, high = FINEST, COARSEST
        least = self._size_at(self._weighted(2.0**high * span))
        if least > wanted:
            if otherwise is None:
                raise self._out_of_reach(least)
            return self._weighted(otherwise * span)
        found = self._filled(self._finest(low, high, wanted), wanted)
        self._filters = self._filters_at(found)
        if self._filters:
            found = self._filled(self._finest(low, high, wanted), wanted)
        return found

    def _finest(self, low: float, high: float, wanted: float) -> Steps:
        """The finest step of all samples, as binary logarithm, that is not too fine for a size."""
        span = self.reference_span()
        while high - low > PRECISION:
            middle = (low + high) / 2
            if self._size_at(self._weighted(2.0**middle * span)) > wanted:
                low = middle
            else:
                high = middle
        return self._weighted(2.0**high * span)

    def _filled(self, steps: Steps, wanted: float) -> Steps:
        """Spend what is left of the size on single samples.

        Where all samples take a finer step at once, or pixels take the place of networks, the
        size leaps.
        """
        for sample in range(len(steps)):
            for finer in _FINER:
                tried = (*steps[:sample], steps[sample] * finer, *steps[sample + 1 :])
                if self._size_at(tried) <= wanted:
                    steps = tried
        return steps

    def _found_at(self, steps: Steps) -> Iterator[Found]:
        """Encoders and levels of all planes at steps."""
        for index in self.frames:
            for search, step in zip(self.searches(index), steps, strict=True):
                yield encoder_at(search, step)

    def _size_at(self, steps: Steps) -> float:
        """Size of the file at steps, with what filters were last known to take."""
        found = self._found_at(steps)
        sizes = [encoder.plane_size(level, plain=True) for encoder, level in found]
        filters = self._filters * self._header.frames / len(self.frames)
        return self._extrapolated(sizes) + filters

    def _filters_at(self, steps: Steps) -> int:
        """Bytes that filters take at steps, which does not grow with the image."""
        return sum(
            encoder.plane_size(level) - encoder.plane_size(level, plain=True)
            for encoder, level in self._found_at(steps)
        )

    def _extrapolated(self, sizes: list[int]) -> float:
        """Size of the file where the planes of the sample take so many bytes."""
        header, (rows, columns) = self._header, self.shape
        part = len(self.frames) * rows * columns
        whole = sum(sizes) * header.frames * header.rows * header.columns / part
        return whole + self.fixed_bytes

    def _weighted(self, step: float) -> Steps:
        return weighted(step, self._header)

    def _out_of_reach(self, least: float) -> UsageError:
        header = self._header
        pixels = header.rows * header.columns * header.frames
        return UsageError(
            f"this is out of reach for the file: the models reach a ratio of "
            f"{header.uncompressed_bytes / least:.3g} ({8 * least / pixels:.3g} bits per pixel, of "
            "which the data set and other fixed parts are in every file); ask for less "
            "compression, or leave out --depth and --refine where you gave them"
        )


def weighted(step: float, header: Header) -> Steps:
    """Steps of all samples, from one in stored values of the first."""
    return tuple(step * weight for weight in STEP_WEIGHTS[header.transform][: header.samples])


def encoder_at(search: Search, step: float) -> Found:
    """The encoder of a plane at a step in its values."""
    return search.by_step(step / search.prepared.mapping.span)


def spread(length: int, kept: int) -> NDArray[np.intp]:
    """`kept` of `length` places, ascending, in runs of about `RUN` that are evenly spread."""
    runs = np.array_split(np.arange(kept), math.ceil(kept / RUN))
    left_out = length - kept
    return np.concatenate(
        [run + int(left_out * (n + 0.5) / len(runs)) for n, run in enumerate(runs)]
    )
