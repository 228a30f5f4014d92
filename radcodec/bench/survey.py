"""What a folder holds: the images to measure, and why others are left out."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radcodec.bench.display import Display, lossy_before
from radcodec.bench.images import Source, choose
from radcodec.codec import peak_of
from radcodec.errors import RadcodecError
from radcodec.intensity.background import find_background
from radcodec.reading.dicom import modality_of

#: Group of the images that do not say what they show.
UNKNOWN = "generic"


@dataclass(frozen=True)
class Subject:
    """An image that is to be measured.

    Attributes
    ----------
    source : Source
        Where it is.
    rows, columns, bits_allocated, bits_stored : int
        As in DICOM.
    peak : int
        Its own range of stored values, at least 1.
    pixels : str
        SHA-256 of its stored values.
    background : float
        Share of its area that is constant background.
    display : Display
        Unit and window.
    """

    source: Source
    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    peak: int
    pixels: str
    background: float
    display: Display

    @property
    def uncompressed_bytes(self) -> int:
        """Bytes of the pixels as an uncompressed file holds them."""
        return self.rows * self.columns * self.bits_allocated // 8


@dataclass(frozen=True)
class LeftOut:
    """A file that is not measured.

    Attributes
    ----------
    image, reason : str
        Which and why.
    failed : bool
        True where it cannot be read or is not supported; False where measuring it would say
        nothing, or was not asked for.
    """

    image: str
    reason: str
    failed: bool


@dataclass(frozen=True)
class Selection:
    """Which images are wanted.

    Attributes
    ----------
    modalities : sequence of str
        Only these groups; empty for all.
    default_modality : str or None
        For files that do not name theirs.
    limit : int or None
        Images of each modality at most, drawn at random.
    max_pixels : int or None
        Larger images are left out.
    include_lossy : bool
        Take images that went through lossy compression before.
    seed : int
        Of the draw.
    """

    modalities: Sequence[str] = ()
    default_modality: str | None = None
    limit: int | None = None
    max_pixels: int | None = None
    include_lossy: bool = False
    seed: int = 0


def digest(stored: NDArray[np.int32]) -> str:
    """SHA-256 of stored values as little-endian int32, in hexadecimal digits."""
    return hashlib.sha256(stored.astype("<i4").tobytes()).hexdigest()


def sources_of(files: Iterable[Path], folder: Path, default_modality: str | None) -> list[Source]:
    """Take files as sources named by their path in the folder, grouped by what they say."""
    sources = []
    for path in files:
        source = Source(_name(path.relative_to(folder)), UNKNOWN, "", path)
        header = source.header()
        modality = None if header is None else modality_of(header)
        sources.append(replace(source, modality=modality or default_modality or UNKNOWN))
    return sources


def _name(path: Path) -> str:
    """A path as text that every file and terminal takes: bytes that are no UTF-8 as "\\xff"."""
    return os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")


def examine(source: Source, selection: Selection) -> Subject | LeftOut:
    """Read one image, and tell why it is left out where it is."""
    header = source.header()
    lossy = None if header is None else lossy_before(header)
    try:
        image = source.read()
    except RadcodecError as error:
        return LeftOut(source.name, _without_path(str(error), source.path), True)
    stored = image.stored
    if lossy is not None and not selection.include_lossy:
        reason = f"{lossy}; codecs would be judged by how they keep another one's errors"
        return LeftOut(source.name, reason, False)
    if selection.max_pixels is not None and stored.size > selection.max_pixels:
        reason = f"{stored.size} pixels, more than --max-pixels {selection.max_pixels}"
        return LeftOut(source.name, reason, False)
    if stored.min() == stored.max():
        # Every codec restores it exactly, which would only lift the means.
        reason = "all its pixels have the same value, so there is no quality to measure"
        return LeftOut(source.name, reason, False)
    found = find_background(stored, image.padding_value)
    return Subject(
        source=source,
        rows=stored.shape[0],
        columns=stored.shape[1],
        bits_allocated=image.bits_allocated,
        bits_stored=image.bits_stored,
        peak=peak_of(stored),
        pixels=digest(stored),
        background=0.0 if found is None else float(found.mask.mean()),
        display=source.display(),
    )


def _without_path(message: str, path: Path) -> str:
    """A message without the file's path in front, which the list names anyway."""
    return message.removeprefix(f"{path}: ")


def survey(
    sources: Sequence[Source],
    selection: Selection,
    examined: Callable[[Source], None] = lambda _: None,
) -> tuple[list[Subject], list[LeftOut]]:
    """Choose the images to measure.

    Parameters
    ----------
    sources : sequence of Source
        Candidates.
    selection : Selection
        What is wanted.  With a limit, candidates of each modality are taken in a random
        order until there are enough that can be measured.
    examined : callable
        Called after each file that was read.

    Returns
    -------
    subjects : list of Subject
        By modality, in the order of the candidates.  Of images with the same pixels the
        first counts.
    left_out : list of LeftOut
    """
    subjects: list[Subject] = []
    left_out: list[LeftOut] = []
    seen: dict[str, str] = {}
    wanted = choose(sources, selection.modalities)
    for modality in dict.fromkeys(source.modality for source in wanted):
        group = [source for source in wanted if source.modality == modality]
        if selection.limit is not None:
            # One generator a modality: other folders' contents do not change the draw.
            random.Random(f"{selection.seed} {modality}").shuffle(group)
        taken: list[Subject] = []
        for source in group:
            if selection.limit is not None and len(taken) >= selection.limit:
                break
            found = examine(source, selection)
            examined(source)
            if isinstance(found, LeftOut):
                left_out.append(found)
            elif found.pixels in seen:
                reason = f"the same pixels as {seen[found.pixels]}"
                left_out.append(LeftOut(source.name, reason, False))
            else:
                seen[found.pixels] = source.name
                taken.append(found)
        order = {source.name: place for place, source in enumerate(wanted)}
        subjects += sorted(taken, key=lambda subject: order[subject.source.name])
    return subjects, sorted(left_out, key=lambda item: item.image)
