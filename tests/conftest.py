"""Fixtures of several folders: a codec without networks, and images to feed it.

The command line and the demonstration are tested apart from the models with it.
"""

from __future__ import annotations

import hashlib
import math
import zlib
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from radcodec import codec
from radcodec.codec import Summary, View, compressing
from radcodec.codec import decoder as decoder_module
from radcodec.codec.area import reduced
from radcodec.codec.decoder import checksum_of
from radcodec.codec.headers import header_for
from radcodec.container import DIGEST_LENGTH, Header, Limits, Quality, Refinement
from radcodec.container.layers import MODEL_ID_LENGTH
from radcodec.container.planes import Plane
from radcodec.container.rcz import RczWriter
from radcodec.entropy.mask import encode_mask
from radcodec.errors import UsageError
from radcodec.network.store import ModelStore
from radcodec.rate import Target
from radcodec.reading.image import Frame, ImageSource


def _unused(frame: Frame, header: Header) -> tuple[tuple[int, bytes], ...]:
    if frame.unused is None:
        return ()
    bits = range(header.bits_stored, header.bits_allocated)
    places = ((bit, (frame.unused >> bit & 1).astype(bool)) for bit in bits)
    return tuple((bit, encode_mask(where)) for bit, where in places if where.any())


def _compress_source(
    source: ImageSource,
    out: BinaryIO,
    *,
    modality: str | None = None,
    depth: int | None = None,
    refine: bool | None = None,
    target: Target,
    max_error: int | None = None,
    effort: int = 3,
    verify: bool = True,
    models: ModelStore | None = None,
    limits: Limits | None = None,
) -> Summary:
    """Stand in for `radcodec.codec.compress_source`: a plane's one tile holds its deflated pixels.

    The level tells what was asked: the value of a quality, 7 for the usual ratio, else 1.
    """
    if target.kind == "ratio" and target.value > 1000:
        raise UsageError("a ratio of that size is out of reach; the range is 2 to 100")
    chosen = modality or source.modality or "generic"
    origin = "png" if source.dataset is None else "dicom"
    header = replace(header_for(source.layout, chosen, origin, max_error), transform="none")
    level = int(target.value) if target.kind == "quality" else 7 if target.kind == "usual" else 1
    second = Refinement(1, 33, bytes(range(MODEL_ID_LENGTH)), [b"more"]) if refine else None
    writer = RczWriter(out, header, source.dataset)
    digest = hashlib.sha256()
    for index in range(header.frames):
        frame = source.frame(index)
        digest.update(frame.planes.astype("<i4").tobytes())
        for values in frame.planes:
            writer.add(
                Plane(
                    coding="networks",
                    low=int(values.min()),
                    high=int(values.max()),
                    checksum=checksum_of(values),
                    depth=depth or 2,
                    level=level,
                    model_id=bytes(MODEL_ID_LENGTH),
                    tiles=[zlib.compress(values.astype("<i4").tobytes())],
                    refinement=second,
                    unused=_unused(frame, header),
                )
            )
    lost = (41.5, 3) if header.max_error is None else (math.inf, 0)
    writer.finish(Quality(*lost, digest.digest()[:DIGEST_LENGTH]) if verify else None)
    return Summary(
        size=writer.length,
        depth=depth or 2,
        refined=second is not None,
        wide=False,
        level=level,
        coding="networks",
        modality=chosen,
        ratio=header.uncompressed_bytes / writer.length,
        bpp=8 * writer.length / (header.rows * header.columns * header.frames),
        psnr=lost[0] if verify else None,
        max_error=lost[1] if verify else None,
    )


def _decode_plane(
    plane: Plane, header: Header, sample: int, models: ModelStore, view: View | None = None
) -> NDArray[np.int32]:
    """Stand in for `radcodec.codec.decoder.decode_plane`."""
    view = view or View()
    pixels = np.frombuffer(zlib.decompress(plane.tiles[0]), "<i4").astype(np.int32)
    values = pixels.reshape(header.rows, header.columns)
    part = values[view.area(header.rows, header.columns).slices]
    return reduced(part, view.reduce, mean=header.colour != "palette")


@pytest.fixture
def plain_codec(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the codec's networks by what needs no models and loses nothing.

    Files are written and read, and checksums compared, as with networks.
    """
    for module in (codec, compressing):
        monkeypatch.setattr(module, "compress_source", _compress_source)
    monkeypatch.setattr(decoder_module, "decode_plane", _decode_plane)


@pytest.fixture
def png(tmp_path: Path) -> Path:
    """Return the path of a 16-bit PNG of 20 x 30 pixels."""
    path = tmp_path / "scan.png"
    ramp = np.arange(20 * 30, dtype=np.uint16).reshape(20, 30) * 100
    Image.fromarray(ramp).save(path)
    return path


@pytest.fixture
def dicom(tmp_path: Path) -> Path:
    """Return the path of a copy of a real CT slice of 128 x 128 pixels."""
    from pydicom.data import get_testdata_file

    found = get_testdata_file("CT_small.dcm", download=False)
    assert isinstance(found, str)
    path = tmp_path / "ct.dcm"
    path.write_bytes(Path(found).read_bytes())
    return path
