"""Reading: from a file's bytes to stored values and their description."""

from __future__ import annotations

from pathlib import Path

from radcodec.errors import InputError
from radcodec.reading.image import GreyImage

__all__ = ["PNG_SIGNATURE", "GreyImage", "read_image"]

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def read_image(path: Path) -> GreyImage:
    """Read a DICOM or PNG file, told apart by content and not by name.

    Raises
    ------
    InputError
        The file cannot be opened, is neither DICOM nor PNG, or is not supported.
    LimitError
        The image has too many pixels.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{path}: cannot be read: {reason}; check the path") from error
    # The readers import their libraries only when a file needs them.
    if data.startswith(PNG_SIGNATURE):
        from radcodec.reading.png import read_png

        return read_png(data, str(path))
    from radcodec.reading.dicom import looks_like_dicom, read_dicom

    if not looks_like_dicom(data):
        raise InputError(f"{path}: neither a DICOM nor a PNG file; give one of those")
    return read_dicom(data, str(path))
