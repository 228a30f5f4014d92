"""Code tables that are trained with the models: canonical Huffman codes by context.

Only code lengths are stored.  The codes follow from them as in DEFLATE (RFC 1951, 3.2.2):
shorter codes first, and among equal lengths in the order of the symbols.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from tokenize import TokenError

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.mixing import Experience
from radcodec.entropy.rangecoder import PROBABILITY_BITS, WHOLE
from radcodec.entropy.symbols import (
    CLASSES,
    DECISION_CONTEXTS,
    DECISION_GROUPS,
    EMPTY_SYMBOL,
    MAX_CHANNELS,
    SINGLE_SYMBOL,
    max_activity,
    table_offsets,
)
from radcodec.errors import ModelMismatchError

#: Longest code in bits.
MAX_LENGTH = 16
#: Bits looked up at once when decoding.
FAST_BITS = 10
#: Bits of a fast entry that hold the code's length; the symbol is above them.
FAST_LENGTH_BITS = 5
#: What reading a damaged .npz file may raise.
_UNREADABLE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    EOFError,
    RuntimeError,
    TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
#: Units to a bit in `TableSet.information`.
INFORMATION_UNITS = 1024


@dataclass(frozen=True)
class DecodeTables:
    """Arrays that the decoder's loop looks codes up in.

    Attributes
    ----------
    fast : ndarray of int32, shape (8, channels, 1024)
        ``symbol << 5 | length`` of the code that the next 10 bits start with; 0 where it
        is longer.
    limit : ndarray of int32, shape (8, channels, 17)
        For every length, the smallest 16 bits that are beyond its codes.
    delta : ndarray of int32, shape (8, channels, 17)
        For every length, what to add to a code for its place in `symbols`.
    symbols : ndarray of int32, shape (8, symbols)
        The symbols of each table in the order of their codes.
    """

    fast: NDArray[np.int32]
    limit: NDArray[np.int32]
    delta: NDArray[np.int32]
    symbols: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class TableSet:
    """Everything that the entropy coder was trained for.

    Attributes
    ----------
    order : ndarray of uint8, shape (channels,)
        Channel at each place of the scan; place 0 is channel 0.
    thresholds : ndarray of int32, shape (7,)
        Ascending; a position's class is the number of thresholds at or below its activity.
    lengths : ndarray of uint8, shape (8, symbols)
        Code length, 1 to 16, of every symbol of every class; the tables of a class lie one
        after another as `symbols.table_offsets` says.
    decisions : ndarray of uint16, shape (2, 16)
        Probability of a 0 in 1/2048, 1 to 2047, that the range coder starts with: of "is a
        position not empty", then of "is it not single".  Context 2k is that of class k
        where the neighbours of channel 0 agree, 2k + 1 that where they differ.
    information : ndarray of uint16, shape (8, symbols), or None
        ``-log2`` of the trained probabilities in 1/1024 bit, for reports only; 0 for the
        two symbols that are never written.
    predicted : bool
        Whether channel 0 is coded as the error of a prediction: in an image, not in a
        refinement, whose means have nothing to do with each other.
    recall : callable, or None
        Returns the `Experience` that mixing starts with; None where a bundle has none.
    """

    order: NDArray[np.uint8]
    thresholds: NDArray[np.int32]
    lengths: NDArray[np.uint8]
    decisions: NDArray[np.uint16]
    information: NDArray[np.uint16] | None = None
    predicted: bool = True
    recall: Callable[[], Experience] | None = None

    def __post_init__(self) -> None:
        """Refuse tables that do not form complete prefix codes."""
        problem = self._problem()
        if problem:
            raise ModelMismatchError(f"entropy tables: {problem}; install the model bundle again")

    def _problem(self) -> str | None:
        channels = self.channels
        if (
            self.order.dtype != np.uint8
            or self.order.ndim != 1
            or not 1 <= channels <= MAX_CHANNELS
        ):
            return f"scan order is no list of 1 to {MAX_CHANNELS} bytes"
        if self.order[0] != 0 or not np.array_equal(np.sort(self.order), np.arange(channels)):
            return "scan order is no permutation that starts with channel 0"
        if self.thresholds.dtype != np.int32 or self.thresholds.shape != (CLASSES - 1,):
            return f"there must be {CLASSES - 1} thresholds"
        if np.any(np.diff(self.thresholds.astype(np.int64)) <= 0):
            return "thresholds do not ascend"
        shape = (CLASSES, int(self.offsets[-1]))
        if self.lengths.dtype != np.uint8 or self.lengths.shape != shape:
            return f"there must be {shape} code lengths"
        if self.lengths.min() < 1 or self.lengths.max() > MAX_LENGTH:
            return f"code lengths must be 1 to {MAX_LENGTH}"
        weights = np.int64(1) << (MAX_LENGTH - self.lengths.astype(np.int64))
        if np.any(np.add.reduceat(weights, self.offsets[:-1], axis=1) != 1 << MAX_LENGTH):
            return "a code is not complete"
        contexts = (DECISION_GROUPS, DECISION_CONTEXTS)
        if self.decisions.dtype != np.uint16 or self.decisions.shape != contexts:
            return f"there must be {contexts} probabilities of decisions"
        if self.decisions.min() < 1 or self.decisions.max() >= WHOLE:
            return f"probabilities of decisions must be 1 to {WHOLE - 1}"
        if self.information is not None and self.information.shape != shape:
            return f"there must be {shape} information values"
        return None

    @property
    def channels(self) -> int:
        """Number of latent channels."""
        return len(self.order)

    @cached_property
    def experience(self) -> Experience | None:
        """What mixing starts with, read when first needed; None where there is none."""
        if self.recall is None:
            return None
        found = self.recall()
        found.check(self.channels)
        return found

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """Where the table of each scan place starts in a class, shape (channels + 1,)."""
        return table_offsets(self.channels)

    @cached_property
    def class_of(self) -> NDArray[np.uint8]:
        """Class of every activity from 0 to the largest."""
        activities = np.arange(max_activity(self.channels) + 1)
        return np.searchsorted(self.thresholds, activities, side="right").astype(np.uint8)

    @cached_property
    def codes(self) -> NDArray[np.uint16]:
        """Code words, shape (8, symbols); the lowest `lengths` bits, first bit highest."""
        codes = np.empty(self.lengths.shape, dtype=np.uint16)
        for row in range(CLASSES):
            for start, end in zip(self.offsets[:-1], self.offsets[1:], strict=True):
                codes[row, start:end] = canonical_codes(self.lengths[row, start:end])
        return codes

    @cached_property
    def written_lengths(self) -> NDArray[np.uint8]:
        """`lengths`, but 0 for the symbols that are never written."""
        lengths = self.lengths.copy()
        lengths[:, [EMPTY_SYMBOL, SINGLE_SYMBOL]] = 0
        return lengths

    @cached_property
    def decision_information(self) -> NDArray[np.int64]:
        """``-log2`` of the probabilities of both outcomes in 1/1024 bit, shape (2, 16, 2)."""
        zero = self.decisions.astype(np.float64)
        bits = PROBABILITY_BITS - np.log2(np.stack([zero, WHOLE - zero], axis=-1))
        units: NDArray[np.int64] = np.rint(bits * INFORMATION_UNITS).astype(np.int64)
        return units

    @cached_property
    def decode(self) -> DecodeTables:
        """Arrays for decoding."""
        channels = self.channels
        fast = np.zeros((CLASSES, channels, 1 << FAST_BITS), dtype=np.int32)
        limit = np.empty((CLASSES, channels, MAX_LENGTH + 1), dtype=np.int32)
        delta = np.empty((CLASSES, channels, MAX_LENGTH + 1), dtype=np.int32)
        symbols = np.empty(self.lengths.shape, dtype=np.int32)
        for row in range(CLASSES):
            for place in range(channels):
                part = slice(self.offsets[place], self.offsets[place + 1])
                lengths = self.lengths[row, part].astype(np.int64)
                ranked = np.argsort(lengths, kind="stable")
                symbols[row, part] = ranked
                short = ranked[lengths[ranked] <= FAST_BITS]
                entries = (short << FAST_LENGTH_BITS) | lengths[short]
                filled = np.repeat(entries, 1 << (FAST_BITS - lengths[short]))
                fast[row, place, : len(filled)] = filled
                code = index = 0
                for length in range(MAX_LENGTH + 1):
                    code <<= 1
                    number = int(np.count_nonzero(lengths == length))
                    delta[row, place, length] = index - code
                    code += number
                    index += number
                    limit[row, place, length] = code << (MAX_LENGTH - length)
        return DecodeTables(fast, limit, delta, symbols)


def canonical_codes(lengths: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """Return the canonical code words of one table.

    Parameters
    ----------
    lengths : ndarray of uint8, shape (symbols,)
        Lengths 1 to 16 of a complete code.

    Returns
    -------
    ndarray of uint16, shape (symbols,)
    """
    ranked = np.argsort(lengths, kind="stable")
    spans = np.int64(1) << (MAX_LENGTH - lengths[ranked].astype(np.int64))
    starts = np.cumsum(spans) - spans
    codes = np.empty(len(lengths), dtype=np.uint16)
    codes[ranked] = starts >> (MAX_LENGTH - lengths[ranked].astype(np.int64))
    return codes


def packed(arrays: dict[str, NDArray[np.generic]]) -> bytes:
    """Return arrays as the bytes of a .npz file, the same bytes for the same arrays."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, values in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, values, allow_pickle=False)
            # A ZipInfo made from a name alone has a fixed date.
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, member.getvalue())
    return stream.getvalue()


def save_table_sets(sets: Sequence[TableSet]) -> bytes:
    """Return table sets as the bytes of a .npz file, the same bytes for the same tables.

    Parameters
    ----------
    sets : sequence of TableSet
        1 to 256 sets of the same number of channels; either all or none with `information`.
    """
    arrays: dict[str, NDArray[np.generic]] = {
        "order": np.stack([one.order for one in sets]),
        "thresholds": np.stack([one.thresholds for one in sets]),
        "lengths": np.stack([one.lengths for one in sets]),
        "decisions": np.stack([one.decisions for one in sets]),
        "predicted": np.array([one.predicted for one in sets], dtype=np.uint8),
    }
    information = [one.information for one in sets if one.information is not None]
    if information:
        arrays["information"] = np.stack(information)
    return packed(arrays)


def load_table_sets(data: bytes) -> list[TableSet]:
    """Read table sets.

    Parameters
    ----------
    data : bytes
        What `save_table_sets` returned.

    Returns
    -------
    list of TableSet

    Raises
    ------
    ModelMismatchError
        The bytes are no such file, or a code in it is not complete.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        needed = [arrays[name] for name in ("order", "thresholds", "lengths", "decisions")]
        information = arrays.get("information", [None] * len(needed[0]))
        predicted = [bool(flag) for flag in arrays["predicted"]]
        return [TableSet(*one) for one in zip(*needed, information, predicted, strict=True)]
    except _UNREADABLE as error:
        raise ModelMismatchError(
            f"entropy tables cannot be read ({error}); install the model bundle again"
        ) from error


def save_experience(sets: Sequence[TableSet]) -> bytes:
    """Return what mixing starts with for each set, all of which have some, as a .npz file."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for number, one in enumerate(sets):
        found = one.experience
        if found is None:
            raise ValueError(f"table set {number} has no experience")
        arrays[f"chances_{number}"] = found.chances
        arrays[f"sightings_{number}"] = found.sightings
        arrays[f"weights_{number}"] = found.weights
    return packed(arrays)


def with_experience(sets: Sequence[TableSet], data: bytes) -> list[TableSet]:
    """Give table sets what `save_experience` returned; each is read when first needed.

    Raises
    ------
    ModelMismatchError
        If the bytes are no such file; later, if what they hold is not to be used.
    """

    def recall(number: int) -> Experience:
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                names = (f"{name}_{number}" for name in ("chances", "sightings", "weights"))
                return Experience(*(archive[name] for name in names))
        except _UNREADABLE as error:
            raise ModelMismatchError(
                f"experience of the entropy coder cannot be read ({error}); install the model "
                "bundle again"
            ) from error

    return [replace(one, recall=partial(recall, number)) for number, one in enumerate(sets)]
