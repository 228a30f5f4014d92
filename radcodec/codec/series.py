"""Sources of any number of frames and samples, coded plane by plane.

Memory does not depend on the number of frames: a few are kept while the quantiser step is
sought that meets a target, then each is read, coded, decoded and written by itself.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from radcodec.codec.colour import STEP_WEIGHTS, forward, inverse
from radcodec.codec.decoder import checksum_of
from radcodec.codec.encoder import BaseEncoder, Encoder, network_of
from radcodec.codec.lossless import Coded, as_jpegls, as_pixels, smallest, within_bound
from radcodec.codec.pixelwise import PixelEncoder
from radcodec.codec.plans import Plan, Rules
from radcodec.codec.prepared import Prepared, prepare
from radcodec.codec.search import Found, Search
from radcodec.container.header import TRANSFORMABLE_BITS, Header
from radcodec.container.planes import pack_plane
from radcodec.container.rcz import FIXED_BYTES, Quality, RczWriter
from radcodec.entropy.mask import encode_mask
from radcodec.errors import UsageError, VerificationError
from radcodec.metrics.quality import decibels
from radcodec.network.store import ModelStore
from radcodec.rate import TOLERANCE, USUAL_QUALITY, USUAL_RATIO_OF, Target
from radcodec.reading.image import Frame, GreyImage, ImageSource, Layout

_COLOURS = {
    "MONOCHROME2": "grey",
    "MONOCHROME1": "grey",
    "PALETTE COLOR": "palette",
    "RGB": "rgb",
    "YBR_FULL": "ybr",
}
#: Most pixels, all samples counted, of the frames that a search looks at.
SAMPLED_PIXELS = 2**21
#: Rows, and columns, that are taken together from a frame that is larger.
RUN = 128
#: Most frames of them.
SAMPLED_FRAMES = 6
#: Depth and nominal steps of networks that are tried beneath what is coded within a bound.
BASE_DEPTH, BASE_STEPS = 3, (0.3, 0.1)
#: Most times that a whole series is coded to meet its size.
PASSES = 5
#: Range and precision of the search for a step, both as binary logarithms.
_FINEST, _COARSEST, _PRECISION = -10.0, 1.0, 0.02
#: How much finer one sample is tried, again and again, to use up a size.
_FINER = (0.92, 0.96, 0.98)

#: A quantiser step for each sample, in values of its planes.
Steps = tuple[float, ...]


@dataclass(frozen=True)
class Request:
    """How a source is to be coded.

    Attributes
    ----------
    modality : str
        As the header is to say.
    plans : list of (float, Plan)
        As of `plans_for`.
    rules : Rules
        Of the models.
    target : Target
        What is to be reached; of no effect with a bound.
    pixels : bool
        Whether planes may do without networks.
    """

    modality: str
    plans: list[tuple[float, Plan]]
    rules: Rules
    target: Target
    pixels: bool = True


def header_for(layout: Layout, modality: str, source: str, max_error: int | None) -> Header:
    """The header of a file for the frames of a source."""
    colour = _COLOURS[layout.photometric]
    # The bound is one of samples: differences of colours would have to be nearer than it.
    transformable = colour == "rgb" and not layout.signed and max_error in (None, 0)
    transformable = transformable and layout.bits_stored <= TRANSFORMABLE_BITS
    bound = None if max_error is None else min(max_error, 2**layout.bits_stored - 1)
    return Header(
        modality=modality,
        bits_allocated=layout.bits_allocated,
        bits_stored=layout.bits_stored,
        signed=layout.signed,
        source=source,
        rows=layout.rows,
        columns=layout.columns,
        inverted=layout.photometric == "MONOCHROME1",
        samples=layout.samples,
        frames=layout.frames,
        colour=colour,
        transform="ycocg-r" if transformable else "none",
        max_error=0 if colour == "palette" else bound,
    )


class Measured:
    """What a file loses, gathered frame by frame."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._squares, self._values = 0, 0
        self._low, self._high = 2**31, -(2**31)
        self.max_error = 0

    def add(self, source: NDArray[np.int32], decoded: NDArray[np.int32]) -> None:
        """Take a frame (samples, rows, columns) and what it decodes to."""
        difference = source.astype(np.int64) - decoded
        self._squares += int((difference * difference).sum())
        self._values += source.size
        self._low = min(self._low, int(source.min()))
        self._high = max(self._high, int(source.max()))
        self.max_error = max(self.max_error, int(np.abs(difference).max()))
        self._digest.update(np.ascontiguousarray(decoded, dtype="<i4").data)

    def quality(self) -> Quality:
        """What a file records of it; the peak is the range of all frames, at least 1."""
        peak = max(self._high - self._low, 1)
        psnr = decibels(self._squares / self._values, peak)
        return Quality(psnr, self.max_error, self._digest.digest())


class Series:
    """A source and how it is coded.

    Parameters
    ----------
    source : ImageSource
        The frames.
    header : Header
        As of `header_for`.
    request : Request
        How.
    models : ModelStore
        Where the networks are.
    """

    def __init__(
        self, source: ImageSource, header: Header, request: Request, models: ModelStore
    ) -> None:
        self.source, self.header, self.request, self.models = source, header, request, models
        self._kept: dict[int, list[Search]] = {}
        # Where a size is to be met: it, and the steps that serve all frames, to be corrected by
        # the outcome.
        self._steps: Steps | None = None
        self._wanted = 0.0

    # One plane at a time ---------------------------------------------------------------

    def images(self, frame: Frame) -> list[GreyImage]:
        """The planes of a frame, as they are coded."""
        header = self.header
        planes = forward(frame.planes) if header.transform == "ycocg-r" else frame.planes
        found = []
        for sample, values in enumerate(planes):
            bits, signed = header.plane_bits(sample)
            alone = header.plane_count == 1
            found.append(
                GreyImage(
                    values,
                    header.bits_allocated,
                    bits,
                    signed,
                    header.inverted,
                    self.source.padding_value if header.colour == "grey" else None,
                    self.source.modality,
                    self.source.dataset if alone else None,
                )
            )
        return found

    def _search(self, image: GreyImage) -> Search:
        request = self.request
        prepared = prepare(image)
        return Search(
            prepared,
            request.modality,
            request.plans,
            request.rules,
            self.models,
            pixels=request.pixels,
        )

    @staticmethod
    def _coded(encoder: Encoder | PixelEncoder, level: int) -> Coded:
        return Coded(encoder.plane(level), encoder.decoded(level))

    def _bases(self, prepared: Prepared) -> list[Coded]:
        """What coarse networks make of a plane, as predictions for what is coded in a bound."""
        modality = self.request.modality
        if BASE_DEPTH not in self.models.depths(network_of(modality, BASE_DEPTH, self.models)):
            return []
        plan = Plan(BASE_DEPTH)
        encoder = Encoder(BaseEncoder(prepared, modality, BASE_DEPTH, self.models), plan)
        levels = [plan.level_of_step(step) for step in BASE_STEPS]
        return [Coded(encoder.plane(level), encoder.decoded(level)) for level in levels]

    def exactly(self, image: GreyImage, sample: int) -> Coded:
        """Code a plane within the header's bound."""
        bound = self.header.max_error or 0
        bases = self._bases if self.header.colour != "palette" else None
        return within_bound(image, bound, self.header, sample, bases)

    def bounded_size(self) -> int:
        """Bytes that the planes of a typical frame take within the header's bound."""
        frame = self.source.frame(self.header.frames // 2)
        coded = self._exact_frame(frame)
        return sum(len(pack_plane(one.plane, self.header, n)) for n, one in enumerate(coded))

    def _unused(self, frame: Frame) -> tuple[tuple[int, bytes], ...]:
        """Bits above the stored ones that are in use, each as a mask."""
        if frame.unused is None:
            return ()
        header = self.header
        found = []
        for bit in range(header.bits_stored, header.bits_allocated):
            places = (frame.unused >> bit & 1).astype(bool)
            if places.any():
                found.append((bit, encode_mask(places)))
        return tuple(found)

    # A target ---------------------------------------------------------------------------

    def coder(self) -> Callable[[Frame], list[Coded]]:
        """How every frame is coded: found once, from some of them."""
        target = self.request.target
        if self.header.max_error is not None:
            return self._exact_frame
        if target.kind in ("usual", "ratio", "bpp"):
            self._wanted = wanted = self._wanted_bytes(target)
            if self._exact_size() <= wanted:
                # Recorded, so that a file that is not verified is known to be exact too.
                self.header = replace(self.header, max_error=0)
                return self._exact_frame
            if self.header.plane_count > 1:
                self._steps = self._steps_of_size(wanted)
                return self._by_step(self._steps)
        if target.kind == "psnr" and self.header.samples > 1:
            return self._colour_of_psnr
        if self.header.plane_count == 1 or target.kind in ("psnr", "level"):
            return self._each_alone
        nominal = target.value if target.kind == "step" else self._quality_step(target.value)
        return self._by_step(self._weighted(nominal * self._reference_span()))

    def _quality_step(self, quality: float) -> float:
        return self._searches(self._sampled()[0])[0].step_of_quality(quality)

    def _wanted_bytes(self, target: Target) -> float:
        """Size of the whole file that a target asks for."""
        header = self.header
        if target.kind == "bpp":
            return target.value * header.rows * header.columns * header.frames / 8
        if target.kind == "usual":
            # What radiologists have accepted is a ratio of pixels: a large data set must not
            # take the room of the image.
            pixels = header.uncompressed_bytes / USUAL_RATIO_OF[header.modality]
            return pixels + self._fixed_bytes()
        return header.uncompressed_bytes / target.value

    def _sampled(self) -> list[int]:
        """Frames that a search looks at, evenly spread."""
        header = self.header
        each = header.rows * header.columns * header.samples
        count = min(max(SAMPLED_PIXELS // each, 1), SAMPLED_FRAMES, header.frames)
        return sorted({round((n + 0.5) * header.frames / count - 0.5) for n in range(count)})

    def _sampled_shape(self) -> tuple[int, int]:
        """Rows and columns of each of these frames that a search looks at."""
        header = self.header
        each = header.rows * header.columns * header.samples
        if header.plane_count == 1 or each <= SAMPLED_PIXELS:
            return header.rows, header.columns
        part = math.sqrt(SAMPLED_PIXELS / each)
        return math.ceil(header.rows * part), math.ceil(header.columns * part)

    def _is_sampled_whole(self) -> bool:
        """Whether a search sees all there is, so that sizes are known beforehand."""
        header = self.header
        whole = self._sampled_shape() == (header.rows, header.columns)
        return whole and len(self._sampled()) == header.frames

    def searched(self) -> int:
        """Samples of the frames that are kept while a target is sought."""
        header = self.header
        if header.plane_count == 1 or header.max_error is not None:
            return 0
        if self.request.target.kind == "psnr":
            return header.rows * header.columns * header.samples
        rows, columns = self._sampled_shape()
        return len(self._sampled()) * rows * columns * header.samples

    def _searches(self, index: int) -> list[Search]:
        """The searches of a frame's planes, or of parts of them, kept for frames that are sampled."""
        if index not in self._kept:
            frame = self.source.frame(index)
            rows, columns = self._sampled_shape()
            down, across = spread(self.header.rows, rows), spread(self.header.columns, columns)
            images = self.images(Frame(frame.planes[:, down[:, None], across]))
            self._kept[index] = [self._search(image) for image in images]
        return self._kept[index]

    def _reference_span(self) -> float:
        """Range of values that nominal steps are about: the largest of the sampled frames."""
        return max(self._searches(n)[0].prepared.mapping.span for n in self._sampled())

    def _fixed_bytes(self) -> int:
        dataset = self.source.dataset
        first = self._searches(self._sampled()[0])[0].prepared
        size = first.dataset_size
        if dataset is not None and size == 0:
            size = replace(first, image=replace(first.image, dataset=dataset)).dataset_size
        return FIXED_BYTES + size

    def _extrapolated(self, sizes: list[int]) -> float:
        """Size of the file where the sampled planes take so many bytes."""
        rows, columns = self._sampled_shape()
        part = len(self._sampled()) * rows * columns
        whole = sum(sizes) * self.header.frames * self.header.rows * self.header.columns / part
        return whole + self._fixed_bytes()

    def _exact_size(self) -> float:
        """Size of the file without any loss, from the sampled frames; cheap codings alone."""
        rows, columns = self._sampled_shape()
        header = replace(self.header, rows=rows, columns=columns)
        sizes = []
        for index in self._sampled():
            for sample, search in enumerate(self._searches(index)):
                candidates = [as_pixels(search.prepared, 1, header)]
                jpegls = as_jpegls(search.prepared.image, 0, header, sample)
                candidates += [jpegls] if jpegls else []
                coded = smallest(candidates, header, sample)
                sizes.append(len(pack_plane(coded.plane, header, sample)))
        return self._extrapolated(sizes)

    def _exact_frame(self, frame: Frame) -> list[Coded]:
        return [self.exactly(image, n) for n, image in enumerate(self.images(frame))]

    def _each_alone(self, frame: Frame) -> list[Coded]:
        """Meet the target with every plane by itself."""
        found = []
        for image in self.images(frame):
            search = self._search(image)
            found.append(self._coded(*search.meet(self.request.target)))
        return found

    def _colour_of_psnr(self, frame: Frame) -> list[Coded]:
        """The coarsest step by which a colour frame reaches a PSNR, all samples together."""
        wanted = self.request.target.value
        searches = [self._search(image) for image in self.images(frame)]
        span = max(search.prepared.mapping.span for search in searches)
        best: list[Coded] | None = None
        low, high = _FINEST, _COARSEST
        while high - low > 4 * _PRECISION:
            middle = (low + high) / 2
            steps = self._weighted(2.0**middle * span)
            coded = [
                self._coded(*self._encoder_at(search, step))
                for search, step in zip(searches, steps, strict=True)
            ]
            measured = Measured()
            measured.add(frame.planes, restored(coded, self.header))
            if measured.quality().psnr >= wanted:
                low, best = middle, coded
            else:
                high = middle
        # Where even the finest is not enough, nothing less than all will do.
        return self._exact_frame(frame) if best is None else best

    def _weighted(self, step: float) -> Steps:
        """Steps of all samples, from one in stored values of the first."""
        weights = STEP_WEIGHTS[self.header.transform][: self.header.samples]
        return tuple(step * weight for weight in weights)

    @staticmethod
    def _encoder_at(search: Search, step: float) -> Found:
        """The encoder of a plane at a step in its values."""
        return search.by_step(step / search.prepared.mapping.span)

    def _size_at(self, steps: Steps) -> float:
        sizes = []
        for index in self._sampled():
            for search, step in zip(self._searches(index), steps, strict=True):
                encoder, level = self._encoder_at(search, step)
                sizes.append(encoder.plane_size(level))
        return self._extrapolated(sizes)

    def _steps_of_size(self, wanted: float) -> Steps:
        """The finest steps by which the file is no larger than wanted."""
        span = self._reference_span()
        low, high = _FINEST, _COARSEST
        least = self._size_at(self._weighted(2.0**high * span))
        if least > wanted:
            if self.request.target.kind == "usual":
                return self._weighted(self._quality_step(USUAL_QUALITY) * span)
            self._out_of_reach(least)
        while high - low > _PRECISION:
            middle = (low + high) / 2
            if self._size_at(self._weighted(2.0**middle * span)) > wanted:
                low = middle
            else:
                high = middle
        return self._filled(self._weighted(2.0**high * span), wanted)

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

    def _out_of_reach(self, least: float) -> None:
        header = self.header
        pixels = header.rows * header.columns * header.frames
        raise UsageError(
            f"this is out of reach for the file: the models reach a ratio of "
            f"{header.uncompressed_bytes / least:.3g} ({8 * least / pixels:.3g} bits per pixel, of "
            "which the data set and other fixed parts are in every file); ask for less "
            "compression, or leave out --depth and --refine where you gave them"
        )

    def _by_step(self, steps: Steps) -> Callable[[Frame], list[Coded]]:
        """Code all planes at one step for each sample."""

        def code(frame: Frame) -> list[Coded]:
            found = []
            for image, step in zip(self.images(frame), steps, strict=True):
                found.append(self._coded(*self._encoder_at(self._search(image), step)))
            return found

        return code

    # The file ---------------------------------------------------------------------------

    def write(self, out: BinaryIO, *, verify: bool) -> Quality | None:
        """Write the file; what was measured where it is verified.

        Parameters
        ----------
        out : BinaryIO
            Seekable; written from its beginning, and cut off behind the file.
        verify : bool
            Decode every plane, and record PSNR, maximum error and a hash of the pixels.

        Raises
        ------
        UsageError
            The target is out of reach.
        VerificationError
            A bound on the error is not kept.
        """
        asked = self.header
        code = self.coder()
        quality, size = self._pass(out, code, verify)
        if self._wanted == 0 or asked.plane_count == 1 or self._is_sampled_whole():
            return quality  # nothing to correct: there is no size to meet, or it was known
        if self._steps is None:
            if size <= self._wanted * (1 + TOLERANCE):
                return quality
            # Without loss it is larger than what was sampled made expect.
            self.header = asked
            self._steps = self._steps_of_size(self._wanted)
            quality, size = self._pass(out, self._by_step(self._steps), verify)
        tried = {1.0: size}
        while len(tried) < PASSES and self._missed(size) > TOLERANCE:
            factor = corrected(tried, self._wanted)
            quality, size = self._pass(out, self._by_factor(factor), verify)
            tried[factor] = size
        nearest = min(tried, key=lambda factor: self._missed(tried[factor]))
        if tried[nearest] != size:
            quality, _ = self._pass(out, self._by_factor(nearest), verify)
        return quality

    def _missed(self, size: int) -> float:
        return abs(math.log(size / self._wanted))

    def _by_factor(self, factor: float) -> Callable[[Frame], list[Coded]]:
        """Code with the steps that were found, all coarser or finer."""
        assert self._steps is not None
        return self._by_step(tuple(step * factor for step in self._steps))

    def _pass(
        self, out: BinaryIO, code: Callable[[Frame], list[Coded]], verify: bool
    ) -> tuple[Quality | None, int]:
        """Code and write all frames."""
        out.seek(0)
        writer = RczWriter(out, self.header, self.source.dataset)
        measured = Measured()
        for index in range(self.header.frames):
            frame = self.source.frame(index)
            coded = code(frame)
            unused = self._unused(frame)
            for one in coded:
                checksum = checksum_of(one.decoded)
                writer.add(replace(one.plane, checksum=checksum, unused=unused))
            if verify or self.header.max_error is not None:
                measured.add(frame.planes, restored(coded, self.header))
        bound = self.header.max_error
        if bound is not None and measured.max_error > bound:
            raise VerificationError(
                f"a pixel is off by {measured.max_error}, more than the bound of {bound}; nothing "
                "was saved, please report this file"
            )
        quality = measured.quality() if verify else None
        writer.finish(quality)
        out.truncate()
        return quality, writer.length


def restored(coded: list[Coded], header: Header) -> NDArray[np.int32]:
    """The frame (samples, rows, columns) that planes decode to."""
    planes = np.stack([one.decoded for one in coded])
    return inverse(planes, header.bits_stored) if header.transform == "ycocg-r" else planes


def spread(length: int, kept: int) -> NDArray[np.intp]:
    """`kept` of `length` places, ascending, in runs of about `RUN` that are evenly spread."""
    runs = np.array_split(np.arange(kept), math.ceil(kept / RUN))
    left_out = length - kept
    return np.concatenate(
        [run + int(left_out * (n + 0.5) / len(runs)) for n, run in enumerate(runs)]
    )


def corrected(tried: dict[float, int], wanted: float) -> float:
    """The factor of the steps to try next, from the sizes that others gave.

    Parameters
    ----------
    tried : dict of float to int
        Size in bytes by factor; larger steps make smaller files, roughly.
    wanted : float
        Size in bytes.
    """
    larger = [factor for factor, size in tried.items() if size > wanted]
    smaller = [factor for factor, size in tried.items() if size <= wanted]
    if larger and smaller:
        return math.sqrt(max(larger) * min(smaller))
    last = next(reversed(tried))
    return last * tried[last] / wanted


def smaller_within_bound(series: Series) -> Series:
    """The series, or one without loss in its place, where that is no larger.

    Colours are transformed only without loss, which can save more than a small bound does.
    """
    header = series.header
    if header.colour != "rgb" or not header.max_error:
        return series
    exact = header_for(series.source.layout, header.modality, header.source, 0)
    if exact.transform == "none":
        return series
    other = Series(series.source, exact, series.request, series.models)
    return other if other.bounded_size() <= series.bounded_size() else series
