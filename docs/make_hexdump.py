"""Annotate a small .rcz file byte by byte, for docs/format.md.

Usage::

    python docs/make_hexdump.py tiny.rcz                         # print the dump
    python docs/make_hexdump.py tiny.rcz --into docs/format.md   # put it into its place

The dump holds every byte of the file, so the tests can read it back.
"""

from __future__ import annotations

import argparse
import struct
from collections.abc import Iterator
from pathlib import Path

from radcodec.container import Plane, list_chunks, read_rcz
from radcodec.container.fields import pack_unsigned, unsigned_at

BEGIN = "<!-- hexdump -->\n"
END = "<!-- end of hexdump -->\n"
WIDTH = 16
#: Bytes of short fields that share a line.
WORD = 4

#: (struct code, name) of each field of a fixed size at a fixed place, or `VU` and `VI` for numbers
#: of as many bytes as they need, by where it stands.
VU, VI = "vu", "vi"
SIGNATURE = [
    ("8s", "magic"),
    ("B", "major version"),
    ("B", "minor version"),
    ("B", "flags that may be ignored"),
    ("B", "flags that must be understood"),
]
FIELDS: dict[str, list[tuple[str, str]]] = {
    "HEAD": [
        ("B", "modality, colour, colour transform"),
        ("B", "bits stored and allocated, signed, inverted, source"),
        ("B", "tile log2, entropy coder"),
        (VU, "rows"),
        (VU, "columns"),
        (VU, "frames"),
        (VU, "bound"),
    ],
    "PLAN": [
        ("B", "coding"),
        ("B", "depth"),
        ("B", "level"),
        (VI, "low"),
        (VU, "span"),
        ("I", "CRC-32 of the values"),
    ],
    "MASK": [(VI, "background value")],
    "PIXL": [(VU, "step"), (VU, "length of the flags")],
    "REFN": [("B", "depth"), ("B", "level"), ("4s", "model id")],
    "RESD": [(VU, "step")],
    "dset": [("I", "inflated length"), ("I", "CRC-32 of the inflated bytes")],
    "qual": [("f", "PSNR in dB"), ("H", "maximum error"), ("8s", "SHA-256 of stored values")],
    "TAIL": [("I", "length of the file")],
}
#: What follows the fixed fields.
REST = {
    "PLAN": "model id",
    "MASK": "coded mask",
    "FILT": "weights of the filter",
    "JPLS": "JPEG-LS code stream",
    "dset": "raw DEFLATE stream",
}


def lines_of(offset: int, piece: bytes, note: str) -> Iterator[str]:
    """Yield the lines of the dump for one field; the note stands on the first."""
    for begin in range(0, len(piece), WIDTH):
        digits = piece[begin : begin + WIDTH].hex(" ")
        text = note if begin == 0 else ""
        yield f"{offset + begin:06x}  {digits:<{3 * WIDTH - 1}}  {text}".rstrip()


def field(data: bytes, offset: int, code: str) -> tuple[object, int]:
    """Return the value of a field, and its length."""
    if code not in (VU, VI):
        return struct.unpack_from("<" + code, data, offset)[0], struct.calcsize("<" + code)
    value, end = unsigned_at(data, offset)
    if code == VI:
        value = value // 2 if value % 2 == 0 else -(value + 1) // 2
    return value, end - offset


def fixed(data: bytes, offset: int, fields: list[tuple[str, str]]) -> Iterator[tuple[int, str]]:
    """Yield (length, note) of consecutive fields, notes with values of numbers.

    Short fields side by side share a line of up to four bytes.
    """
    size, notes = 0, list[str]()
    for code, name in fields:
        value, length = field(data, offset, code)
        offset += length
        if size and size + length > WORD:
            yield size, ", ".join(notes)
            size, notes = 0, []
        size += length
        notes.append(name if isinstance(value, bytes) else f"{name}: {value}")
    if size:
        yield size, ", ".join(notes)


def unused(plane: Plane) -> Iterator[tuple[int, str]]:
    """Yield (length, note) of the fields of UNUS."""
    for bit, mask in plane.unused:
        yield 1, f"bit: {bit}"
        yield len(pack_unsigned(len(mask))), f"length of its mask: {len(mask)}"
        yield len(mask), f"coded mask of bit {bit}"


def parts(plane: Plane, kind: str) -> Iterator[tuple[int, str]]:
    """Yield (length, note) of what follows the fixed fields of a chunk of a plane."""
    if kind == "UNUS":
        yield from unused(plane)
    if kind == "PIXL" and plane.pixels is not None:
        yield len(plane.pixels.flags), "coded flags"
    tiles = tiles_of(plane, kind)
    for i, tile in enumerate(tiles[:-1]):
        yield len(pack_unsigned(len(tile))), f"length of tile {i}: {len(tile)}"
    for i, tile in enumerate(tiles):
        yield len(tile), f"stream of tile {i}"


def tiles_of(plane: Plane, kind: str) -> list[bytes]:
    """Return the streams of tiles that a chunk of a plane holds."""
    layers = {"LATN": plane, "REFN": plane.refinement, "PIXL": plane.pixels, "RESD": plane.residual}
    layer = layers.get(kind)
    return [] if layer is None else layer.tiles


def pieces(data: bytes) -> Iterator[tuple[int, str]]:
    """Yield (length, note) of every field of a file, in order."""
    planes = iter(read_rcz(data).planes)
    plane: Plane | None = None
    yield from fixed(data, 0, SIGNATURE)
    for chunk in list_chunks(data):
        kind, length = chunk.type, chunk.length
        yield chunk.begin - chunk.offset, f"--- {kind}, {length} bytes"
        if kind == "PLAN":
            plane = next(planes)
        known = list(fixed(data, chunk.begin, FIELDS.get(kind, [])))
        if plane is not None:
            known += parts(plane, kind)
        yield from known
        rest = length - sum(size for size, _ in known)
        if rest:
            yield rest, REST.get(kind, "payload")
        yield 4, "CRC-32"


def annotate(data: bytes) -> str:
    """Return the dump of a whole .rcz file, a line for each field or 16 bytes.

    Parameters
    ----------
    data : bytes
        A valid file; a few hundred bytes make a dump that can be read.
    """
    offset = 0
    lines: list[str] = []
    for length, note in pieces(data):
        lines += lines_of(offset, data[offset : offset + length], note)
        offset += length
    return "\n".join(lines) + "\n"


def insert(document: str, dump: str) -> str:
    """Return a document with the dump between its two marks, in place of what was there."""
    before, found, rest = document.partition(BEGIN)
    _, found_end, after = rest.partition(END)
    if not (found and found_end):
        raise SystemExit(f"the document lacks the marks {BEGIN.strip()} and {END.strip()}")
    return f"{before}{BEGIN}```text\n{dump}```\n{END}{after}"


def extract(document: str) -> bytes:
    """Return the bytes that the dump in a document shows; empty where there is none."""
    dump = document.partition(BEGIN)[2].partition(END)[0]
    shown = bytearray()
    for line in dump.splitlines():
        if line and not line.startswith("```"):
            if int(line[:6], 16) != len(shown):
                raise ValueError(f"the dump jumps from {len(shown):06x} to {line[:6]}")
            shown += bytes.fromhex(line[8 : 8 + 3 * WIDTH])
    return bytes(shown)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path, help="a small .rcz file")
    parser.add_argument("--into", type=Path, help="document to put the dump into")
    arguments = parser.parse_args()
    dump = annotate(arguments.file.read_bytes())
    if arguments.into is None:
        print(dump, end="")
    else:
        document = arguments.into.read_text(encoding="utf-8")
        arguments.into.write_text(insert(document, dump), encoding="utf-8")


if __name__ == "__main__":
    main()
