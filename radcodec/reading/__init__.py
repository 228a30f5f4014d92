"""Reading: from a file's bytes to stored values and their description."""

from __future__ import annotations

from pathlib import Path

from radcodec.container.chunks import MAGIC
from radcodec.container.limits import Limits
from radcodec.errors import DicomError, InputError, PngError
from radcodec.reading.grey import grey_image
from radcodec.reading.image import GreyImage, ImageSource
from radcodec.reading.pipes import seekable

__all__ = ["PNG_SIGNATURE", "GreyImage", "ImageSource", "open_image", "read_image"]

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def open_image(path: Path, limits: Limits | None = None) -> ImageSource:
    """Open a DICOM or PNG file, told apart by content and not by name.

    Parameters
    ----------
    path : Path
        The file.
    limits : Limits, optional
        Upper bounds on what it claims.

    Returns
    -------
    ImageSource
        To be closed by the caller, or used in a `with` statement.

    Raises
    ------
    InputError
        The file cannot be opened, is neither DICOM nor PNG, or is not supported.
    LimitError
        It is larger than the limits allow.
    """
    try:
        opened = path.open("rb")
        stream = seekable(opened, path, (limits or Limits()).memory)
        signature = stream.read(len(PNG_SIGNATURE))
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{path}: cannot be read: {reason}; check the path") from error
    # What came through a pipe has no file that could change.
    watched = path if stream is opened else None
    # The readers import their libraries only when a file needs them.
    if signature == PNG_SIGNATURE:
        from radcodec.reading.png import PngSource

        return PngSource(stream, str(path), limits, watched)
    from radcodec.reading.dicom import DicomSource, looks_like_dicom

    if not looks_like_dicom(stream):
        stream.close()
        if signature == MAGIC:
            raise InputError(f"{path}: an .rcz file; restore it with radcodec decompress")
        raise InputError(f"{path}: neither a DICOM nor a PNG file; give one of those")
    return DicomSource(stream, str(path), limits, watched)


def read_image(path: Path) -> GreyImage:
    """Read a grey image of one frame; `open_image` reads any other too.

    Raises
    ------
    InputError
        As `open_image`; also colour and several frames.
    LimitError
        The image has too many pixels.
    """
    with open_image(path) as source:
        kind = PngError if source.dataset is None else DicomError
        return grey_image(source, kind)
