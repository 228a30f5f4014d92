"""One image by one plan, of one layer or two: what files of any level hold and decode to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcodec.codec.base import BaseEncoder, networks_of
from radcodec.codec.blocks import Chosen, pack_blocks, pixel_step, unpack_flags, unpack_values
from radcodec.codec.decoder import restore
from radcodec.codec.filters import apply_filter, fit_filter
from radcodec.codec.layer import FixedImage, LayerEncoder, skip_map
from radcodec.codec.plans import REFINING_DEPTH, Plan
from radcodec.container.layers import PixelBlocks
from radcodec.entropy.filter_weights import decode_weights
from radcodec.intensity.background import fill_smoothly
from radcodec.quantising.levels import MID_GREY


class Layered:
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
            compressor, decompressor = networks_of(base.served, REFINING_DEPTH, base.models)
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
