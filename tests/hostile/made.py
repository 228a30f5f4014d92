"""Small files of every kind, made from synthetic images: what mutations start from."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from radcodec.codec import compress_source
from radcodec.codec.decoder import checksum_of, decode_plane
from radcodec.codec.residuals import pack_residuals
from radcodec.container.rcz import read_rcz, write_rcz
from radcodec.entropy.filter_weights import CLASSES, encode_weights, inputs_of
from radcodec.entropy.mask import decode_mask
from radcodec.network.store import ModelStore
from radcodec.rate import Target
from radcodec.reading.dicom import DicomSource
from tests.reading.built import described, written

#: What the compressor is asked for, by the kind of file that comes of it.
RCZ_KINDS = (
    "networks",
    "refined",
    "filtered",
    "residual",
    "pixels",
    "jpegls",
    "rgb",
    "frames",
    "unused",
)
DICOM_KINDS = (
    "explicit",
    "implicit",
    "big",
    "deflated",
    "rle",
    "jpeg",
    "jpegls",
    "jpeg2000",
    "fragments",
    "rgb",
)
_USUAL = Target("quality", 50.0)


def scan(rows: int = 40, columns: int = 56, seed: int = 1) -> NDArray[np.uint16]:
    """Return a smooth round body with noise and letters, on a constant background; 12 bits."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:rows, :columns].astype(float)
    radius = np.hypot((y - rows / 2) / rows, (x - columns / 2) / columns)
    body = 1500 + 900 * np.cos(9 * radius) + random.normal(0, 12, (rows, columns))
    values = np.where(radius < 0.42, body, 0)
    values[rows // 2 : rows // 2 + 8 : 2, columns // 2 : columns // 2 + 16 : 3] = 4095
    return np.clip(values, 0, 4095).astype(np.uint16)


def source_of(pixels: NDArray[np.integer], **tags: object) -> tuple[Dataset, bytes]:
    """Return a data set for (frames, rows, columns[, 3]) pixels of 8 or 16 bits, and their bytes."""
    bits = 8 * pixels.dtype.itemsize
    colour = pixels.ndim == 4
    usual: dict[str, object] = {"BitsAllocated": bits, "BitsStored": 8 if bits == 8 else 12}
    usual["HighBit"] = 7 if bits == 8 else 11
    if colour:
        usual["PlanarConfiguration"] = 0
    photometric = "RGB" if colour else "MONOCHROME2"
    return described(pixels.shape, photometric, **{**usual, **tags}), pixels.tobytes()


def dicom(kind: str) -> bytes:
    """Return a small DICOM file of one of `DICOM_KINDS`."""
    syntaxes: dict[str, UID] = {
        "explicit": ExplicitVRLittleEndian,
        "implicit": ImplicitVRLittleEndian,
        "big": ExplicitVRBigEndian,
        "deflated": DeflatedExplicitVRLittleEndian,
        "rgb": ExplicitVRLittleEndian,
    }
    pixels = scan(20, 24)[None]
    if kind == "rgb":
        pixels = np.stack([scan(20, 24, seed) >> 4 for seed in (1, 2, 3)], -1)[None].astype(
            np.uint8
        )
    if kind == "big":
        source, _ = source_of(pixels)
        return written(source, pixels.astype(">u2").tobytes(), syntaxes[kind])
    if kind in syntaxes:
        source, raw = source_of(pixels)
        return written(source, raw, syntaxes[kind], "OB" if kind == "rgb" else "OW")
    return _encapsulated(kind, pixels)


def _encapsulated(kind: str, pixels: NDArray[np.uint16]) -> bytes:
    if kind == "fragments":
        frames = [_jpeg2000(scan(32, 33, seed)) for seed in (1, 2)]
        source, _ = source_of(np.zeros((2, 32, 33), np.uint16))
        return written(source, encapsulate(frames, fragments_per_frame=2), JPEG2000Lossless, "OB")
    if kind == "jpeg":
        from PIL import Image

        out = io.BytesIO()
        eight = (pixels >> 4).astype(np.uint8)
        Image.fromarray(eight[0]).save(out, "jpeg")
        source, _ = source_of(eight)
        return written(source, encapsulate([out.getvalue()]), JPEGBaseline8Bit, "OB")
    source, raw = source_of(pixels)
    if kind == "rle":
        from pydicom.pixels.encoders.base import RLELosslessEncoder

        coded = RLELosslessEncoder.encode(pixels[0], **_options(source))
        return written(source, encapsulate([coded]), RLELossless, "OB")
    if kind == "jpegls":
        import jpeg_ls

        rows, columns = pixels.shape[1:]
        coded = bytes(
            jpeg_ls.encode_buffer(
                raw,
                rows=rows,
                columns=columns,
                samples_per_pixel=1,
                bits_stored=12,
                lossy_error=0,
                interleave_mode=0,
            )
        )
        return written(source, encapsulate([coded]), JPEGLSLossless, "OB")
    # OpenJPEG wants 32 pixels a side for its five decompositions.
    source, _ = source_of(np.zeros((1, 32, 33), np.uint16))
    return written(source, encapsulate([_jpeg2000(scan(32, 33))]), JPEG2000Lossless, "OB")


def _options(source: Dataset) -> dict[str, Any]:
    return {
        "rows": source.Rows,
        "columns": source.Columns,
        "number_of_frames": 1,
        "samples_per_pixel": 1,
        "bits_allocated": source.BitsAllocated,
        "bits_stored": source.BitsStored,
        "pixel_representation": 0,
        "photometric_interpretation": "MONOCHROME2",
    }


def _jpeg2000(pixels: NDArray[np.uint16]) -> bytes:
    from openjpeg.utils import encode_array

    return bytes(encode_array(pixels, bits_stored=12))


@cache
def rcz(kind: str) -> bytes:
    """Return a small .rcz file of one of `RCZ_KINDS`, with a data set."""
    if kind == "residual":
        return _with_residual(rcz("networks"), scan().astype(np.int32))
    if kind == "filtered":
        return _with_filter(rcz("refined"))
    pixels: NDArray[np.integer] = scan()[None]
    bound, depth = None, 2
    if kind == "refined":
        pixels = scan(70, 80)[None]
    elif kind == "pixels":
        bound, pixels = 0, scan(12, 20)[None]
    elif kind == "jpegls":
        bound, pixels = 3, scan(24, 24)[None]
    elif kind == "rgb":
        channels = [scan(24, 24, seed) >> 4 for seed in (1, 2, 3)]
        pixels, bound = np.stack(channels, -1)[None].astype(np.uint8), 0
    elif kind == "frames":
        pixels = np.stack([scan(24, 32, seed) for seed in (1, 2, 3)])
    elif kind == "unused":
        pixels = (scan(24, 32) | (np.arange(32, dtype=np.uint16) % 3 << 12))[None]
    source, raw = source_of(pixels)
    data = written(source, raw, ExplicitVRLittleEndian, "OB" if kind == "rgb" else "OW")
    out = io.BytesIO()
    with DicomSource(io.BytesIO(data), kind) as frames:
        compress_source(
            frames,
            out,
            target=_USUAL,
            max_error=bound,
            depth=depth,
            refine=kind == "refined",
        )
    return out.getvalue()


def _with_filter(data: bytes) -> bytes:
    """Put a filter of random weights into a file of one frame in two layers."""
    file = read_rcz(data)
    (plane,), header = file.planes, file.header
    random = np.random.default_rng(1)
    weights = np.zeros((CLASSES, inputs_of(True)), np.int32)
    weights[5:], weights[20:, 3:9] = random.integers(-9, 9, weights.shape[1]) * 4, -100
    whole = replace(plane, filter=encode_weights(weights, 2))
    decoded = decode_plane(whole, header, 0, ModelStore())
    assert not np.array_equal(decoded, decode_plane(plane, header, 0, ModelStore()))
    whole = replace(whole, checksum=checksum_of(decoded))
    return write_rcz(replace(file, planes=[whole], quality=None))


def _with_residual(data: bytes, stored: NDArray[np.int32]) -> bytes:
    """Put a residual on top of the networks of a file of one frame."""
    file = read_rcz(data)
    (plane,), header = file.planes, file.header
    base = decode_plane(plane, header, 0, ModelStore())
    mask = None
    if plane.mask is not None:
        mask = decode_mask(plane.mask[1], header.rows, header.columns)
    grid = header.grid(plane.depth)
    residual, decoded = pack_residuals(stored, base, mask, 2, plane.low, plane.high, grid)
    whole = replace(plane, residual=residual, checksum=checksum_of(decoded))
    return write_rcz(replace(file, planes=[whole], quality=None))
