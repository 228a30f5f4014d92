"""Sources of any number of frames and samples, coded plane by plane.

Memory does not depend on the number of frames: a few are kept while the quantiser step is
sought that meets a target, then each is read, coded, decoded and written by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from radcodec.codec.base import BaseEncoder, network_of
from radcodec.codec.colour import forward, inverse
from radcodec.codec.decoder import checksum_of
from radcodec.codec.encoder import Encoder
from radcodec.codec.headers import header_for
from radcodec.codec.lossless import Coded, within_bound
from radcodec.codec.measuring import Measured
from radcodec.codec.pixelwise import PixelEncoder
from radcodec.codec.plans import EFFORTS, Plan, Rules
from radcodec.codec.prepared import Prepared, prepare
from radcodec.codec.sampling import COARSEST, FINEST, PRECISION, Sample, Steps, encoder_at, weighted
from radcodec.codec.search import Search
from radcodec.container.header import Header
from radcodec.container.planes import pack_plane
from radcodec.container.rcz import Quality, RczWriter
from radcodec.entropy.mask import encode_mask
from radcodec.errors import VerificationError
from radcodec.network.store import ModelStore
from radcodec.rate import TOLERANCE, USUAL_QUALITY, Target, usual_bytes
from radcodec.reading.image import Frame, GreyImage, ImageSource

#: Depth and nominal steps of networks that are tried beneath what is coded within a bound.
BASE_DEPTH, BASE_STEPS = 3, (0.3, 0.1)
#: Most times that a whole series is coded to meet its size.
PASSES = 6
#: How near to a factor of the steps that was tried the next one may lie, as a part of the way
#: between two.
NEAREST_END = 0.15


#: Codes the planes of a frame, given its number too.
Coder = Callable[[int, Frame], list[Coded]]


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
    effort : int
        One of `EFFORTS`.
    """

    modality: str
    plans: list[tuple[float, Plan]]
    rules: Rules
    target: Target
    pixels: bool = True
    effort: int = EFFORTS[-1]


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
        self.sample = Sample(source, header, self._searches_of)
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

    def _searches_of(self, frame: Frame) -> list[Search]:
        """A search for each plane of a frame."""
        request = self.request
        return [
            Search(
                prepare(image),
                request.modality,
                request.plans,
                request.rules,
                self.models,
                pixels=request.pixels,
                effort=request.effort,
            )
            for image in self.images(frame)
        ]

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
        index = self.header.frames // 2
        coded = self._exact_frame(index, self.source.frame(index))
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

    def coder(self) -> Coder:
        """How every frame, by its number, is coded: found once, from some of them."""
        target = self.request.target
        if self.header.max_error is not None:
            return self._exact_frame
        if target.kind in ("usual", "ratio", "bpp"):
            self._wanted = self._wanted_bytes(target)
            if self.sample.exact_size() <= self._wanted:
                # Recorded, so that a file that is not verified is known to be exact too.
                self.header = replace(self.header, max_error=0)
                return self._exact_frame
            if self.header.plane_count > 1:
                self._steps = self._steps_of_size()
                return self._by_step(self._steps)
        if target.kind == "psnr" and self.header.samples > 1:
            return self._colour_of_psnr
        if self.header.plane_count == 1 or target.kind in ("psnr", "level"):
            return self._each_alone
        by_step = target.kind == "step"
        nominal = target.value if by_step else self.sample.step_of_quality(target.value)
        return self._by_step(weighted(nominal * self.sample.reference_span(), self.header))

    def _wanted_bytes(self, target: Target) -> float:
        """Size of the whole file that a target asks for."""
        header = self.header
        if target.kind == "bpp":
            return target.value * header.rows * header.columns * header.frames / 8
        if target.kind == "usual":
            fixed = self.sample.fixed_bytes
            return usual_bytes(header.uncompressed_bytes, header.modality, fixed)
        return header.uncompressed_bytes / target.value

    def _steps_of_size(self) -> Steps:
        usual = self.request.target.kind == "usual"
        otherwise = self.sample.step_of_quality(USUAL_QUALITY) if usual else None
        return self.sample.steps_of_size(self._wanted, otherwise)

    def searched(self) -> int:
        """Samples of the frames that are kept while a target is sought."""
        header = self.header
        if header.plane_count == 1 or header.max_error is not None:
            return 0
        if self.request.target.kind == "psnr":
            return header.rows * header.columns * header.samples
        return self.sample.samples

    def _exact_frame(self, _: int, frame: Frame) -> list[Coded]:
        return [self.exactly(image, n) for n, image in enumerate(self.images(frame))]

    def _each_alone(self, index: int, frame: Frame) -> list[Coded]:
        """Meet the target with every plane by itself."""
        searches = self.sample.searches_of(index, frame)
        return [self._coded(*search.meet(self.request.target)) for search in searches]

    def _colour_of_psnr(self, index: int, frame: Frame) -> list[Coded]:
        """The coarsest step by which a colour frame reaches a PSNR, all samples together."""
        wanted = self.request.target.value
        searches = self.sample.searches_of(index, frame)
        span = max(search.prepared.mapping.span for search in searches)
        best: list[Coded] | None = None
        low, high = FINEST, COARSEST
        while high - low > 4 * PRECISION:
            middle = (low + high) / 2
            coded = self._at_steps(searches, weighted(2.0**middle * span, self.header))
            measured = Measured()
            measured.add(frame.planes, restored(coded, self.header))
            if measured.quality().psnr >= wanted:
                low, best = middle, coded
            else:
                high = middle
        # Where even the finest is not enough, nothing less than all will do.
        return self._exact_frame(index, frame) if best is None else best

    def _at_steps(self, searches: list[Search], steps: Steps) -> list[Coded]:
        pairs = zip(searches, steps, strict=True)
        return [self._coded(*encoder_at(search, step)) for search, step in pairs]

    def _by_step(self, steps: Steps) -> Coder:
        """Code all planes at one step for each sample."""
        return lambda index, frame: self._at_steps(self.sample.searches_of(index, frame), steps)

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
        if self._wanted == 0 or asked.plane_count == 1 or self.sample.is_all:
            return quality  # nothing to correct: there is no size to meet, or it was known
        if self._steps is None:
            if size <= self._wanted * (1 + TOLERANCE):
                return quality
            # Without loss it is larger than what was sampled made expect.
            self.header = asked
            self._steps = self._steps_of_size()
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

    def _by_factor(self, factor: float) -> Coder:
        """Code with the steps that were found, all coarser or finer."""
        assert self._steps is not None
        return self._by_step(tuple(step * factor for step in self._steps))

    def _pass(self, out: BinaryIO, code: Coder, verify: bool) -> tuple[Quality | None, int]:
        """Code and write all frames."""
        out.seek(0)
        writer = RczWriter(out, self.header, self.source.dataset)
        measured = Measured()
        for index in range(self.header.frames):
            frame = self.source.frame(index)
            coded = code(index, frame)
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
        # The sizes between two factors lie on a line, logarithms throughout; not too near an end.
        low, high = max(larger), min(smaller)
        part = math.log(tried[low] / wanted) / math.log(tried[low] / tried[high])
        return float(low * (high / low) ** min(max(part, NEAREST_END), 1 - NEAREST_END))
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
