"""Planes as JPEG-LS code streams (ISO/IEC 14495-1), through CharLS.

The coder for what networks and residuals are worse at, such as screens of an ultrasound machine.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from radcodec.errors import CorruptError

#: Fewest and most bits that JPEG-LS takes.
_BITS = (2, 16)
#: Largest error bound that JPEG-LS takes, at any depth.
_LARGEST_BOUND = 255
#: Marker of the frame header (ISO/IEC 14495-1, C.1.1), and those of what may come before it:
#: application data, comments and preset parameters.
_FRAME, _BEFORE = 0xFFF7, frozenset({*range(0xFFE0, 0xFFF0), 0xFFF8, 0xFFFE})
_END_OF_IMAGE = b"\xff\xd9"
_SEGMENT, _SIZE = struct.Struct(">2H"), struct.Struct(">B2HB")


def _offset(bits: int, signed: bool) -> int:
    """What is added to values so that none is negative."""
    return 1 << (bits - 1) if signed else 0


def encode_jpegls(
    values: NDArray[np.int32], bits: int, signed: bool, bound: int
) -> tuple[bytes, NDArray[np.int32]] | None:
    """Encode a plane.

    Parameters
    ----------
    values : ndarray of int32, shape (rows, columns)
        Values of `bits`, with a sign where `signed`.
    bound : int
        Largest error of a value; 0 for none.

    Returns
    -------
    (bytes, ndarray of int32) or None
        Code stream and what it decodes to; None where JPEG-LS does not go so far, or takes more
        bytes than the values do.
    """
    import jpeg_ls

    depth = max(bits, _BITS[0])
    most = min(_LARGEST_BOUND, ((1 << depth) - 1) // 2)
    if depth > _BITS[1] or bound > most or max(values.shape) >= 2**16:
        return None
    shifted = values + _offset(bits, signed)
    kind = np.uint8 if depth <= 8 else np.uint16
    pixels = np.ascontiguousarray(shifted, dtype=kind)
    try:
        stream = bytes(
            jpeg_ls.encode_buffer(
                pixels.tobytes(),
                rows=values.shape[0],
                columns=values.shape[1],
                samples_per_pixel=1,
                bits_stored=depth,
                lossy_error=bound,
                interleave_mode=0,
            )
        )
    except RuntimeError:
        # The binding gives no more room than the pixels take, too little for tiny or noisy planes.
        return None
    rows, columns = values.shape
    return stream, decode_jpegls(stream, rows, columns, bits, signed)


def _frame_of(stream: bytes) -> tuple[int, ...] | None:
    """Precision, lines, samples a line and components of a code stream; None where it is none."""
    at = 2
    while stream[:2] == b"\xff\xd8" and len(stream) >= at + _SEGMENT.size:
        marker, length = _SEGMENT.unpack_from(stream, at)
        if marker == _FRAME and len(stream) >= at + _SEGMENT.size + _SIZE.size:
            return tuple(_SIZE.unpack_from(stream, at + _SEGMENT.size))
        # Anything else, such as fill bytes, might lead CharLS to another header than this one.
        if marker not in _BEFORE or length < 2:
            return None
        at += 2 + length
    return None


def decode_jpegls(
    stream: bytes, rows: int, columns: int, bits: int, signed: bool
) -> NDArray[np.int32]:
    """Decode a plane.

    Raises
    ------
    CorruptError
        The stream is no such plane.
    """
    import jpeg_ls

    again = "get the file again from its source"
    depth = max(bits, _BITS[0])
    # Before CharLS takes memory for what the stream claims.
    if _frame_of(stream) != (depth, rows, columns, 1):
        raise CorruptError(
            f"JPLS: this is no JPEG-LS code stream of {columns} x {rows} pixels of {depth} bits "
            f"in one component; {again}"
        )
    if not stream.endswith(_END_OF_IMAGE):
        # CharLS looks for it for many seconds.
        raise CorruptError(f"JPLS: the code stream has no end; {again}")
    try:
        raw, _ = jpeg_ls.decode_buffer(stream)
    except Exception as error:
        raise CorruptError(f"JPLS: the code stream does not decode ({error}); {again}") from error
    values = np.frombuffer(raw, dtype=np.uint8 if depth <= 8 else "<u2")
    if values.size != rows * columns:
        raise CorruptError(f"JPLS: the code stream holds {values.size} pixels; {again}")
    low = -_offset(bits, signed)
    out: NDArray[np.int32] = values.reshape(rows, columns).astype(np.int32) + low
    if bits < depth and int(values.max()) >= 1 << bits:
        raise CorruptError(f"JPLS: values of more than {bits} bits; {again}")
    return out
