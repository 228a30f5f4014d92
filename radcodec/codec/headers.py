"""What a file says of its pixels before any of them."""

from __future__ import annotations

from radcodec.container.header import TRANSFORMABLE_BITS, Header
from radcodec.reading.image import GreyImage, Layout

_COLOURS = {
    "MONOCHROME2": "grey",
    "MONOCHROME1": "grey",
    "PALETTE COLOR": "palette",
    "RGB": "rgb",
    "YBR_FULL": "ybr",
}


def header_of(image: GreyImage, modality: str) -> Header:
    """The header of a file that holds one grey image alone."""
    rows, columns = image.stored.shape
    return Header(
        modality=modality,
        bits_allocated=image.bits_allocated,
        bits_stored=image.bits_stored,
        signed=image.signed,
        source="png" if image.dataset is None else "dicom",
        rows=rows,
        columns=columns,
        inverted=image.inverted,
    )


def header_for(layout: Layout, modality: str, source: str, max_error: int | None) -> Header:
    """The header of a file for the frames of a source."""
    colour = _COLOURS[layout.photometric]
    # The bound is one of samples: differences of colours would have to be nearer than it.
    transformable = colour == "rgb" and not layout.signed and max_error in (None, 0)
    transformable = transformable and layout.bits_stored <= TRANSFORMABLE_BITS
    bound = None if max_error is None else min(max_error, 2**layout.bits_stored - 1)
    return Header(
        modality=modality,
        bits_allocated=layout.bits_allocated,
        bits_stored=layout.bits_stored,
        signed=layout.signed,
        source=source,
        rows=layout.rows,
        columns=layout.columns,
        inverted=layout.photometric == "MONOCHROME1",
        samples=layout.samples,
        frames=layout.frames,
        colour=colour,
        transform="ycocg-r" if transformable else "none",
        max_error=0 if colour == "palette" else bound,
    )
