"""Files of this package's own codec, as a user gets them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from radcodec.codec import load_rules, prepare
from radcodec.codec.search import Search, plans_for
from radcodec.network.store import ModelStore
from radcodec.reading.image import GreyImage

#: Codec of the rows.
NAME = "radcodec"
#: Sizes in bits per pixel that are asked for.
TARGETS = (0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.2, 2.4)


def own_points(
    image: GreyImage, modality: str, models: ModelStore
) -> Iterator[tuple[str, int, NDArray[np.int32]]]:
    """Compress an image to a range of sizes, with the depth that the rules choose.

    Parameters
    ----------
    image : GreyImage
        What to compress.
    modality : str
        Whose compressor.
    models : ModelStore
        The bundles.

    Yields
    ------
    knob : str
        Size asked for; depth, refinement and level taken.  Sizes out of reach are left out.
    size : int
        Bytes of the whole file.
    decoded : ndarray of int32, shape (rows, columns)
        Stored values that the file restores.
    """
    rules = load_rules(models.root)
    plans = plans_for(modality, None, None, rules, models)
    search = Search(prepare(image), modality, plans, rules, models)
    for target in TARGETS:
        found = search.by_size(target * image.stored.size / 8)
        if found is None:
            continue
        encoder, level = found
        refined = "" if encoder.plan.ratio is None else " refined"
        knob = f"{target:g} bpp: d{encoder.plan.depth}{refined} level {level}"
        yield knob, encoder.size(level), encoder.decoded(level)
