"""One image at one depth, refined or not: files of any quality level."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from radcodec.codec.blocks import (
    Chosen,
    choose_blocks,
    pack_blocks,
    pixel_step,
    unpack_flags,
    unpack_values,
)
from radcodec.codec.decoder import restore
from radcodec.codec.filters import apply_filter, fit_filter
from radcodec.codec.layer import FixedImage, LayerEncoder, skip_map
from radcodec.codec.plans import REFINING_DEPTH, Plan
from radcodec.codec.prepared import Prepared
from radcodec.container.header import Header
from radcodec.container.layers import MODEL_ID_LENGTH, PixelBlocks, Refinement
from radcodec.container.planes import Plane, pack_plane
from radcodec.container.rcz import RczFile, fixed_bytes
from radcodec.entropy.filter_weights import decode_weights
from radcodec.entropy.foresight import WORTH
from radcodec.intensity.background import fill_smoothly
from radcodec.metrics.quality import psnr
from radcodec.network.compressor import Compressor
from radcodec.network.decompressor import Decompressor
from radcodec.network.store import ModelStore
from radcodec.quantising.levels import MID_GREY
from radcodec.rate import closest_level, usual_level
from radcodec.reading.image import GreyImage

#: Whose compressor serves a modality that has none of its own.
SERVED_BY = {"mg": "xr", "generic": "xr"}
#: Bits that a squared error of one step is worth in refinements, and by whose compressors it is
#: not that: with less, some CT images lose up to 0.4 dB (docs/experiments.md).
REFINING_WORTH = 0.8 * WORTH
REFINING_WORTH_OF = {"ct": 1.4 * WORTH}
#: How near to a size, as a logarithm, a level must be for a search to start there.
KNOWN = 0.5


def network_of(modality: str, depth: int, models: ModelStore, *, wide: bool = False) -> str:
    """Modality whose compressor serves `modality` at a depth."""
    own = depth in models.depths(modality, wide=wide)
    return modality if own else SERVED_BY.get(modality, modality)


def _networks(
    modality: str, depth: int, models: ModelStore, *, wide: bool = False
) -> tuple[Compressor, Decompressor]:
    """The network pair that serves a modality at a depth."""
    served = network_of(modality, depth, models, wide=wide)
    compressor = models.compressor(served, depth, wide=wide)
    return compressor, models.decompressor(compressor.bundle.manifest["decompressor"])


def header_of(image: GreyImage, modality: str) -> Header:
    """The header of a file that holds one grey image alone."""
    rows, columns = image.stored.shape
    return Header(
        modality=modality,
        bits_allocated=image.bits_allocated,
        bits_stored=image.bits_stored,
        signed=image.signed,
        source="png" if image.dataset is None else "dicom",
        rows=rows,
        columns=columns,
        inverted=image.inverted,
    )


def model_id_of(layer: LayerEncoder) -> bytes:
    """Model id of the decompressor of a layer, as files name it."""
    return bytes.fromhex(layer.decompressor.bundle.id)[:MODEL_ID_LENGTH]


def peak_of(stored: NDArray[np.int32]) -> int:
    """Peak for PSNR: the image's own range of stored values, at least 1."""
    return max(int(stored.max()) - int(stored.min()), 1)


class BaseEncoder:
    """The first layer of one image; plans that differ only in its refinement share it.

    Parameters
    ----------
    prepared : Prepared
        The image.
    modality : str
        As the header is to say; see `network_of`.
    depth : int
        1 to 4.
    models : ModelStore
        Where the networks are.
    wide : bool
        Whether to take the networks of many latents.
    served : str or None
        Modality whose compressors to take; None for those of `modality`.
    worth : float or None
        See `LayerEncoder`, in both layers; None for what suits them best.
    foresight : bool
        See `LayerEncoder`.
    """

    def __init__(
        self,
        prepared: Prepared,
        modality: str,
        depth: int,
        models: ModelStore,
        *,
        wide: bool = False,
        served: str | None = None,
        worth: float | None = None,
        foresight: bool = True,
    ) -> None:
        self.prepared, self.models, self.foresight = prepared, models, foresight
        self.served = served or modality
        self.worth = WORTH if worth is None else worth
        usual = REFINING_WORTH_OF.get(self.served, REFINING_WORTH)
        self.refining_worth = usual if worth is None else worth
        self.header = header_of(prepared.image, modality)
        self.grid = self.header.grid(depth)
        self._networks = _networks(self.served, depth, models, wide=wide)
        self.layer = self.layer_of(prepared.unit, prepared.mask)

    def layer_of(
        self, unit: NDArray[np.float32], covered: NDArray[np.bool_] | None
    ) -> LayerEncoder:
        """The first layer of the image with some of it covered, and filled in `unit`."""
        skip = skip_map(covered, self.grid)
        return LayerEncoder(
            unit, self.grid, skip, *self._networks, worth=self.worth, foresight=self.foresight
        )


class _Pass:
    """One image by one plan, with certain blocks left to be coded as pixels.

    Parameters
    ----------
    base : BaseEncoder
        Of the plan's depth.
    plan : Plan
        Depth and refinement.
    chosen : Chosen or None
        The blocks; None for none.
    """

    def __init__(self, base: BaseEncoder, plan: Plan, chosen: Chosen | None) -> None:
        self.base, self.plan, self.chosen = base, plan, chosen
        prepared = base.prepared
        self.unit, self.covered, self.layer = prepared.unit, prepared.mask, base.layer
        if chosen is not None:
            self.covered = chosen.coded | chosen.background
            self.unit = fill_smoothly(prepared.unit, self.covered)
            self.layer = base.layer_of(self.unit, self.covered)
        self._refining: tuple[int, LayerEncoder] | None = None
        self._blocks: PixelBlocks | None = None
        self._filtered: tuple[int, FixedImage, bytes | None] | None = None

    def refinement(self, base_level: int) -> LayerEncoder:
        """What the first layer leaves at a level, to be coded; the latest is kept."""
        if self._refining is None or self._refining[0] != base_level:
            base = self.base
            compressor, decompressor = _networks(base.served, REFINING_DEPTH, base.models)
            coded = self.layer.decoded(base_level).clamped()
            unit = coded.values.astype(np.float32) / np.float32(1 << coded.fraction_bits)
            plane = self.unit - unit + np.float32(MID_GREY)
            if self.covered is not None:
                plane[self.covered] = MID_GREY
            grid = base.grid.at_depth(REFINING_DEPTH)
            skip = skip_map(self.covered, grid)
            layer = LayerEncoder(
                plane,
                grid,
                skip,
                compressor,
                decompressor,
                refining=True,
                worth=base.refining_worth,
                foresight=base.foresight,
            )
            self._refining = (base_level, layer)
        return self._refining[1]

    def blocks(self, level: int) -> PixelBlocks | None:
        """The coded blocks beside a level; None where there are none; the latest are kept."""
        if self.chosen is None:
            return None
        mapping = self.base.prepared.mapping
        step = pixel_step(self.plan.step_of_level(level), mapping.span)
        if self._blocks is None or self._blocks.step != step:
            stored, grid = self.base.prepared.image.stored, self.base.grid
            self._blocks = pack_blocks(self.chosen, stored, step, mapping.low, mapping.high, grid)
        return self._blocks

    def joined(self, level: int) -> tuple[FixedImage, FixedImage | None]:
        """What the layers decode to, and what the first alone does where there are two."""
        base_level, refining_level = self.plan.levels(level)
        fixed: FixedImage = self.layer.decoded(base_level).clamped()
        if refining_level is None:
            return fixed, None
        return fixed.refined(self.refinement(base_level).decoded(refining_level)), fixed

    def filtered(self, level: int) -> tuple[FixedImage, bytes | None]:
        """What the layers decode to, filtered, and the filter, where one pays; the latest is kept."""
        if self._filtered is None or self._filtered[0] != level:
            fixed, first = self.joined(level)
            step = self.plan.step_of_level(level)
            coded = fit_filter(fixed, first, self.unit, self.covered, step)
            if coded is not None:
                fixed = apply_filter(fixed, first, decode_weights(coded, first is not None))
            self._filtered = (level, fixed, coded)
        return self._filtered[1:]

    def decoded(self, level: int, *, plain: bool = False) -> NDArray[np.int32]:
        """Stored values that the file of a level decodes to, from its coded tiles.

        Those of a `plain` one do without a filter.
        """
        fixed = self.joined(level)[0] if plain else self.filtered(level)[0]
        prepared = self.base.prepared
        mapping = prepared.mapping
        background = None if prepared.coded_mask is None else prepared.coded_mask[0]
        stored = restore(fixed, mapping, prepared.mask, background)
        blocks = self.blocks(level)
        if blocks is not None:
            chosen = unpack_flags(blocks, prepared.mask, *stored.shape)
            unpack_values(blocks, chosen, stored, mapping.low, mapping.high, self.base.grid)
        return stored


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
        self._plain = _Pass(base, plan, None)
        self._passes: dict[int, _Pass] = {}
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
        other._plain, other._passes, other._octave = self._plain, self._passes, octave
        return other

    @property
    def is_settled(self) -> bool:
        """Whether all levels have the pixel blocks of one octave."""
        return self._octave is not None

    def unfiltered(self) -> Encoder:
        """The same without filters at any level."""
        other = Encoder(self.base, self.plan, filtering=False)
        other._plain, other._passes, other._octave = self._plain, self._passes, self._octave
        other._plain_sizes = self._plain_sizes
        return other

    def _pass(self, level: int) -> _Pass:
        """The pass of a level: with the blocks that are better coded as pixels near it.

        They are chosen once for all levels whose steps round to the same power of two.
        """
        octave = self.octave(level) if self._octave is None else self._octave
        if octave not in self._passes:
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
            only = self._plain if chosen is None else _Pass(self.base, self.plan, chosen)
            self._passes[octave] = only
        return self._passes[octave]

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
            filter=self._pass(level).filtered(level)[1] if self.filtering and not plain else None,
            pixels=self._pass(level).blocks(level),
        )

    def file(self, level: int) -> RczFile:
        """Return the file of the image alone at a level, without measurements."""
        return RczFile(self.base.header, [self.plane(level)], self.prepared.image.dataset)

    def layers(self, level: int) -> list[tuple[LayerEncoder, list[bytes], int]]:
        """The layers of the file of a level, each with its tiles and its own level."""
        base_level, refining_level = self.plan.levels(level)
        found = self._pass(level)
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
        return self._pass(level).decoded(level, plain=not self.filtering)

    def point(self, level: int) -> tuple[float, float]:
        """Bits per pixel and PSNR in dB of the file of a level."""
        return 8 * self.size(level) / self.prepared.image.stored.size, self.psnr(level)

    def psnr(self, level: int) -> float:
        """PSNR in dB of the file of a level."""
        if level not in self._psnrs:
            stored = self.prepared.image.stored
            self._psnrs[level] = psnr(stored, self.decoded(level), peak_of(stored))
        return self._psnrs[level]
