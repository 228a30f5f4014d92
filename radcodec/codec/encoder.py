"""One image at one depth, refined or not: files of any quality level."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from radcodec.codec.decoder import restore
from radcodec.codec.layer import MID_GREY, FixedImage, LayerEncoder, skip_map
from radcodec.codec.plans import REFINING_DEPTH, Plan
from radcodec.codec.prepared import Prepared
from radcodec.container.header import Header
from radcodec.container.layers import Grid, Refinement
from radcodec.container.rcz import Quality, RczFile, write_rcz
from radcodec.entropy.economy import WORTH
from radcodec.metrics.quality import psnr
from radcodec.network.compressor import Compressor
from radcodec.network.decompressor import Decompressor
from radcodec.network.store import ModelStore

#: Whose compressor serves a modality that has none of its own.
SERVED_BY = {"mg": "xr", "generic": "xr"}


def network_of(modality: str, depth: int, models: ModelStore) -> str:
    """Modality whose compressor serves `modality` at a depth."""
    return modality if depth in models.depths(modality) else SERVED_BY.get(modality, modality)


def _networks(modality: str, depth: int, models: ModelStore) -> tuple[Compressor, Decompressor]:
    """The network pair that serves a modality at a depth."""
    compressor = models.compressor(network_of(modality, depth, models), depth)
    return compressor, models.decompressor(compressor.bundle.manifest["decompressor"])


def peak_of(stored: NDArray[np.int32]) -> int:
    """Peak for PSNR: the image's own range of stored values, at least 1."""
    return max(int(stored.max()) - int(stored.min()), 1)


class BaseEncoder:
    """The first layer of one image at one depth; plans of the same depth share it.

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
    worth : float
        See `LayerEncoder`; refinements take the same.
    """

    def __init__(
        self,
        prepared: Prepared,
        modality: str,
        depth: int,
        models: ModelStore,
        *,
        worth: float = WORTH,
    ) -> None:
        self.prepared, self.modality, self.models = prepared, modality, models
        self.worth = worth
        compressor, decompressor = _networks(modality, depth, models)
        image = prepared.image
        rows, columns = image.stored.shape
        self.header = Header(
            modality=modality,
            depth=depth,
            bits_allocated=image.bits_allocated,
            bits_stored=image.bits_stored,
            signed=image.signed,
            level=0,
            source="png" if image.dataset is None else "dicom",
            rows=rows,
            columns=columns,
            low=prepared.mapping.low,
            high=prepared.mapping.high,
            model_id=bytes.fromhex(decompressor.bundle.id),
            inverted=image.inverted,
        )
        skip = skip_map(prepared.mask, self.header.grid)
        self.layer = LayerEncoder(
            prepared.unit, self.header.grid, skip, compressor, decompressor, worth=worth
        )


class Encoder:
    """One image by one plan.

    Parameters
    ----------
    base : BaseEncoder
        First layer, of the plan's depth.
    plan : Plan
        Depth and refinement.
    """

    def __init__(self, base: BaseEncoder, plan: Plan) -> None:
        self.base, self.plan = base, plan
        self.prepared = base.prepared
        self._refining: tuple[int, LayerEncoder] | None = None
        self._sizes: dict[int, int] = {}

    def _refinement(self, base_level: int) -> LayerEncoder:
        """What the first layer leaves at a level, to be coded; the latest is kept."""
        if self._refining is None or self._refining[0] != base_level:
            base, prepared = self.base, self.prepared
            compressor, decompressor = _networks(base.modality, REFINING_DEPTH, base.models)
            coded = base.layer.decoded(base_level).clamped()
            unit = coded.values.astype(np.float32) / np.float32(1 << coded.fraction_bits)
            plane = prepared.unit - unit + np.float32(MID_GREY)
            if prepared.mask is not None:
                plane[prepared.mask] = MID_GREY
            grid = base.header.grid.at_depth(REFINING_DEPTH)
            skip = skip_map(prepared.mask, grid)
            layer = LayerEncoder(
                plane, grid, skip, compressor, decompressor, refining=True, worth=base.worth
            )
            self._refining = (base_level, layer)
        return self._refining[1]

    def file(self, level: int) -> RczFile:
        """Return the file at a level of the last layer's scale, without measurements."""
        base_level, refining_level = self.plan.levels(level)
        base = self.base
        refinement = None
        if refining_level is not None:
            layer = self._refinement(base_level)
            refinement = Refinement(
                REFINING_DEPTH,
                refining_level,
                bytes.fromhex(layer.decompressor.bundle.id),
                layer.tiles(refining_level),
            )
        return RczFile(
            replace(base.header, level=base_level),
            tiles=base.layer.tiles(base_level),
            mask=self.prepared.coded_mask,
            dataset=self.prepared.image.dataset,
            refinement=refinement,
        )

    def last_layer(self, level: int) -> tuple[LayerEncoder, list[bytes], Grid]:
        """The layer that a level belongs to, with its tiles: for measurements."""
        base_level, refining_level = self.plan.levels(level)
        if refining_level is None:
            return self.base.layer, self.base.layer.tiles(base_level), self.base.layer.grid
        layer = self._refinement(base_level)
        return layer, layer.tiles(refining_level), layer.grid

    def size(self, level: int) -> int:
        """Bytes of the file at a level, measurements included."""
        if level not in self._sizes:
            measured = Quality(0.0, 0, bytes(32))
            # The data set is deflated once for all levels.
            file = replace(self.file(level), dataset=None, quality=measured)
            self._sizes[level] = len(write_rcz(file)) + self.prepared.dataset_size
        return self._sizes[level]

    def decoded(self, level: int) -> NDArray[np.int32]:
        """Stored values that the file of a level decodes to, from its coded tiles."""
        base_level, refining_level = self.plan.levels(level)
        fixed: FixedImage = self.base.layer.decoded(base_level).clamped()
        if refining_level is not None:
            fixed = fixed.refined(self._refinement(base_level).decoded(refining_level))
        header = self.base.header
        mask, coded = self.prepared.mask, self.prepared.coded_mask
        return restore(fixed, header, mask, None if coded is None else coded[0])

    def point(self, level: int) -> tuple[float, float]:
        """Bits per pixel and PSNR in dB of the file of a level."""
        return 8 * self.size(level) / self.prepared.image.stored.size, self.psnr(level)

    def psnr(self, level: int) -> float:
        """PSNR in dB of the file of a level."""
        stored = self.prepared.image.stored
        return psnr(stored, self.decoded(level), peak_of(stored))
