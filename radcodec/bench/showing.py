"""Which images a report shows side by side, and their restored pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from radcodec.bench.codecs.base import Scaling
from radcodec.bench.coders import make_coder
from radcodec.bench.compare import compare
from radcodec.bench.own import NAME
from radcodec.bench.report.viewer import Rendition, ViewerImage
from radcodec.bench.rows import Row
from radcodec.bench.session import Session
from radcodec.bench.survey import Subject, digest
from radcodec.errors import RadcodecError

#: Sides of the largest part of an image that is shown, in pixels.
SIDE = 640
#: Steps in pixels between the parts that are considered.
_STEP = 64
#: Sizes that are shown, of those asked for.
_SIZES = 2


def viewer_images(session: Session, warn: Callable[[str], None]) -> list[ViewerImage]:
    """Choose images, restore their files, and cut out what is shown.

    Of each modality the worst image and the middle one are shown, by radcodec's BD-rate
    against the first peer that was measured.  Of an image larger than `SIDE` the part is
    shown in which radcodec's error is largest.

    Parameters
    ----------
    session : Session
        A run.
    warn : callable
        Gets a line where an image cannot be shown.
    """
    rows = session.rows()
    labels = shown_targets(session.request.labels)
    subjects = {subject.source.name: subject for subject in session.subjects}
    shown = []
    for name in chosen_images(rows):
        own = [row for row in rows if row.image == name and row.target in labels]
        try:
            shown.append(_view(session, subjects[name], own))
        except (RadcodecError, OSError) as error:
            warn(f"{name} is not shown in the report: {error}")
    return shown


def shown_targets(labels: Sequence[str]) -> list[str]:
    """Some of the sizes that were asked for, since each adds to the report's bytes."""
    return list(labels[1::2][:_SIZES] if len(labels) > _SIZES + 1 else labels[:_SIZES])


def chosen_images(rows: Sequence[Row]) -> list[str]:
    """Names of the worst and the middle image of each modality."""
    names: list[str] = []
    for modality in dict.fromkeys(row.modality for row in rows):
        own = [row for row in rows if row.modality == modality]
        found = next((c.bd_rates for c in compare(own) if c.bd_rates), {})
        order = sorted(found, key=lambda name: found[name], reverse=True)
        order = order or list(dict.fromkeys(row.image for row in own))
        names += dict.fromkeys([order[0], order[len(order) // 2]])
    return names


def worst_corner(error: NDArray[np.int64], side: int) -> tuple[int, int]:
    """Upper left corner of the part of `side` pixels a side with the largest sum of `error`."""
    sums = np.pad(error.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    rows, columns = error.shape
    tops = sorted({*range(0, max(rows - side, 0), _STEP), max(rows - side, 0)})
    lefts = sorted({*range(0, max(columns - side, 0), _STEP), max(columns - side, 0)})
    corners = [(top, left) for top in tops for left in lefts]

    def total(corner: tuple[int, int]) -> int:
        top, left = corner
        bottom, right = min(top + side, rows), min(left + side, columns)
        return int(sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left])

    return max(corners, key=total)


def _restore(session: Session, row: Row) -> NDArray[np.int32]:
    """Decode a kept file once more; it must give what was measured."""
    scaling = None if row.scaling is None else Scaling(*row.scaling)
    stored = make_coder(row.codec).decode(session.store.path(row).read_bytes(), scaling)
    if digest(stored) != row.decoded:
        raise RadcodecError(f"{row.codec} restores another image than was measured")
    return stored


def _view(session: Session, subject: Subject, rows: Sequence[Row]) -> ViewerImage:
    image = subject.source.read()
    if digest(image.stored) != subject.pixels:
        raise RadcodecError("the file has changed since it was measured")
    restored = [(row, _restore(session, row)) for row in rows]
    own = [stored for row, stored in restored if row.codec == NAME]
    error = np.abs(own[-1].astype(np.int64) - image.stored) if own else np.zeros((1, 1), np.int64)
    top, left = worst_corner(error, SIDE)
    area = (slice(top, top + SIDE), slice(left, left + SIDE))
    display = subject.display
    ends = np.array([image.stored.min(), image.stored.max()]) * display.slope + display.intercept
    center, width = float(ends.mean()), max(float(abs(ends[1] - ends[0])), 1.0)
    if display.window is not None:
        center, width = display.window.center, display.window.width
    return ViewerImage(
        name=subject.source.name,
        modality=subject.source.modality,
        original=image.stored[area],
        top=top,
        left=left,
        rows=subject.rows,
        columns=subject.columns,
        slope=display.slope,
        intercept=display.intercept,
        unit=display.unit,
        inverted=image.inverted,
        center=center,
        width=width,
        renditions=tuple(
            Rendition(row.codec, row.target, row.bytes, row.ratio, row.psnr, stored[area])
            for row, stored in restored
        ),
    )
