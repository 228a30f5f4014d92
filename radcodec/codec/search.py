"""The plan and the level that meet a target."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

from radcodec.codec.base import BaseEncoder
from radcodec.codec.encoder import Encoder
from radcodec.codec.headers import header_of
from radcodec.codec.pixelwise import PixelEncoder
from radcodec.codec.plans import COMPARING, EFFORTS, FORESEEING, Plan, Rules
from radcodec.codec.prepared import Prepared
from radcodec.container.rcz import fixed_bytes
from radcodec.errors import UsageError
from radcodec.network.store import ModelStore
from radcodec.quantising.levels import LEVELS
from radcodec.rate import (
    TOLERANCE,
    USUAL_QUALITY,
    Target,
    coarsest_level,
    step_of_quality,
    usual_bytes,
)

#: An encoder and a level of it.
Found: TypeAlias = tuple[Encoder | PixelEncoder, int]
#: How many times a rate may be off where a plan is tried that the rules take at another.
NEAR = 2.0
#: Bits per pixel up to which that is done, and pixels up to which it always is: at higher rates
#: plans that are near differ less, and large images take long.
COMPARED, SMALL = 0.5, 2**19
#: Part of a size above which a filter is compared with none.
MUCH = 0.01
#: What twice the bytes are worth, in dB, where an image does not tell; and the least and most.
OCTAVE_WORTH, WORTH_RANGE = 4.0, (0.5, 12.0)
#: Levels between two files that tell what bytes are worth in an image.
APART = 8
#: Power of a size with which the step falls, as `radcodec.rate.USUAL_RISE` has it.
STEP_POWER = 0.66
#: Bits for each pixel that is not background from which a file without networks is tried.
PIXEL_BITS = 0.4


class Search:
    """Plan and level for a target, over encoders that are made when first needed.

    Parameters
    ----------
    prepared : Prepared
        The image.
    modality : str
        As the header is to say.
    plans : list of (float, Plan)
        As of `choosing.plans_for`.
    rules : Rules
        Of the models.
    models : ModelStore
        Where the networks are.
    pixels : bool
        Whether files without networks are taken where they are better.
    effort : int
        One of `EFFORTS`.
    """

    def __init__(
        self,
        prepared: Prepared,
        modality: str,
        plans: list[tuple[float, Plan]],
        rules: Rules,
        models: ModelStore,
        *,
        pixels: bool = True,
        effort: int = EFFORTS[-1],
    ) -> None:
        self.prepared, self.modality, self.models = prepared, modality, models
        self.plans, self.rules, self.effort = plans, rules, effort
        self._bases: dict[Plan, BaseEncoder] = {}
        self._encoders: dict[Plan, Encoder] = {}
        self.pixels = PixelEncoder(prepared, modality) if pixels else None
        # Size asked for, and nominal step of the last layer that led to it.
        self._met: list[tuple[float, float]] = []

    def encoder(self, plan: Plan) -> Encoder:
        """The encoder of a plan."""
        if plan not in self._encoders:
            base = plan.base
            if base not in self._bases:
                self._bases[base] = BaseEncoder(
                    self.prepared,
                    self.modality,
                    plan.depth,
                    self.models,
                    wide=plan.wide,
                    served=plan.served,
                    foresight=self.effort >= FORESEEING,
                )
            self._encoders[plan] = Encoder(self._bases[base], plan)
        return self._encoders[plan]

    def _bpp(self, size: float) -> float:
        return 8 * size / self.prepared.image.stored.size

    def _place(self, bpp: float) -> int:
        """Number of the plan that suits a rate."""
        tops = [top for top, _ in self.plans]
        return next((n for n, top in enumerate(tops) if bpp <= top), len(tops) - 1)

    def by_level(self, level: int) -> tuple[Encoder, int]:
        """A level, of whichever plan suits the rate that it leads to."""
        return self._settled(lambda _: level)

    def by_step(self, step: float) -> Found:
        """A nominal step of the last layer, of whichever plan suits the rate it leads to.

        Where a file without networks is as good and smaller, it takes the place of that.
        """
        encoder, level = self._settled(lambda plan: plan.level_of_step(step))
        if self.pixels is None or not self._worth_pixels(encoder.size(level)):
            return encoder, level
        other = self.pixels.reaching(encoder.psnr(level))
        if self.pixels.size(other) < encoder.size(level):
            return self.pixels, other
        return encoder, level

    def _worth_pixels(self, size: float) -> bool:
        """Whether a file of a size may be better without networks."""
        mask = self.prepared.mask
        shown = self.prepared.image.stored.size - (0 if mask is None else int(mask.sum()))
        return 8 * (size - self.prepared.dataset_size) > PIXEL_BITS * shown

    def _settled(self, level_in: Callable[[Plan], int]) -> tuple[Encoder, int]:
        place = len(self.plans) // 2
        for _ in self.plans:
            encoder = self.encoder(self.plans[place][1])
            level = level_in(encoder.plan)
            better = self._place(self._bpp(encoder.size(level, plain=True)))
            if better == place:
                break
            # One step at a time, so that two plans cannot send each other back and forth far.
            place += 1 if better > place else -1
        # Where the walk has not settled, the last plan tried is as good as its neighbour.
        return encoder, level

    def by_size(self, wanted: float) -> Found | None:
        """The file nearest to a size in bytes, by the plan that suits the rate best.

        A file without networks that is no larger, and better, takes the place of that.

        Returns
        -------
        (Encoder or PixelEncoder, int), or None
            None where no plan comes within `TOLERANCE` of the size.
        """
        return self._or_pixels(self._networks_by_size(wanted), wanted)

    def _or_pixels(self, found: Found | None, wanted: float) -> Found | None:
        """What was found, or a file without networks that is better and no larger."""
        if self.pixels is None or not self._worth_pixels(wanted):
            return found
        most = wanted if found is None else max(wanted, found[0].size(found[1]))
        level = self.pixels.within(most)
        if level is None or (found and found[0].psnr(found[1]) >= self.pixels.psnr(level)):
            return found
        return self.pixels, level

    def _networks_by_size(self, wanted: float) -> tuple[Encoder, int] | None:
        """The best file near a size, by the plan of the rules or one that they take near by.

        Rules know of rates, while what suits an image is also a matter of how smooth it is.
        """
        bpp = self._bpp(wanted)
        place = self._place(bpp)
        by_distance = sorted(range(len(self.plans)), key=lambda n: abs(n - place))
        near = [n for n in by_distance if self._is_near(n, bpp)]
        found = [one for n in near if (one := self._by_plan(n, wanted)) is not None]
        for number in by_distance:
            # Where blocks of pixels had to be settled for the size, another plan may do without.
            if any(not encoder.is_settled for encoder, _ in found):
                break
            if number not in near and (other := self._by_plan(number, wanted)) is not None:
                found.append(other)
        if not found:
            return None
        best = self._best(found, wanted)
        plain = self._bare(best, wanted)
        return best if plain is None else self._best([best, plain], wanted)

    def _best(self, found: list[tuple[Encoder, int]], wanted: float) -> tuple[Encoder, int]:
        """The best of some files that are all near a size."""
        if len(found) == 1:
            return found[0]
        # A single layer tells soonest.
        octave = self._octave_worth(*min(found, key=lambda one: one[0].plan.ratio is not None))

        def worth(one: tuple[Encoder, int]) -> float:
            encoder, level = one
            return encoder.psnr(level) - octave * math.log2(encoder.size(level) / wanted)

        return max(found, key=worth)

    def _octave_worth(self, encoder: Encoder, level: int) -> float:
        """What twice the bytes are worth near a file, in dB.

        Sizes that levels reach differ by some percent, and so do those to be compared: a grainy
        image gains 1 dB from twice the bytes, and one of CT 6.
        """
        other = level + APART if level + APART < LEVELS else level - APART
        near = encoder.point(other), encoder.point(level)
        octaves = math.log2(near[1][0] / near[0][0])
        gained = near[1][1] - near[0][1]
        if abs(octaves) < 0.05 or not math.isfinite(gained):
            return OCTAVE_WORTH
        low, high = WORTH_RANGE
        return min(max(gained / octaves, low), high)

    def _is_near(self, number: int, bpp: float) -> bool:
        """Whether the rules take a plan at a rate, or not far from it."""
        low, high = self.plans[number - 1][0] if number else 0.0, self.plans[number][0]
        small = self.prepared.image.stored.size <= SMALL
        compared = self.effort >= COMPARING and (small or bpp <= COMPARED)
        near = NEAR if compared else 1.0
        return low / near <= bpp <= high * near

    def _bare(self, found: tuple[Encoder, int], wanted: float) -> tuple[Encoder, int] | None:
        """A file of the plan found without a filter, where a filter takes much of the size.

        What a byte is worth is known at large; where few are left it may be more by far.
        """
        encoder, level = found
        if encoder.size(level) - encoder.size(level, plain=True) <= MUCH * wanted:
            return None
        other = encoder.unfiltered()
        plain = other.closest(wanted)
        return (other, plain) if abs(other.size(plain) / wanted - 1) <= TOLERANCE else None

    def _by_plan(self, number: int, wanted: float) -> tuple[Encoder, int] | None:
        """The file of a plan near a size; None where it comes to none."""
        encoder = self.encoder(self.plans[number][1])
        level = encoder.closest(wanted, self._step_near(wanted))
        if level == 0 and encoder.size(LEVELS // 2, plain=True) > wanted:
            # Pixel blocks make the finest files smaller than coarser ones.
            level = encoder.closest(wanted)
        if abs(encoder.size(level) / wanted - 1) <= TOLERANCE:
            self._met.append((wanted, encoder.plan.step_of_level(level)))
            return encoder, level
        for octave in encoder.octaves_around(wanted):
            settled = encoder.settled(octave)
            level = settled.closest(wanted, encoder.plan.step_of_level(level))
            if abs(settled.size(level) / wanted - 1) <= TOLERANCE:
                return settled, level
        return None

    def _step_near(self, wanted: float) -> float | None:
        """A step that may lead to a size, by what another plan or size took; None without one.

        Plans need steps that are alike.
        """
        near = min(self._met, key=lambda met: abs(math.log(met[0] / wanted)), default=None)
        return None if near is None else near[1] * (near[0] / wanted) ** STEP_POWER

    def reach(self) -> tuple[int, int]:
        """Smallest and largest file in bytes."""
        ends = [self.encoder(plan).size(n) for _, plan in self.plans for n in (0, LEVELS - 1)]
        return min(ends), max(ends)

    def by_psnr(self, wanted: float) -> Found:
        """The smallest file that reaches a PSNR in dB, of the plans that suit its rate."""
        found = self._reaching(wanted)
        smallest = min(found, default=(math.inf, 0, 0))
        if self.pixels is not None and self._worth_pixels(smallest[0]):
            level = self.pixels.reaching(wanted)
            if self.pixels.size(level) < smallest[0]:
                return self.pixels, level
        if not found:
            best = max(self.encoder(plan).psnr(0) for _, plan in self.plans)
            raise UsageError(
                f"a PSNR of {wanted:g} dB is out of reach for this image: the models reach "
                f"{best:.1f} dB; ask for less"
            )
        _, number, level = smallest
        return self.encoder(self.plans[number][1]), level

    def _reaching(self, wanted: float) -> list[tuple[int, int, int]]:
        """Size, number and level of plans that reach a PSNR in dB: that of the rules at the size
        this takes, those on the way there, and those that the rules take near by.

        Empty where no plan reaches it.
        """
        found: dict[int, tuple[int, int, int] | None] = {}
        step: float | None = None

        def add(number: int) -> tuple[int, int, int] | None:
            nonlocal step
            encoder = self.encoder(self.plans[number][1])
            start = LEVELS // 2 if step is None else encoder.plan.level_of_step(step)
            level = coarsest_level(encoder.psnr, wanted, start)
            found[number] = None if level is None else (encoder.size(level), number, level)
            if level is not None:
                step = encoder.plan.step_of_level(level)
            return found[number]

        place, last = len(self.plans) // 2, len(self.plans) - 1
        while place not in found:
            one = add(place)
            # What is out of a plan's reach may be in that of one for higher rates.
            better = last if one is None else self._place(self._bpp(one[0]))
            place += (better > place) - (better < place)
        sizes = [one[0] for one in found.values() if one is not None]
        bpp = self._bpp(min(sizes, default=0))
        for number in range(len(self.plans)):
            if number not in found and (not sizes or self._is_near(number, bpp)):
                add(number)
        return [one for one in found.values() if one is not None]

    def usual(self) -> Found:
        """The ratio that radiological societies accept for the modality, or what is nearest.

        An image so small that headers alone fill the size gets the usual quality.
        """
        header = header_of(self.prepared.image, self.modality)
        fixed = fixed_bytes(header) + self.prepared.dataset_size
        wanted = usual_bytes(self.prepared.image.uncompressed_bytes, self.modality, fixed)
        found = self.by_size(wanted) or self._best_within(wanted)
        return found or self.by_step(self.step_of_quality(USUAL_QUALITY))

    def _best_within(self, wanted: float) -> Found | None:
        """The best of the files that are no larger than a size, a few of each plan; None where all are."""
        found: list[tuple[float, int, int]] = []
        for number, (_, plan) in enumerate(self.plans):
            encoder = self.encoder(plan)
            near = encoder.closest(wanted)
            # With pixel blocks the finest level of a plain image may well be the smallest.
            for level in {0, near, min(near + 1, LEVELS - 1)}:
                if encoder.size(level) <= wanted:
                    found.append((encoder.psnr(level), number, level))
        if not found:
            return None
        _, number, level = max(found)
        return self.encoder(self.plans[number][1]), level

    def step_of_quality(self, quality: float) -> float:
        """Nominal step of a quality, 1 to 100."""
        return step_of_quality(quality, self.rules.quality_of(self.modality))

    def meet(self, target: Target) -> Found:
        """Plan and level for a target.

        Raises
        ------
        UsageError
            If the target is out of the models' reach; the message names their range.
        """
        image = self.prepared.image
        if target.kind == "usual":
            return self.usual()
        if target.kind == "quality":
            return self.by_step(self.step_of_quality(target.value))
        if target.kind == "step":
            return self.by_step(target.value)
        if target.kind == "level":
            return self.by_level(round(target.value))
        if target.kind == "psnr":
            return self.by_psnr(target.value)
        if target.kind == "ratio":
            wanted = image.uncompressed_bytes / target.value
            asked = f"a ratio of {target.value:g}"
        else:
            wanted = target.value * image.stored.size / 8
            asked = f"{target.value:g} bits per pixel"
        found = self.by_size(wanted) or self._best_within(wanted)
        if found is not None:
            return found
        low, high = self.reach()
        whole = image.uncompressed_bytes
        raise UsageError(
            f"{asked} is out of reach for this image: the models reach ratios "
            f"{whole / high:.3g} to {whole / low:.3g} ({self._bpp(low):.3g} to "
            f"{self._bpp(high):.3g} bits per pixel, of which the data set and other "
            "fixed parts are in every file); ask for a value in that range, "
            "or leave out --depth and --refine where you gave them"
        )
