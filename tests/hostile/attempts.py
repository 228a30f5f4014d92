"""All that commands do with a file's bytes; what comes of it is a result or a `RadcodecError`."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence

from radcodec.cli.info import describe_file
from radcodec.cli.restoring import Selection, write_dicom_file, write_png
from radcodec.codec import Area, Decoder, View, compress_source
from radcodec.container.chunks import SIGNATURE_LENGTH, pack_signature, pack_tail
from radcodec.container.limits import Limits
from radcodec.errors import RadcodecError
from radcodec.rate import Target
from radcodec.reading.dicom import DicomSource

#: A chunk: the name of its type, or a letter that has none, and its payload.
Chunk = tuple[bytes, bytes]
NAMES = b"HEAD PLAN MASK PIXL LATN REFN FILT RESD JPLS UNUS dset qual TAIL".split()
LETTER_OF = dict(zip(NAMES, (bytes([letter]) for letter in b"HPMBLFWRJUdqT"), strict=True))
NAME_OF = {letter: name for name, letter in LETTER_OF.items()}
#: Small files need no more, so that a claim that is out of all proportion is refused at once.
LIMITS = Limits(memory=700 * 2**20)


def number(value: int) -> bytes:
    """Write a number, seven bits a byte."""
    out = b""
    while value > 127:
        out, value = out + bytes([128 | value & 127]), value >> 7
    return out + bytes([value])


def number_at(data: bytes, at: int) -> tuple[int, int]:
    """Read a number in any form, and where the next byte is; 0 bits behind the end."""
    value = shift = 0
    while at < len(data):
        value, shift, at = value | (data[at] & 127) << shift, shift + 7, at + 1
        if data[at - 1] < 128:
            break
    return value, at


def split(data: bytes) -> list[Chunk]:
    """Cut a file into its chunks, TAIL left out; apart from the package's reader."""
    at, found = SIGNATURE_LENGTH, []
    while (letter := data[at : at + 1]) != LETTER_OF[b"TAIL"]:
        length, begin = number_at(data, at + 1)
        found.append((NAME_OF.get(letter, letter), data[begin : begin + length]))
        at = begin + length + 4
    return found


def joined(chunks: Sequence[Chunk]) -> bytes:
    """Put chunks together to a file, with checksums and length that fit."""
    parts = [pack_signature()]
    for kind, payload in chunks:
        start = LETTER_OF.get(kind, kind) + number(len(payload)) + payload
        parts.append(start + struct.pack("<I", zlib.crc32(start)))
    data = b"".join(parts)
    return data + pack_tail(len(data))


def _refused(work: object) -> str | None:
    assert callable(work)
    try:
        work()
    except RadcodecError as error:
        # What went wrong, and what to do about it.
        assert len(str(error)) > 20
        return type(error).__name__
    return None


def attempt_rcz(data: bytes, limits: Limits = LIMITS) -> list[str | None]:
    """Run `info`, `decompress` in its forms, and what else reads a file; the errors' names."""

    def opened() -> Decoder:
        return Decoder(io.BytesIO(data), limits=limits)

    def everything() -> None:
        for _ in opened().frames():
            pass

    def corner(reduce: int) -> None:
        decoder = Decoder(io.BytesIO(data), limits=limits, check=False)
        region = Area(0, 0, min(9, decoder.header.rows), min(7, decoder.header.columns))
        decoder.frame(0, View(region, reduce))

    def as_dicom() -> None:
        decoder = opened()
        write_dicom_file(
            decoder, io.BytesIO(), Selection(), transfer_syntax="explicit", keep_uid=False
        )

    def as_png() -> None:
        for _ in write_png(opened(), Selection(), raw=False):
            pass

    works = [
        lambda: describe_file(io.BytesIO(data), limits),
        everything,
        lambda: corner(1),
        lambda: corner(4),
        as_dicom,
        as_png,
    ]
    return [_refused(work) for work in works]


def attempt_dicom(data: bytes, limits: Limits = LIMITS, *, compress: bool = False) -> str | None:
    """Read all frames, and compress them where asked; the error's name."""

    def work() -> None:
        with DicomSource(io.BytesIO(data), "file", limits) as source:
            for index in range(min(source.layout.frames, 50)):
                source.frame(index)
            if compress:
                compress_source(source, io.BytesIO(), target=Target("quality", 40.0), max_error=0)

    return _refused(work)
