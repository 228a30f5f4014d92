"""Round trips of whole files, and files that break a rule though their CRCs fit."""

from __future__ import annotations

import hashlib
import struct
import tracemalloc
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from radcodec.container import (
    Header,
    Limits,
    PixelBlocks,
    Quality,
    RczFile,
    Refinement,
    list_chunks,
    read_rcz,
    write_rcz,
)
from radcodec.errors import (
    CorruptError,
    FormatError,
    LimitError,
    RadcodecError,
    UnsupportedVersionError,
)

from .samples import files, headers, raw_chunk, raw_file, small_file, small_header

HEAD = raw_chunk(b"HEAD", small_header().pack())
LATN = raw_chunk(b"LATN", struct.pack("<7I", 6, *[1] * 6) + b"abcdef")
REFINED = struct.pack("<2BH32s7I", 1, 9, 0, bytes(32), 6, *[1] * 6) + b"uvwxyz"
REFN = raw_chunk(b"REFN", REFINED)
PIXELS = struct.pack("<HI5s6I", 7, 5, b"flags", 1, 0, 2, 0, 0, 0) + b"abc"
PIXL = raw_chunk(b"PIXL", PIXELS)


@settings(max_examples=60, deadline=None)
@given(files())
def test_every_field_comes_back(file: RczFile) -> None:
    assert read_rcz(write_rcz(file)) == file


@settings(max_examples=60, deadline=None)
@given(headers())
def test_tile_slices_cover_the_latent_once(header: Header) -> None:
    slices = header.grid.tile_slices
    assert len(slices) == header.grid.tile_count
    area = sum((r.stop - r.start) * (c.stop - c.start) for r, c in slices)
    assert area == header.grid.latent_shape[0] * header.grid.latent_shape[1]


def test_chunks_are_listed_in_order() -> None:
    data = write_rcz(small_file())
    entries = list_chunks(data)
    assert [e.type for e in entries] == [
        "HEAD", "MASK", "PIXL", "LATN", "REFN", "dset", "qual", "TAIL"
    ]  # fmt: skip
    assert entries[0] == ("HEAD", 14, 62)
    assert all(data[e.offset : e.offset + 4].decode() == e.type for e in entries)


def test_layout_of_the_header_is_the_documented_one() -> None:
    payload = small_header().pack()
    assert payload[:10] == bytes([3, 2, 1, 16, 12, 3, 1, 100, 6, 1])
    assert struct.unpack("<IIIii", payload[10:30]) == (70, 130, 1, -1024, 2047)
    assert payload[30:] == small_header().model_id
    assert small_header().uncompressed_bytes == 70 * 130 * 2


@pytest.mark.parametrize(
    ("offset", "value", "error"),
    [
        (0, 5, UnsupportedVersionError),
        (1, 0, UnsupportedVersionError),
        (1, 5, UnsupportedVersionError),
        (2, 3, UnsupportedVersionError),
        (3, 32, UnsupportedVersionError),
        (4, 0, FormatError),
        (4, 17, FormatError),
        (5, 4, UnsupportedVersionError),
        (6, 2, UnsupportedVersionError),
        (8, 5, FormatError),
        (8, 16, FormatError),
        (9, 2, UnsupportedVersionError),
        (18, 2, UnsupportedVersionError),
        (25, 0x80, FormatError),  # low below the smallest stored value
        (29, 0x7F, FormatError),  # high above the largest stored value
        (27, 0x80, FormatError),  # high above the largest stored value, by little
    ],
)
def test_header_fields_out_of_range(offset: int, value: int, error: type[FormatError]) -> None:
    payload = bytearray(small_header().pack())
    payload[offset] = value
    with pytest.raises(error, match="HEAD"):
        read_rcz(raw_file(raw_chunk(b"HEAD", bytes(payload)), LATN))


@pytest.mark.parametrize("changes", [{"rows": 0}, {"columns": 0}, {"low": 5, "high": 4}])
def test_reader_refuses_empty_images_and_maps(changes: dict[str, int]) -> None:
    payload = bytearray(small_header().pack())
    for name, value in changes.items():
        offset = {"rows": 10, "columns": 14, "low": 22, "high": 26}[name]
        payload[offset : offset + 4] = struct.pack("<i", value)
    with pytest.raises(FormatError):
        read_rcz(raw_file(raw_chunk(b"HEAD", bytes(payload)), LATN))


@pytest.mark.parametrize(
    "header",
    [
        small_header(level=256),
        small_header(depth=0),
        small_header(model_id=b"short"),
        small_header(modality="us"),
        small_header(bits_stored=8, low=-129),
        small_header(rows=2**32),
    ],
)
def test_writer_refuses_what_the_reader_would(header: Header) -> None:
    with pytest.raises(FormatError):
        write_rcz(small_file(header=header))


@pytest.mark.parametrize(
    "changes",
    [
        {"tiles": [b"a"] * 5},
        {"tiles": [b"a"] * 5 + [b""]},
        {"mask": (2048, b"")},
        {"refinement": Refinement(2, 0, bytes(32), [b"a"] * 6)},
        {"refinement": Refinement(0, 0, bytes(32), [b"a"] * 6)},
        {"refinement": Refinement(1, 256, bytes(32), [b"a"] * 6)},
        {"refinement": Refinement(1, 0, bytes(31), [b"a"] * 6)},
        {"refinement": Refinement(1, 0, bytes(32), [b"a"] * 5)},
        {"pixels": PixelBlocks(0, b"", [b""] * 6)},
        {"pixels": PixelBlocks(2**16, b"", [b""] * 6)},
        {"pixels": PixelBlocks(1, b"", [b""] * 5)},
        {"pixels": PixelBlocks(1, b"", [b""] * 7)},
        {"quality": Quality(float("nan"), 0, bytes(32))},
        {"quality": Quality(float("-inf"), 0, bytes(32))},
        {"quality": Quality(40.0, 2**32, bytes(32))},
        {"quality": Quality(40.0, 0, b"")},
    ],
)
def test_writer_refuses_wrong_parts(changes: dict[str, Any]) -> None:
    with pytest.raises(FormatError):
        write_rcz(small_file(**changes))


@pytest.mark.parametrize(
    "chunks",
    [
        [LATN, HEAD],
        [HEAD],
        [HEAD, HEAD, LATN],
        [HEAD, LATN, LATN],
        [HEAD, LATN, raw_chunk(b"MASK", bytes(4))],
        [raw_chunk(b"note", b""), HEAD, LATN],
        [HEAD, LATN, raw_chunk(b"no e", b"")],
        [HEAD, LATN, raw_chunk(b"\xffoto", b"")],
        [raw_chunk(b"HEAD", small_header().pack() + b"\0"), LATN],
        [HEAD, raw_chunk(b"MASK", b"abc"), LATN],
        [HEAD, raw_chunk(b"MASK", struct.pack("<i", 3000)), LATN],
        [HEAD, raw_chunk(b"LATN", b"")],
        [HEAD, raw_chunk(b"LATN", struct.pack("<I", 6))],
        [HEAD, raw_chunk(b"LATN", struct.pack("<7I", 7, *[1] * 6) + b"abcdef")],
        [HEAD, raw_chunk(b"LATN", struct.pack("<7I", 6, *[1] * 6) + b"abcde")],
        [HEAD, raw_chunk(b"LATN", struct.pack("<7I", 6, *[1] * 6) + b"abcdefg")],
        [HEAD, raw_chunk(b"LATN", struct.pack("<7I", 6, 0, 2, *[1] * 4) + b"abcdef")],
        [HEAD, raw_chunk(b"LATN", struct.pack("<7I", 6, 2**32 - 1, *[1] * 5) + b"abcdef")],
        [HEAD, REFN, LATN],
        [HEAD, LATN, REFN, REFN],
        [HEAD, LATN, raw_chunk(b"REFN", REFINED[:35])],
        [HEAD, LATN, raw_chunk(b"REFN", REFINED[:36])],
        [HEAD, LATN, raw_chunk(b"REFN", REFINED[:-1])],
        [HEAD, LATN, raw_chunk(b"REFN", REFINED + b"x")],
        [HEAD, LATN, raw_chunk(b"REFN", b"\0" + REFINED[1:])],
        [HEAD, LATN, raw_chunk(b"REFN", b"\2" + REFINED[1:])],
        [HEAD, LATN, raw_chunk(b"REFN", REFINED[:2] + b"\1" + REFINED[3:])],
        [HEAD, LATN, PIXL],
        [HEAD, PIXL, PIXL, LATN],
        [PIXL, HEAD, LATN],
        [HEAD, PIXL],
        [HEAD, LATN, raw_chunk(b"dset", b"abc")],
        [HEAD, LATN, raw_chunk(b"dset", struct.pack("<2I", 5, 0) + b"\xff\xff")],
        [HEAD, LATN, raw_chunk(b"qual", b"")],
        [HEAD, LATN, raw_chunk(b"qual", struct.pack("<fI32s", float("nan"), 0, b""))],
    ],
)
def test_rules_on_chunks(chunks: list[bytes]) -> None:
    with pytest.raises(FormatError):
        read_rcz(raw_file(*chunks))


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"", "0 bytes, too few for its fields"),
        (PIXELS[:5], "5 bytes, too few for its fields"),
        (PIXELS[:6], "6 bytes, too few for its flags and lengths"),
        (PIXELS[:34], "34 bytes, too few for its flags and lengths"),
        (PIXELS[:35], "lengths of its tiles"),
        (PIXELS[:-1], "lengths of its tiles"),
        (PIXELS + b"d", "lengths of its tiles"),
        (b"\0\0" + PIXELS[2:], "step is 0"),
        (PIXELS[:2] + b"\6" + PIXELS[3:], "lengths of its tiles"),
        (PIXELS[:2] + b"\xff" * 4 + PIXELS[6:], "too few for its flags and lengths"),
        (PIXELS[:11] + b"\xff" * 4 + PIXELS[15:], "lengths of its tiles"),
        (struct.pack("<HI6I", 7, 0, 2**32 - 1, 2, *[0] * 4) + b"a", "lengths of its tiles"),
    ],
)
def test_pixel_blocks_that_do_not_fit_their_chunk(payload: bytes, message: str) -> None:
    with pytest.raises(CorruptError, match=f"PIXL.*{message}.*again from its source"):
        read_rcz(raw_file(HEAD, raw_chunk(b"PIXL", payload), LATN))


def test_layout_of_pixel_blocks_is_the_documented_one() -> None:
    file = read_rcz(raw_file(HEAD, PIXL, LATN))
    assert file.pixels == PixelBlocks(7, b"flags", [b"a", b"", b"bc", b"", b"", b""])
    assert PIXL in write_rcz(file)
    mask = raw_chunk(b"MASK", struct.pack("<i", 5))
    assert read_rcz(raw_file(HEAD, PIXL, mask, LATN)) == read_rcz(raw_file(HEAD, mask, PIXL, LATN))
    least = raw_chunk(b"PIXL", struct.pack("<HI6I", 1, 0, *[0] * 6))
    assert read_rcz(raw_file(HEAD, least, LATN)).pixels == PixelBlocks(1, b"", [b""] * 6)


def deflated(content: bytes, claim: int) -> bytes:
    """Return a dset chunk of `content` that claims `claim` bytes."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream = deflater.compress(content) + deflater.flush()
    return raw_chunk(b"dset", struct.pack("<2I", claim, zlib.crc32(content)) + stream)


@pytest.mark.parametrize("claim", [0, 99, 101, 2**20])
def test_data_set_of_another_length_than_claimed(claim: int) -> None:
    with pytest.raises(CorruptError):
        read_rcz(raw_file(HEAD, LATN, deflated(bytes(100), claim)))


def test_data_set_with_bytes_behind_it() -> None:
    chunk = deflated(b"abc", 3)
    with pytest.raises(CorruptError):
        read_rcz(raw_file(HEAD, LATN, raw_chunk(b"dset", chunk[8:-4] + b"x")))
    with pytest.raises(CorruptError):  # The stream does not end.
        read_rcz(raw_file(HEAD, LATN, raw_chunk(b"dset", chunk[8:-5])))


def test_unknown_chunks() -> None:
    note = raw_chunk(b"note", b"anything")
    assert read_rcz(raw_file(HEAD, note, LATN, note)) == read_rcz(raw_file(HEAD, LATN))
    with pytest.raises(UnsupportedVersionError, match="NOTE"):
        read_rcz(raw_file(HEAD, raw_chunk(b"NOTE", b""), LATN))


@pytest.mark.parametrize(
    ("limits", "error"),
    [
        (Limits(pixels=70 * 130), None),
        (Limits(pixels=70 * 130 - 1), "pixels"),
        (Limits(side=130), None),
        (Limits(side=129), "side"),
        (Limits(dataset=168), None),
        (Limits(dataset=167), "data set"),
    ],
)
def test_each_limit_on_both_sides(limits: Limits, error: str | None) -> None:
    file = small_file()
    data = write_rcz(file)
    if error is None:
        assert read_rcz(data, limits) == file
        assert write_rcz(file, limits) == data
        return
    with pytest.raises(LimitError, match=error):
        read_rcz(data, limits)
    with pytest.raises(LimitError, match=error):
        write_rcz(file, limits)


def hostile_files() -> list[bytes]:
    """Return small files that claim more than they hold."""
    huge = bytearray(small_header().pack())
    huge[10:18] = b"\xff" * 8
    wide = replace(small_header(), rows=2**10, columns=2**18, tile_log2=6).pack()
    many = struct.pack("<7I", 2**32 - 1, *[2**32 - 1] * 6)
    return [
        raw_file(raw_chunk(b"HEAD", bytes(huge)), LATN),
        raw_file(raw_chunk(b"HEAD", wide), LATN),
        raw_file(HEAD, raw_chunk(b"LATN", many)),
        raw_file(HEAD, raw_chunk(b"LATN", b"", length=2**32 - 1)),
        raw_file(HEAD, raw_chunk(b"PIXL", struct.pack("<HI", 1, 2**32 - 1)), LATN),
        raw_file(HEAD, raw_chunk(b"PIXL", struct.pack("<HI6I", 1, 0, *[2**32 - 1] * 6)), LATN),
        raw_file(raw_chunk(b"HEAD", wide), raw_chunk(b"PIXL", struct.pack("<HI", 1, 0)), LATN),
        raw_file(HEAD, LATN, deflated(bytes(2**24), 2**32 - 1)),
        raw_file(HEAD, LATN, deflated(bytes(2**24), 10)),
        raw_file(HEAD, LATN, deflated(b"x", 2**26)),
    ]


@pytest.mark.parametrize("index", range(len(hostile_files())))
def test_claims_take_no_memory(index: int) -> None:
    data = hostile_files()[index]
    tracemalloc.start()
    try:
        with pytest.raises(RadcodecError):
            read_rcz(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * len(data) + 2**20


def test_a_data_set_of_the_right_length_but_other_bytes() -> None:
    chunk = deflated(b"abc", 3)
    payload = chunk[8:12] + struct.pack("<I", zlib.crc32(b"abd")) + chunk[16:-4]
    with pytest.raises(CorruptError, match="other bytes"):
        read_rcz(raw_file(HEAD, LATN, raw_chunk(b"dset", payload)))


def test_the_dictionary_is_that_of_the_document() -> None:
    root = Path(__file__).resolve().parents[2]
    dictionary = (root / "radcodec" / "container" / "dataset-1.dict").read_bytes()
    digest = hashlib.sha256(dictionary).hexdigest()
    document = (root / "docs" / "format.md").read_text(encoding="utf-8")
    assert f"{len(dictionary)} bytes with the SHA-256\n`{digest}`" in document


def test_data_sets_are_deflated_with_the_dictionary() -> None:
    root = Path(__file__).resolve().parents[2]
    dictionary = (root / "radcodec" / "container" / "dataset-1.dict").read_bytes()
    file = small_file(dataset=dictionary[-600:] + b"something else")
    data = write_rcz(file)
    chunk = next(entry for entry in list_chunks(data) if entry.type == "dset")
    assert chunk.length < 64
    stream = data[chunk.offset + 16 : chunk.offset + 8 + chunk.length]
    assert zlib.decompressobj(-15, dictionary).decompress(stream) == file.dataset
    assert read_rcz(data) == file
