"""Tiles coded by mixing of contexts, and what the mixing knows to begin with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.damage import check_decisions, damaged
from radcodec.entropy.mixing_contexts import CONTEXTS, ESCAPE_FROM, rows_of, sets_of
from radcodec.entropy.mixing_model import (
    FIRST_WEIGHT,
    INPUTS,
    LARGEST_WEIGHT,
    LEARNING,
    REACH,
    SMALLEST_KEPT,
    SQUASH,
    STRETCH,
    TRAINING,
)
from radcodec.entropy.mixing_walk import EVEN, TOO_LARGE, walk
from radcodec.entropy.rangecoder import CHANCE_BITS, SPARE_BYTES
from radcodec.errors import ModelMismatchError

#: Bytes that a decision takes at most, half more than a chance of 24/65536 takes.
_BYTES_A_DECISION = 2
#: Sightings that a bundle tells apart, each down to the next lower one: few are enough, and
#: files are to be able to change what training has found.
SIGHTINGS_KEPT = (3, 5, 8, 12, 24)
#: Grain of the chances in a bundle, in the logistic domain.
GRAIN = 64


@dataclass(frozen=True, eq=False)
class Experience:
    """What training has found, with which every tile starts.

    Attributes
    ----------
    chances : ndarray of uint16, shape (rows, CONTEXTS)
        Chance of a 1 in every context, in 1/65536.
    sightings : ndarray of uint8, same shape
        How often a context was seen, up to the last of `SIGHTINGS_KEPT`.
    weights : ndarray of int32, shape (sets, 9)
        Of the mixers.
    """

    chances: NDArray[np.uint16]
    sightings: NDArray[np.uint8]
    weights: NDArray[np.int32]

    @classmethod
    def none(cls, channels: int) -> Experience:
        """Of latents of so many channels, before any was seen."""
        shape = (rows_of(channels), CONTEXTS)
        weights = np.full((sets_of(channels), INPUTS + 1), FIRST_WEIGHT, np.int32)
        weights[:, INPUTS] = 0
        return cls(np.full(shape, EVEN, np.uint16), np.zeros(shape, np.uint8), weights)

    def copy(self) -> Experience:
        """The same in other arrays, which may go on learning."""
        return Experience(self.chances.copy(), self.sightings.copy(), self.weights.copy())

    def check(self, channels: int) -> None:
        """Refuse what the coder is not defined for.

        Raises
        ------
        ModelMismatchError
            If shapes, types or values are not those of the format.
        """
        shape = (rows_of(channels), CONTEXTS)
        whole = (1 << CHANCE_BITS) - 1
        problem = None
        if self.chances.shape != shape or self.chances.dtype != np.uint16:
            problem = f"there must be {shape} chances"
        elif self.sightings.shape != shape or self.sightings.dtype != np.uint8:
            problem = f"there must be {shape} sightings"
        elif self.weights.shape != (sets_of(channels), INPUTS + 1):
            problem = f"there must be {sets_of(channels)} sets of weights"
        elif (
            self.weights.dtype != np.int32
            or np.abs(self.weights.astype(np.int64)).max() > LARGEST_WEIGHT
        ):
            problem = f"weights must be whole and at most {LARGEST_WEIGHT}"
        elif self.chances.min() < SMALLEST_KEPT or self.chances.max() > whole - SMALLEST_KEPT:
            problem = f"chances must be {SMALLEST_KEPT} to {whole - SMALLEST_KEPT}"
        if problem is not None:
            raise ModelMismatchError(
                f"experience of the entropy coder: {problem}; install the model bundle again"
            )


def learnt(
    tiles: Iterable[tuple[NDArray[np.int32], NDArray[np.bool_]]],
    order: NDArray[np.uint8],
    *,
    predicted: bool,
) -> Experience:
    """Code tiles one after another, and keep what that teaches.

    Parameters
    ----------
    tiles : iterable of (ndarray of int32 (channels, h, w), ndarray of bool (h, w))
        Quantised latents and their skip maps.
    order : ndarray of uint8, shape (channels,)
        The scan.
    predicted : bool
        See `TableSet`.
    """
    learning = Experience.none(len(order))
    for q, skip in tiles:
        values = _walked(q)
        room = np.zeros(_room(values, predicted), np.uint8)
        _walk(values, skip, room, True, predicted, order, learning, TRAINING)
    return _condensed(learning)


def _walk(
    values: NDArray[np.int32],
    skip: NDArray[np.bool_],
    stream: NDArray[np.uint8],
    encoding: bool,
    predicted: bool,
    order: NDArray[np.uint8],
    learning: Experience,
    rate: int,
) -> int:
    """Call `walk` with experience that goes on learning."""
    return walk(
        values,
        np.ascontiguousarray(skip, dtype=np.bool_),
        stream,
        encoding,
        predicted,
        order,
        learning.chances,
        learning.sightings,
        learning.weights,
        rate,
    )


def _condensed(found: Experience) -> Experience:
    """What is worth keeping, in few different values: half the bytes, and files as small."""
    place = (STRETCH[found.chances >> 4] + GRAIN // 2) // GRAIN * GRAIN
    coarse = SQUASH[np.clip(place + REACH, 0, 2 * REACH - 1)]
    steps = np.array((0, *SIGHTINGS_KEPT), dtype=np.uint8)
    kept = steps[np.searchsorted(SIGHTINGS_KEPT, found.sightings, side="right")]
    coarse[kept == 0] = EVEN
    return Experience(coarse.astype(np.uint16), kept, found.weights)


def _walked(q: NDArray[np.int32]) -> NDArray[np.int32]:
    """(channels, h, w) as (h, w, channels), a copy."""
    return np.array(q.transpose(1, 2, 0), dtype=np.int32, order="C")


def _room(values: NDArray[np.int32], predicted: bool) -> int:
    """Bytes that are enough for a tile."""
    sizes = np.abs(values.astype(np.int64))
    if predicted:
        # An error of prediction is at most the sum of three neighbours and the value.
        sizes[:, :, 0] = 4 * sizes[:, :, 0].max(initial=0)
    digits = 2 * np.ceil(np.log2(np.maximum(sizes - ESCAPE_FROM + 2, 1)))
    decisions = np.minimum(sizes, ESCAPE_FROM) + 2 + digits
    whole = int(decisions.sum()) + values.shape[0] * values.shape[1]
    return int(_BYTES_A_DECISION * whole + SPARE_BYTES)


def encode_mixed(
    q: NDArray[np.int32],
    skip: NDArray[np.bool_],
    order: NDArray[np.uint8],
    experience: Experience,
    *,
    predicted: bool,
) -> bytes:
    """Encode a tile; `decode_mixed` takes what comes out.

    Parameters
    ----------
    q : ndarray of int32, shape (channels, h, w)
        Quantised latent, within +-2**23.
    skip : ndarray of bool, shape (h, w)
        Positions that are left out.
    order, predicted
        As of `learnt`.
    experience : Experience
        To start with.
    """
    if skip.all():
        return b""
    values = _walked(q)
    room = np.zeros(_room(values, predicted), np.uint8)
    end = _walk(values, skip, room, True, predicted, order, experience.copy(), LEARNING)
    return room[1:end].tobytes().rstrip(b"\0")


def decode_mixed(
    data: bytes,
    shape: tuple[int, int, int],
    skip: NDArray[np.bool_],
    order: NDArray[np.uint8],
    experience: Experience,
    *,
    predicted: bool,
) -> NDArray[np.int32]:
    """Decode a tile.

    Returns
    -------
    ndarray of int32, shape (channels, h, w)
        Where `skip`, channel 0 is its prediction, if it has one, and all others are zero.

    Raises
    ------
    CorruptError
        The stream is not what an encoder writes for this shape.
    """
    channels, rows, cols = shape
    values = np.zeros((rows, cols, channels), np.int32)
    check_decisions(data)
    stream = np.array(bytearray(data), dtype=np.uint8)
    taken = _walk(values, skip, stream, False, predicted, order, experience.copy(), LEARNING)
    if taken == TOO_LARGE:
        raise damaged("a latent is out of range")
    if len(data) > (0 if skip.all() else taken):
        raise damaged("there are bytes behind its last position")
    return np.ascontiguousarray(values.transpose(2, 0, 1))
