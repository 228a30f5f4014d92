"""The first layer of an image, by the networks that serve its modality."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcodec.codec.headers import header_of
from radcodec.codec.layer import LayerEncoder, skip_map
from radcodec.codec.prepared import Prepared
from radcodec.entropy.foresight import WORTH
from radcodec.network.compressor import Compressor
from radcodec.network.decompressor import Decompressor
from radcodec.network.store import ModelStore

#: Whose compressor serves a modality that has none of its own.
SERVED_BY = {"mg": "xr", "generic": "xr"}
#: Bits that a squared error of one step is worth in refinements, and by whose compressors it is
#: not that: with less, some CT images lose up to 0.4 dB (docs/experiments.md).
REFINING_WORTH = 0.8 * WORTH
REFINING_WORTH_OF = {"ct": 1.4 * WORTH}


def network_of(modality: str, depth: int, models: ModelStore, *, wide: bool = False) -> str:
    """Modality whose compressor serves `modality` at a depth."""
    own = depth in models.depths(modality, wide=wide)
    return modality if own else SERVED_BY.get(modality, modality)


def networks_of(
    modality: str, depth: int, models: ModelStore, *, wide: bool = False
) -> tuple[Compressor, Decompressor]:
    """The network pair that serves a modality at a depth."""
    served = network_of(modality, depth, models, wide=wide)
    compressor = models.compressor(served, depth, wide=wide)
    return compressor, models.decompressor(compressor.bundle.manifest["decompressor"])


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
        self._networks = networks_of(self.served, depth, models, wide=wide)
        self.layer = self.layer_of(prepared.unit, prepared.mask)

    def layer_of(
        self, unit: NDArray[np.float32], covered: NDArray[np.bool_] | None
    ) -> LayerEncoder:
        """The first layer of the image with some of it covered, and filled in `unit`."""
        skip = skip_map(covered, self.grid)
        return LayerEncoder(
            unit, self.grid, skip, *self._networks, worth=self.worth, foresight=self.foresight
        )
