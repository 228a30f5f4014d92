"""What is restored of a file, and its bytes as DICOM or PNG."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import click

from radcodec.errors import UsageError

if TYPE_CHECKING:
    from radcodec.codec import Area, Decoder, View
    from radcodec.container import Header
    from radcodec.reading.image import Frame, Layout
    from radcodec.writing.dicom import LossyRecord

_PHOTOMETRIC = {"palette": "PALETTE COLOR", "rgb": "RGB", "ybr": "YBR_FULL"}


class FrameNumbers(click.ParamType[tuple[tuple[int, int], ...]]):
    """Frame numbers from 1 and ranges of them, such as 3,7-9."""

    name = "list"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[tuple[int, int], ...]:
        """Turn text into (first, last), or fail with a usage error."""
        found = []
        for part in str(value).split(","):
            match = re.fullmatch(r"\s*(\d{1,10})\s*(?:-\s*(\d{1,10})\s*)?", part)
            first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
            if not 1 <= first <= last:
                self.fail(f"{part!r} is no frame number from 1 or range such as 7-9", param, ctx)
            found.append((first, last))
        return tuple(found)


class RegionType(click.ParamType["Area"]):
    """Left, upper, right and lower border in pixels."""

    name = "region"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Area:
        """Turn text into an area, or fail with a usage error."""
        from radcodec.codec.area import Area

        match = re.fullmatch(r"\s*(\d{1,9})" + r"\s*,\s*(\d{1,9})" * 3 + r"\s*", str(value))
        if not match:
            self.fail(f"{value!r} is not of the form X0,Y0,X1,Y1", param, ctx)
        left, top, right, bottom = (int(part) for part in match.groups())
        if left >= right or top >= bottom:
            self.fail(f"{value!r} is empty; X0 < X1 and Y0 < Y1 are needed", param, ctx)
        return Area(top, left, bottom, right)


@dataclass(frozen=True)
class Selection:
    """What of a file is restored.

    Attributes
    ----------
    ranges : tuple of (int, int), or None
        First and last frame, from 1, of each range; None for all.
    region : Area or None
        Rectangle of pixels; None for all.
    reduce : int
        1, 2, 4 or 8.
    """

    ranges: tuple[tuple[int, int], ...] | None = None
    region: Area | None = None
    reduce: int = 1

    @property
    def view(self) -> View:
        """What of every frame."""
        from radcodec.codec.area import View

        return View(self.region, self.reduce)

    def frames_of(self, header: Header) -> list[int]:
        """Frames of a file from 0, ascending, each once.

        Raises
        ------
        UsageError
            There is no such frame.
        """
        if self.ranges is None:
            return list(range(header.frames))
        found: set[int] = set()
        for first, last in self.ranges:
            if last > header.frames:
                raise UsageError(
                    f"there is no frame {last}: the file has {header.frames}, counted from 1"
                )
            found.update(range(first - 1, last))
        return sorted(found)


def layout_of(header: Header, frames: int, rows: int, columns: int) -> Layout:
    """The layout of decoded frames of a file."""
    from radcodec.reading.image import Layout

    grey = "MONOCHROME1" if header.inverted else "MONOCHROME2"
    return Layout(
        rows,
        columns,
        frames,
        header.samples,
        header.bits_allocated,
        header.bits_stored,
        header.signed,
        _PHOTOMETRIC.get(header.colour, grey),
    )


def _record(decoder: Decoder, first: Frame | None) -> LossyRecord:
    """What a DICOM file is to say of the compression; `first` is its only frame."""
    from radcodec.container import DIGEST_LENGTH
    from radcodec.writing.dicom import LossyRecord

    reader, header = decoder.reader, decoder.header
    quality = reader.quality
    if quality is not None:
        identity, lost = quality.sha256, quality.max_error
    else:
        digest = hashlib.sha256()
        for plane in reader.planes():
            digest.update(plane.checksum.to_bytes(4, "little"))
        identity, lost = digest.digest()[:DIGEST_LENGTH], None
    values = None
    if first is not None:
        values = (int(first.planes.min()), int(first.planes.max()))
    return LossyRecord(
        ratio=header.uncompressed_bytes / reader.size,
        max_error=0 if header.max_error == 0 else lost,
        identity=identity,
        value_range=values,
    )


def write_dicom_file(
    decoder: Decoder,
    out: BinaryIO,
    selection: Selection,
    *,
    transfer_syntax: Literal["explicit", "jpeg2000-lossless", "jpegls-lossless", "rle"],
    keep_uid: bool,
) -> None:
    """Write frames of a file as a DICOM object; raises as `write_dicom` and `Decoder` do."""
    from radcodec.writing.dicom import DicomOptions, write_dicom

    header = decoder.header
    wanted = selection.frames_of(header)
    whole = selection.ranges is None
    frames = decoder.frames() if whole else (decoder.frame(index) for index in wanted)
    single = None
    if header.frames == 1:
        # Its range of values belongs into the data set, before the pixels.
        (single,) = found = list(frames)
        frames = iter(found)
    write_dicom(
        out,
        frames,
        layout=layout_of(header, len(wanted), header.rows, header.columns),
        dataset=decoder.reader.dataset,
        record=_record(decoder, single),
        options=DicomOptions(transfer_syntax, keep_uid),
        selected=None if len(wanted) == header.frames else wanted,
    )


def write_png(decoder: Decoder, selection: Selection, *, raw: bool) -> Iterator[tuple[int, bytes]]:
    """Yield the number from 0 of each selected frame and its PNG file."""
    from radcodec.writing.png import display_frame_png, raw_frame_png

    header, view = decoder.header, selection.view
    dataset = decoder.reader.dataset
    wanted = selection.frames_of(header)
    rows, columns = view.shape(header.rows, header.columns)
    layout = replace(layout_of(header, len(wanted), rows, columns), frames=1)
    whole = selection == Selection()
    frames = decoder.frames() if whole else (decoder.frame(index, view) for index in wanted)
    for index, frame in zip(wanted, frames, strict=True):
        if raw or header.source == "png":
            yield index, raw_frame_png(frame.planes, layout)
        else:
            yield index, display_frame_png(frame.planes, layout, dataset)
