"""Planes whose every value is within a bound of the source's: exact where the bound is 0."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from radcodec.codec.jpegls import encode_jpegls
from radcodec.codec.prepared import Prepared, prepare
from radcodec.codec.residuals import pack_residuals, step_of_bound
from radcodec.container.header import Header
from radcodec.container.planes import ANY_DEPTH, Plane, pack_plane
from radcodec.entropy.residual import NEAREST
from radcodec.reading.image import GreyImage

#: Bits per pixel of a plane without networks below which networks may save some, as the bound
#: exceeds the noise then (docs/experiments.md, "Residuals").
PAYING_BITS = 0.6


@dataclass(frozen=True)
class Coded:
    """A plane with the values that it decodes to, (rows, columns) of int32."""

    plane: Plane
    decoded: NDArray[np.int32]


def as_pixels(prepared: Prepared, step: int, header: Header, rounding: int = NEAREST) -> Coded:
    """Code a plane by prediction from neighbours, its background by its mask.

    Parameters
    ----------
    prepared : Prepared
        The plane.
    step : int
        Quantiser step in stored values.
    header : Header
        Of the file.
    rounding : int
        As of `encode_residual`.
    """
    mapping, stored = prepared.mapping, prepared.image.stored
    grid = header.grid(ANY_DEPTH)
    residual, decoded = pack_residuals(
        stored, None, prepared.mask, step, mapping.low, mapping.high, grid, rounding
    )
    plane = Plane("pixels", mapping.low, mapping.high, mask=prepared.coded_mask, residual=residual)
    return Coded(plane, decoded)


def as_jpegls(image: GreyImage, bound: int, header: Header, sample: int) -> Coded | None:
    """Code a plane as JPEG-LS; None where that does not go so far."""
    found = encode_jpegls(image.stored, *header.plane_bits(sample), bound)
    if found is None:
        return None
    stream, decoded = found
    low, high = int(image.stored.min()), int(image.stored.max())
    return Coded(Plane("jpegls", low, high, stream=stream), decoded)


def over_networks(coded: Coded, prepared: Prepared, bound: int, header: Header) -> Coded:
    """Add to a plane that networks code what they leave."""
    plane = coded.plane
    residual, decoded = pack_residuals(
        prepared.image.stored,
        coded.decoded,
        prepared.mask,
        step_of_bound(bound),
        plane.low,
        plane.high,
        header.grid(plane.depth),
    )
    return Coded(replace(plane, residual=residual), decoded)


def smallest(candidates: list[Coded], header: Header, sample: int) -> Coded:
    """The candidate that takes the fewest bytes."""
    return min(candidates, key=lambda one: len(pack_plane(one.plane, header, sample)))


def within_bound(
    image: GreyImage,
    bound: int,
    header: Header,
    sample: int,
    bases: Callable[[Prepared], list[Coded]] | None = None,
) -> Coded:
    """Code a plane so that no value is off by more than a bound, in the fewest bytes.

    Parameters
    ----------
    image : GreyImage
        The plane.
    bound : int
        In stored values; 0 for exact.
    header : Header
        Of the file.
    sample : int
        Which sample of the frame it is.
    bases : callable or None
        Gives what networks make of the plane, to be tried as predictions where that may pay.
    """
    prepared = prepare(image)
    candidates = [as_pixels(prepared, step_of_bound(bound), header)]
    bits = 8 * len(pack_plane(candidates[0].plane, header, sample)) / image.stored.size
    jpegls = as_jpegls(image, bound, header, sample)
    if jpegls is not None:
        candidates.append(jpegls)
    if bases is not None and bound > 0 and bits < PAYING_BITS:
        for base in bases(prepared):
            candidates.append(over_networks(base, prepared, bound, header))
    return smallest(candidates, header, sample)
