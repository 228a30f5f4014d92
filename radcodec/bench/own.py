"""Files of this package's own codec, as a user gets them."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator

import numpy as np
from numpy.typing import NDArray

from radcodec.codec import BaseEncoder, Encoder, Plan, load_rules, measured, prepare
from radcodec.codec.choosing import plans_for
from radcodec.codec.pixelwise import PixelEncoder
from radcodec.codec.plans import PIXELS
from radcodec.codec.search import Found, Search
from radcodec.container.rcz import write_rcz
from radcodec.network.store import ModelStore
from radcodec.reading.image import GreyImage

#: Codec of the rows.
NAME = "radcodec"
#: Sizes in bits per pixel that are asked for.
TARGETS = (0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.2, 2.4)


def own_points(
    image: GreyImage, modality: str, models: ModelStore, known: Container[str] = ()
) -> Iterator[tuple[str, int, NDArray[np.int32]]]:
    """Compress an image to the sizes of `TARGETS`, with the depth that the rules choose.

    Parameters
    ----------
    image : GreyImage
        What to compress.
    modality : str
        Whose compressor.
    models : ModelStore
        The bundles.
    known : container of str
        Sizes to leave out, by what `label` names them.

    Yields
    ------
    knob : str
        Label of the size asked for, a colon; depth, refinement and level taken.  Sizes out of reach are left out.
    size : int
        Bytes of the whole file.
    decoded : ndarray of int32, shape (rows, columns)
        Stored values that the file restores.
    """
    wanted = [target for target in TARGETS if label(target) not in known]
    if not wanted:
        return
    rules = load_rules(models.root)
    plans = plans_for(modality, None, None, rules, models)
    search = Search(prepare(image), modality, plans, rules, models)
    for target in wanted:
        found = search.by_size(target * image.stored.size / 8)
        if found is None:
            continue
        encoder, level = found
        knob = f"{label(target)}: {setting(encoder.plan, level)}"
        yield knob, encoder.size(level), encoder.decoded(level)


def label(target: float) -> str:
    """Name a size in bits per pixel: ``0.02 bpp``."""
    return f"{target:g} bpp"


def find_level(search: Search, wanted: int) -> Found:
    """Find encoder and level of the file nearest to a size, as the command line would.

    Unlike there, a size out of the models' reach gets what is nearest to it.

    Parameters
    ----------
    search : Search
        Of the image.
    wanted : int
        Bytes of the whole file.
    """
    found = search.by_size(wanted)
    if found is not None:
        return found
    near = []
    for number, (_, plan) in enumerate(search.plans):
        encoder = search.encoder(plan)
        level = encoder.closest(wanted)
        near.append((abs(math.log(encoder.size(level) / wanted)), number, level))
    _, number, level = min(near)
    return search.encoder(search.plans[number][1]), level


def setting(plan: Plan, level: int) -> str:
    """Name what a file was coded with: ``d2 refined level 90``, ``pixels level 3``."""
    kind = " wide" if plan.wide else "" if plan.ratio is None else " refined"
    return f"{f'd{plan.depth}{kind}' if plan != PIXELS else 'pixels'} level {level}"


def encode_at(image: GreyImage, modality: str, plan: Plan, level: int, models: ModelStore) -> bytes:
    """Compress an image from its pixels to a file, at a plan and level known before.

    Nothing is verified, so the file lacks the chunk of what was measured.
    """
    prepared = prepare(image)
    if plan == PIXELS:
        return write_rcz(PixelEncoder(prepared, modality).file(level))
    base = BaseEncoder(prepared, modality, plan.depth, models, wide=plan.wide)
    return write_rcz(Encoder(base, plan).file(level))


def whole_file(encoder: Encoder | PixelEncoder, level: int) -> bytes:
    """The file that ``radcodec compress`` writes, with all that it measures."""
    stored = encoder.prepared.image.stored
    return write_rcz(measured(encoder.file(level), stored, encoder.decoded(level)))
