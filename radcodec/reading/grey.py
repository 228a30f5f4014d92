"""One grey image out of a source of frames, for what works on grey images only."""

from __future__ import annotations

from radcodec.errors import InputError
from radcodec.reading.image import GreyImage, ImageSource


def grey_image(source: ImageSource, error: type[InputError] = InputError) -> GreyImage:
    """Read the only frame of a grey source; bits above the stored ones are left out.

    Raises
    ------
    error
        Colour, or several frames.
    """
    layout = source.layout
    if layout.samples != 1 or not layout.photometric.startswith("MONOCHROME"):
        raise error(
            f"{source.name}: colour ({layout.samples} samples a pixel, {layout.photometric}) is "
            "not supported; convert it to monochrome first"
        )
    if layout.frames > 1:
        raise error(
            f"{source.name}: {layout.frames} frames; only single-frame images are supported"
        )
    return GreyImage(
        stored=source.frame(0).planes[0],
        bits_allocated=layout.bits_allocated,
        bits_stored=layout.bits_stored,
        signed=layout.signed,
        inverted=layout.photometric == "MONOCHROME1",
        padding_value=source.padding_value,
        modality=source.modality,
        dataset=source.dataset,
    )
