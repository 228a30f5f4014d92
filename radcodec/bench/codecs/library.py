"""What is installed: parts of imagecodecs, PyAV, and executables; and running these."""

from __future__ import annotations

import shutil
import subprocess
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radcodec.errors import RadcodecError

#: Seconds after which an encoder is given up.
TIME_LIMIT = 1800


def imagecodecs_missing(part: str) -> str | None:
    """Say what to install where imagecodecs, or the named part of it, cannot be used."""
    if find_spec("imagecodecs") is None:
        return "imagecodecs is not installed; pip install 'radcodec[bench]'"
    import imagecodecs

    if not getattr(imagecodecs, part).available:
        return f"this imagecodecs was built without {part}; pip install --upgrade imagecodecs"
    return None


def video_missing(executable: str, package: str, decoder: str) -> str | None:
    """Say what to install where an encoder's executable or PyAV's decoder is missing."""
    if shutil.which(executable) is None:
        return f"{executable} is not installed; on Debian: apt-get install {package}"
    if find_spec("av") is None:
        return "PyAV is not installed; pip install av"
    import av

    if decoder not in av.codecs_available:
        return f"this PyAV has no decoder {decoder}; pip install --upgrade av"
    return None


def run(arguments: list[str]) -> str:
    """Run an executable to its end.

    Returns
    -------
    str
        What it printed, both streams.

    Raises
    ------
    RadcodecError
        Where it fails or takes longer than `TIME_LIMIT`.
    """
    try:
        done = subprocess.run(
            arguments, capture_output=True, text=True, timeout=TIME_LIMIT, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise RadcodecError(
            f"{arguments[0]} took longer than {TIME_LIMIT} s; leave such large images out"
        ) from error
    printed = done.stdout + done.stderr
    if done.returncode != 0:
        raise RadcodecError(f"{arguments[0]} failed ({done.returncode}): {printed[-400:].strip()}")
    return printed


def decode_picture(decoder: str, data: bytes) -> NDArray[np.uint16]:
    """Decode a video stream of one picture with one of PyAV's decoders.

    Returns
    -------
    ndarray of uint16, shape (rows, columns)

    Raises
    ------
    RadcodecError
        Where the stream does not hold exactly one grey picture.
    """
    import av

    context: Any = av.CodecContext.create(decoder, "r")
    context.thread_count = 1
    try:
        frames = [*context.decode(av.Packet(data)), *context.decode(None)]
    except av.error.FFmpegError as error:
        raise RadcodecError(f"{decoder} cannot decode this stream: {error}") from error
    if len(frames) != 1 or frames[0].format.name != "gray12le":
        raise RadcodecError(f"{decoder} did not find one 12-bit grey picture in this stream")
    picture: NDArray[np.uint16] = frames[0].to_ndarray()
    return picture
