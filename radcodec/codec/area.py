"""Which part of an image is wanted, and at what resolution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcodec.errors import UsageError

#: Factors by which an image may be reduced.
REDUCTIONS = (1, 2, 4, 8)


@dataclass(frozen=True)
class Area:
    """A rectangle of pixels; rows `top` to `bottom` - 1, columns `left` to `right` - 1."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.bottom - self.top, self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the rectangle in an image."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def within(self, outer: Area) -> tuple[slice, slice]:
        """Index of the rectangle in what was cut out by `outer`."""
        return (
            slice(self.top - outer.top, self.bottom - outer.top),
            slice(self.left - outer.left, self.right - outer.left),
        )

    def widened(self, multiple: int, rows: int, columns: int) -> Area:
        """The least rectangle around it whose borders are multiples or those of the image."""
        return Area(
            self.top // multiple * multiple,
            self.left // multiple * multiple,
            min(-(-self.bottom // multiple) * multiple, rows),
            min(-(-self.right // multiple) * multiple, columns),
        )

    def meets(self, rows: slice, columns: slice) -> bool:
        """Whether it has a pixel in common with a rectangle of rows and columns."""
        down: bool = self.top < rows.stop and rows.start < self.bottom
        across: bool = self.left < columns.stop and columns.start < self.right
        return down and across


@dataclass(frozen=True)
class View:
    """What to restore of every frame.

    Attributes
    ----------
    region : Area or None
        Rectangle in pixels of the whole image; None for all of it.
    reduce : int
        1, or 2, 4 or 8 for a reduced image: of the first layer and the pixel blocks alone,
        whose values are averaged over squares of that many pixels a side.
    """

    region: Area | None = None
    reduce: int = 1

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.reduce not in REDUCTIONS:
            raise UsageError(f"an image can be reduced by 2, 4 or 8, not by {self.reduce}")

    def area(self, rows: int, columns: int) -> Area:
        """The rectangle to decode of an image: whole squares where it is reduced.

        Raises
        ------
        UsageError
            The region is empty or not inside the image.
        """
        region = self.region
        if region is None:
            return Area(0, 0, rows, columns)
        inside = 0 <= region.top < region.bottom <= rows
        if not (inside and 0 <= region.left < region.right <= columns):
            raise UsageError(
                f"the region {region.left},{region.top},{region.right},{region.bottom} is empty "
                f"or not inside the image of {columns} x {rows} pixels; give X0,Y0,X1,Y1 with "
                "X0 < X1 and Y0 < Y1"
            )
        return region.widened(self.reduce, rows, columns)

    def shape(self, rows: int, columns: int) -> tuple[int, int]:
        """Rows and columns of what is restored of an image."""
        down, across = self.area(rows, columns).shape
        return -(-down // self.reduce), -(-across // self.reduce)


def reduced(values: NDArray[np.int32], factor: int, *, mean: bool = True) -> NDArray[np.int32]:
    """Reduce an image by a whole factor.

    Parameters
    ----------
    values : ndarray of int32, shape (rows, columns)
        Image.
    factor : int
        Pixels along the side of the squares; those at the right and lower edges are cut off.
    mean : bool
        Average over each square, halves rounded up; or else take its upper left pixel, as
        suits the indices of a palette.
    """
    if factor == 1:
        return values
    if not mean:
        return np.ascontiguousarray(values[::factor, ::factor])
    down = np.arange(0, values.shape[0], factor)
    across = np.arange(0, values.shape[1], factor)
    sums = np.add.reduceat(np.add.reduceat(values.astype(np.int64), down, 0), across, 1)
    heights = np.minimum(values.shape[0] - down, factor)
    widths = np.minimum(values.shape[1] - across, factor)
    counts = heights[:, None] * widths[None, :]
    out: NDArray[np.int32] = ((2 * sums + counts) // (2 * counts)).astype(np.int32)
    return out
