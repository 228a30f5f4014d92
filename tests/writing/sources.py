"""Real DICOM files as readers give them, made with pydicom alone."""

from __future__ import annotations

import io
import warnings
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import FileDataset, dcmread
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from radcodec.reading.image import Frame, Layout

_TAG = b"\xe0\x7f\x10\0"
_DECODED = {"YBR_FULL_422": "YBR_FULL", "YBR_RCT": "RGB", "YBR_ICT": "RGB"}


@dataclass(frozen=True)
class Source:
    """What a reader gives of a file: its data set without pixels, layout and frames."""

    data: bytes
    dataset: bytes
    layout: Layout
    frames: list[Frame]
    parsed: FileDataset

    @property
    def stored(self) -> NDArray[np.int32]:
        """Stored values of all frames, shape (frames, samples, rows, columns)."""
        return np.stack([frame.planes for frame in self.frames])

    def changed(self) -> list[Frame]:
        """Frames with some stored values that differ by one, as lossy compression leaves them."""
        low, high = self.layout.stored_range
        changed = []
        for frame in self.frames:
            planes = frame.planes.copy()
            planes[:, ::3, ::2] += np.where(planes[:, ::3, ::2] < high, 1, -1)
            assert planes.min() >= low
            changed.append(Frame(planes, frame.unused))
        return changed


def from_path(path: Path) -> Source:
    """Decode a file and cut its pixel data out."""
    return from_bytes(path.read_bytes())


@cache
def from_bytes(data: bytes) -> Source:
    """Decode a file and cut its pixel data out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source = dcmread(io.BytesIO(data), force=True)
        layout, frames = _decode(source)
        return Source(data, _cut(data, source), layout, frames, source)


def _cut(data: bytes, source: FileDataset) -> bytes:
    """Return the file without PixelData; a deflated one is deflated again."""
    syntax = source.file_meta.get("TransferSyntaxUID")
    deflated = syntax is not None and syntax.is_deflated
    head = 0
    if deflated:
        head = 132 + 12 + source.file_meta.FileMetaInformationGroupLength
        data = data[:head] + zlib.decompress(data[head:], -zlib.MAX_WBITS)
    element = source["PixelData"]
    # The transfer syntax may say something else than what the data set is.
    implicit = element.file_tell is not None and data[element.file_tell - 8 :][:4] == _TAG
    assert element.file_tell is not None
    # pydicom counts from the start of what it inflated.
    begin = element.file_tell - (8 if implicit else 12) + head
    end = begin + (8 if implicit else 12) + len(element.value)
    end += 8 if element.is_undefined_length else 0
    rest = data[head:begin] + data[end:]
    if deflated:
        packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        rest = packer.compress(rest) + packer.flush()
    return data[:head] + rest


def _decode(source: FileDataset) -> tuple[Layout, list[Frame]]:
    guess = ImplicitVRLittleEndian if source.original_encoding[0] else ExplicitVRLittleEndian
    syntax: UID = source.file_meta.get("TransferSyntaxUID") or guess
    source.file_meta.TransferSyntaxUID = syntax
    pixels, _ = get_decoder(syntax).as_array(source, raw=True)
    samples, count = source.SamplesPerPixel, int(source.get("NumberOfFrames") or 1)
    allocated, bits = source.BitsAllocated, source.BitsStored
    if bits != source.HighBit + 1:
        bits = allocated
    words = pixels.reshape(count, source.Rows, source.Columns, samples).transpose(0, 3, 1, 2)
    words = words.astype(np.int32) & ((1 << allocated) - 1)
    signed = bool(source.PixelRepresentation)
    stored = words & ((1 << bits) - 1)
    if signed:
        stored = (stored ^ (1 << (bits - 1))) - (1 << (bits - 1))
    unused = ((stored & ((1 << allocated) - 1)) ^ words).astype(np.uint16)
    photometric = str(source.PhotometricInterpretation)
    layout = Layout(
        source.Rows,
        source.Columns,
        count,
        samples,
        allocated,
        bits,
        signed,
        _DECODED.get(photometric, photometric),
    )
    frames = [
        Frame(planes.astype(np.int32), extra[0] if extra.any() else None)
        for planes, extra in zip(stored, unused, strict=True)
    ]
    return layout, frames
