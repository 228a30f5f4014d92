"""Fixtures of several folders: a codec without networks, and images to feed it.

The command line and the demonstration are tested apart from the models with it.
"""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radcodec import codec
from radcodec.codec import Compressed, Restored
from radcodec.container import Header, Quality, RczFile, Refinement
from radcodec.container.rcz import read_rcz, write_rcz
from radcodec.errors import UsageError, VerificationError
from radcodec.rate import Target
from radcodec.reading.image import GreyImage


def _compress(
    image: GreyImage,
    *,
    modality: str | None = None,
    depth: int | None = None,
    refine: bool | None = None,
    target: Target,
    verify: bool = True,
) -> Compressed:
    """Stand in for `radcodec.codec.compress`: the one tile holds the deflated pixels.

    The level tells what was asked: the value of a quality, 7 for the usual ratio, else 1.
    """
    if target.kind == "ratio" and target.value > 1000:
        raise UsageError("a ratio of that size is out of reach; the range is 2 to 100")
    rows, columns = image.stored.shape
    chosen = modality or image.modality or "generic"
    header = Header(
        modality=chosen,
        depth=depth or 2,
        bits_allocated=image.bits_allocated,
        bits_stored=image.bits_stored,
        signed=image.signed,
        level=int(target.value) if target.kind == "quality" else 7 if target.kind == "usual" else 1,
        source="png" if image.dataset is None else "dicom",
        rows=rows,
        columns=columns,
        low=int(image.stored.min()),
        high=int(image.stored.max()),
        model_id=bytes(32),
        inverted=image.inverted,
    )
    pixels = image.stored.astype("<i4").tobytes()
    quality = Quality(41.5, 3, hashlib.sha256(pixels).digest()) if verify else None
    second = Refinement(1, 33, bytes(range(32)), [b"more"]) if refine else None
    data = write_rcz(
        RczFile(
            header,
            [zlib.compress(pixels)],
            dataset=image.dataset,
            quality=quality,
            refinement=second,
        )
    )
    return Compressed(
        data=data,
        depth=header.depth,
        refined=second is not None,
        level=header.level,
        modality=chosen,
        ratio=image.uncompressed_bytes / len(data),
        bpp=8 * len(data) / image.stored.size,
        psnr=41.5 if verify else None,
        max_error=3 if verify else None,
    )


def _check(data: bytes) -> Restored:
    """Stand in for `radcodec.codec.check`."""
    file = read_rcz(data)
    pixels = zlib.decompress(file.tiles[0])
    if file.quality is not None and hashlib.sha256(pixels).digest() != file.quality.sha256:
        raise VerificationError("the decoded pixels are not those that were recorded")
    shape = (file.header.rows, file.header.columns)
    stored = np.frombuffer(pixels, "<i4").astype(np.int32).reshape(shape)
    return Restored(stored, file.header, file.dataset, file.quality, len(data))


@pytest.fixture
def plain_codec(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the codec by one that needs no models and loses nothing."""
    monkeypatch.setattr(codec, "compress", _compress)
    monkeypatch.setattr(codec, "check", _check)


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
