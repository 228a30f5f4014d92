"""One image by one plan: files of any quality level, and the level of a size."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from radcodec.codec.base import BaseEncoder
from radcodec.codec.blocks import choose_blocks
from radcodec.codec.layer import LayerEncoder
from radcodec.codec.layered import Layered
from radcodec.codec.measuring import peak_of
from radcodec.codec.plans import REFINING_DEPTH, Plan
from radcodec.container.layers import MODEL_ID_LENGTH, Refinement
from radcodec.container.planes import Plane, pack_plane
from radcodec.container.rcz import RczFile, fixed_bytes
from radcodec.metrics.quality import psnr
from radcodec.rate import closest_level, usual_level

#: How near to a size, as a logarithm, a level must be for a search to start there.
KNOWN = 0.5


def model_id_of(layer: LayerEncoder) -> bytes:
    """Model id of the decompressor of a layer, as files name it."""
    return bytes.fromhex(layer.decompressor.bundle.id)[:MODEL_ID_LENGTH]


class Encoder:
    """One image by one plan.

    Parameters
    ----------
    base : BaseEncoder
        First layer, of the plan's depth.
    plan : Plan
        Depth and refinement.
    filtering : bool
        Whether files have filters where these pay.
    """

    def __init__(self, base: BaseEncoder, plan: Plan, *, filtering: bool = True) -> None:
        self.base, self.plan, self.filtering = base, plan, filtering
        self.prepared = base.prepared
        self._plain = Layered(base, plan, None)
        self._by_octave: dict[int, Layered] = {}
        self._octave: int | None = None
        self._plain_sizes: dict[int, int] = {}
        self._sizes: dict[int, int] = {}
        self._psnrs: dict[int, float] = {}

    def octave(self, level: int) -> int:
        """Power of two nearest to a level's step, for which its pixel blocks are chosen."""
        return round(math.log2(self.plan.step_of_level(level)))

    def octaves_around(self, wanted: float) -> list[int]:
        """Octaves of the levels whose sizes, as far as they are known, enclose a size.

        Empty where all known sizes lie on one side of it.
        """
        above = [level for level in self._plain_sizes if self.size(level, plain=True) > wanted]
        below = [level for level in self._plain_sizes if self.size(level, plain=True) < wanted]
        if not above or not below:
            return []
        size_of = self._plain_sizes.__getitem__
        near = min(above, key=size_of), max(below, key=size_of)
        return list(dict.fromkeys(self.octave(level) for level in near))

    def settled(self, octave: int) -> Encoder:
        """The same, with the pixel blocks of one octave at all levels.

        So sizes fall with the level without a jump, while blocks that change in between may
        leave a size that no level reaches.
        """
        other = Encoder(self.base, self.plan, filtering=self.filtering)
        other._plain, other._by_octave, other._octave = self._plain, self._by_octave, octave
        return other

    @property
    def is_settled(self) -> bool:
        """Whether all levels have the pixel blocks of one octave."""
        return self._octave is not None

    def unfiltered(self) -> Encoder:
        """The same without filters at any level."""
        other = Encoder(self.base, self.plan, filtering=False)
        other._plain, other._by_octave, other._octave = self._plain, self._by_octave, self._octave
        other._plain_sizes = self._plain_sizes
        return other

    def _layered(self, level: int) -> Layered:
        """What codes a level: with the blocks that are better coded as pixels near it.

        They are chosen once for all levels whose steps round to the same power of two.
        """
        octave = self.octave(level) if self._octave is None else self._octave
        if octave not in self._by_octave:
            step = 2.0**octave
            near = self.plan.level_of_step(step)
            chosen = choose_blocks(
                self.prepared.image.stored,
                self._plain.decoded(near, plain=True),
                self._plain_latent(near),
                self.prepared.mask,
                step,
                self.prepared.mapping.span,
            )
            only = self._plain if chosen is None else Layered(self.base, self.plan, chosen)
            self._by_octave[octave] = only
        return self._by_octave[octave]

    def _plain_latent(self, level: int) -> NDArray[np.int32] | None:
        """The refinement's latent without pixel blocks."""
        base_level, refining_level = self.plan.levels(level)
        if refining_level is None:
            return None
        return self._plain.refinement(base_level).latent(refining_level)

    def plane(self, level: int, *, plain: bool = False) -> Plane:
        """Return what a file holds of the image at a level of the last layer's scale.

        The checksum is not set: it takes a decode.  So does the filter, which a `plain` one
        does without.
        """
        first, *second = self.layers(level)
        refinement = None
        if second:
            layer, tiles, own_level = second[0]
            refinement = Refinement(REFINING_DEPTH, own_level, model_id_of(layer), tiles)
        mapping = self.prepared.mapping
        return Plane(
            coding="networks",
            low=mapping.low,
            high=mapping.high,
            depth=self.plan.depth,
            level=first[2],
            model_id=model_id_of(first[0]),
            tiles=first[1],
            mask=self.prepared.coded_mask,
            refinement=refinement,
            filter=self._layered(level).filtered(level)[1]
            if self.filtering and not plain
            else None,
            pixels=self._layered(level).blocks(level),
        )

    def file(self, level: int) -> RczFile:
        """Return the file of the image alone at a level, without measurements."""
        return RczFile(self.base.header, [self.plane(level)], self.prepared.image.dataset)

    def layers(self, level: int) -> list[tuple[LayerEncoder, list[bytes], int]]:
        """The layers of the file of a level, each with its tiles and its own level."""
        base_level, refining_level = self.plan.levels(level)
        found = self._layered(level)
        layers = [(found.layer, found.layer.tiles(base_level), base_level)]
        if refining_level is not None:
            layer = found.refinement(base_level)
            layers.append((layer, layer.tiles(refining_level), refining_level))
        return layers

    def plane_size(self, level: int, *, plain: bool = False) -> int:
        """Bytes that the image takes in a file at a level; of a `plain` one without a filter."""
        plain = plain or not self.filtering
        sizes = self._plain_sizes if plain else self._sizes
        if level not in sizes:
            plane = self.plane(level, plain=plain)
            sizes[level] = len(pack_plane(plane, self.base.header, 0))
        return sizes[level]

    def size(self, level: int, *, plain: bool = False) -> int:
        """Bytes of the file of the image alone at a level, measurements included."""
        beside = fixed_bytes(self.base.header) + self.prepared.dataset_size
        return self.plane_size(level, plain=plain) + beside

    def closest(self, wanted: float, step: float | None = None) -> int:
        """The level whose file is closest to a size in bytes.

        To know how much a filter takes, an image has to be decoded; it hardly changes from one
        level to the next.

        Parameters
        ----------
        wanted : float
            Bytes.
        step : float or None
            Nominal step of the last layer at which the search starts where no level near the
            size is known yet; None for a usual one.
        """

        def plain(level: int) -> int:
            return self.size(level, plain=True)

        level = closest_level(plain, wanted, self._start(wanted, step))
        spent = self.size(level) - plain(level)
        # A size may be out of reach, and less than what a filter takes.
        return closest_level(plain, max(wanted - spent, wanted / 2), level) if spent else level

    def _start(self, wanted: float, step: float | None) -> int:
        """The level at which a search for a size starts."""
        far = {n: abs(math.log(self.size(n, plain=True) / wanted)) for n in self._plain_sizes}
        known = min(far, key=far.__getitem__, default=None)
        if known is not None and far[known] < KNOWN:
            return known
        if step is not None:
            return self.plan.level_of_step(step)
        beside = fixed_bytes(self.base.header) + self.prepared.dataset_size
        return usual_level(8 * (wanted - beside) / self.prepared.image.stored.size)

    def decoded(self, level: int) -> NDArray[np.int32]:
        """Stored values that the file of a level decodes to, from its coded tiles."""
        return self._layered(level).decoded(level, plain=not self.filtering)

    def point(self, level: int) -> tuple[float, float]:
        """Bits per pixel and PSNR in dB of the file of a level."""
        return 8 * self.size(level) / self.prepared.image.stored.size, self.psnr(level)

    def psnr(self, level: int) -> float:
        """PSNR in dB of the file of a level."""
        if level not in self._psnrs:
            stored = self.prepared.image.stored
            self._psnrs[level] = psnr(stored, self.decoded(level), peak_of(stored))
        return self._psnrs[level]
