"""Images to measure: a folder with an ``index.csv``, or any DICOM and PNG files."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from radcodec.bench.display import Display, display_of
from radcodec.errors import InputError, RadcodecError
from radcodec.reading import PNG_SIGNATURE, read_image
from radcodec.reading.image import GreyImage
from radcodec.training.data import IndexedImage, read_index

if TYPE_CHECKING:
    from pydicom import Dataset


@dataclass(frozen=True)
class Source:
    """An image that is read when it is needed.

    Attributes
    ----------
    name, modality, split : str
        As in rows.
    path : Path
        The file.
    indexed : IndexedImage or None
        The row of the index, where there is one.
    """

    name: str
    modality: str
    split: str
    path: Path
    indexed: IndexedImage | None = None

    def read(self) -> GreyImage:
        """Read the image, without its data set: other codecs' bytes hold none either.

        Raises
        ------
        RadcodecError
            Where the file cannot be read or is not supported.
        """
        if self.indexed is not None:
            try:
                return grey_image(self.indexed)
            except (OSError, RuntimeError, ValueError) as error:
                raise InputError(f"{self.path}: cannot be read: {error}") from error
        return replace(read_image(self.path), dataset=None)

    def header(self) -> Dataset | None:
        """The DICOM data set without its pixels; None for other files."""
        from pydicom import dcmread

        if self.indexed is not None:
            return None
        try:
            with self.path.open("rb") as handle:
                if handle.read(len(PNG_SIGNATURE)) == PNG_SIGNATURE:
                    return None
            return dcmread(self.path, stop_before_pixels=True, force=True)
        except Exception:  # noqa: BLE001 - whatever a parser says; reading the pixels tells more
            return None

    def display(self) -> Display:
        """Unit and window; those of an index's CT images are Hounsfield units."""
        if self.indexed is not None:
            return Display(unit="HU" if self.modality == "ct" else "")
        header = self.header()
        return Display() if header is None else display_of(header, self.modality)


def grey_image(row: IndexedImage) -> GreyImage:
    """Read an indexed image as if it came from a file without a data set."""
    return as_grey(row.stored(), row.modality)


def as_grey(stored: NDArray[np.int32], modality: str) -> GreyImage:
    """Take stored values as an image of 8 unsigned bits where they fit, else of 16."""
    low, high = int(stored.min()), int(stored.max())
    bits = 16 if low < 0 or high > 255 else 8
    return GreyImage(stored, bits, bits, low < 0, False, None, modality, None)


def has_index(folder: Path) -> bool:
    """Whether a folder's ``index.csv`` is one of images, and not some other program's."""
    try:
        with (folder / "index.csv").open(newline="", encoding="utf-8", errors="replace") as handle:
            return {"file", "split", "modality"} <= set(next(csv.reader(handle), []))
    except (OSError, csv.Error):
        return False


def find_sources(
    folder: Path,
    split: str,
    default_modality: str | None = None,
    warn: Callable[[str], None] = print,
) -> list[Source]:
    """List what can be measured in a folder, by name.

    Parameters
    ----------
    folder : Path
        With or without an ``index.csv`` (columns file, split, modality, optionally offset).
    split : str
        Which rows of the index; no matter where there is none.
    default_modality : str or None
        For files that do not name theirs.
    warn : callable
        Gets a line for each file that is left out.

    Raises
    ------
    InputError
        Where the index cannot be read, names an image twice, or nothing usable was found.
    """
    if (folder / "index.csv").exists():
        try:
            index = read_index(folder, split)
        except (OSError, KeyError, ValueError) as error:
            raise InputError(f"{folder / 'index.csv'}: no index of images: {error!r}") from error
        sources = [Source(row.path.stem, row.modality, split, row.path, row) for row in index]
    else:
        sources = []
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            try:
                modality = read_image(path).modality or default_modality
            except RadcodecError as error:
                warn(f"left out: {error}")
                continue
            if modality is None:
                warn(f"left out: {path}: no modality; give --default-modality")
            else:
                sources.append(Source(str(path.relative_to(folder)), modality, "", path))
    names = [source.name for source in sources]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{folder}: several images are named {twice[0]}; rename all but one")
    if not sources:
        raise InputError(f"no usable image in {folder} (split {split})")
    return sources


def choose(
    sources: Sequence[Source], modalities: Sequence[str] = (), limit: int | None = None
) -> list[Source]:
    """Keep the named modalities (none: all), and of each at most `limit`, evenly spread."""
    chosen: list[Source] = []
    for modality in dict.fromkeys(source.modality for source in sources):
        if modalities and modality not in modalities:
            continue
        group = [source for source in sources if source.modality == modality]
        stride = 1 if limit is None else max(len(group) // limit, 1)
        chosen += group[::stride][:limit]
    return chosen
