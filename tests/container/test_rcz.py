"""Round trips of whole files, and files that break a rule though their CRCs fit."""

from __future__ import annotations

import hashlib
import struct
import tracemalloc
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radcodec.container import (
    Header,
    Limits,
    Quality,
    RczFile,
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

from .samples import (
    HEAD,
    LATN,
    LETTERS,
    PIXEL_PLAN,
    PLAN,
    files,
    headers,
    raw_chunk,
    raw_file,
    small_file,
    small_header,
    small_plane,
    vu,
)


@settings(max_examples=100, deadline=None)
@given(files())
def test_every_field_comes_back(file: RczFile) -> None:
    assert read_rcz(write_rcz(file)) == file


@settings(max_examples=60, deadline=None)
@given(headers(), st.integers(1, 4))
def test_tile_slices_cover_the_latent_once(header: Header, depth: int) -> None:
    grid = header.grid(depth)
    slices = grid.tile_slices
    assert len(slices) == grid.tile_count == header.grid(1).tile_count == len(grid.pixel_tiles)
    area = sum((r.stop - r.start) * (c.stop - c.start) for r, c in slices)
    assert area == grid.latent_shape[0] * grid.latent_shape[1]
    pixels = sum((r.stop - r.start) * (c.stop - c.start) for r, c in grid.pixel_tiles)
    assert pixels == header.rows * header.columns


def test_chunks_are_listed_in_order() -> None:
    data = write_rcz(small_file())
    entries = list_chunks(data)
    assert [e.type for e in entries] == [
        "HEAD", "dset", "PLAN", "MASK", "PIXL", "LATN", "REFN", "FILT", "RESD", "UNUS", "PLAN",
        "MASK", "RESD", "PLAN", "JPLS", "qual", "TAIL",
    ]  # fmt: skip
    assert entries[0] == ("HEAD", 12, 8)
    assert all(data[e.offset : e.offset + 1] == LETTERS[e.type.encode()] for e in entries)


def test_layout_of_the_header_is_the_documented_one() -> None:
    header = small_header(frames=7)
    payload = header.pack()
    assert payload[:3] == bytes([3, 0xF0 | 11, 0x16])
    assert payload[3:] == vu(70) + vu(130) + vu(7) + vu(0)
    assert header.uncompressed_bytes == 70 * 130 * 2 * 7
    colour = Header("xr", 8, 8, False, "png", 5, 6, False, 3, 2, "rgb", "ycocg-r", max_error=0)
    payload = colour.pack()
    assert payload[:3] == bytes([0xA1, 7, 0x1A])
    assert payload[3:] == bytes([5, 6, 2, 1])
    assert colour.uncompressed_bytes == 5 * 6 * 3 * 2
    assert colour.plane_count == 6


def test_planes_of_transformed_colour_take_a_bit_more() -> None:
    header = Header("xr", 8, 7, False, "png", 5, 6, False, 3, 1, "rgb", "ycocg-r")
    assert [header.plane_bits(n) for n in range(3)] == [(7, False), (8, True), (8, True)]
    assert [header.plane_range(n) for n in range(3)] == [(0, 127), (-128, 127), (-128, 127)]
    plain = replace(header, transform="none")
    assert [plain.plane_range(n) for n in range(3)] == 3 * [(0, 127)]
    assert small_header().plane_range(0) == small_header().stored_range == (-2048, 2047)


#: Headers of each colour, to be changed a byte at a time.
GREY = small_header()
RGB = Header("xr", 16, 15, False, "png", 9, 9, False, 3, 1, "rgb", "ycocg-r")


@pytest.mark.parametrize(
    ("header", "offset", "value", "error"),
    [
        (GREY, 0, 5, UnsupportedVersionError),
        (GREY, 0, 15, UnsupportedVersionError),
        (GREY, 0, 0x43, UnsupportedVersionError),  # a colour not known
        (GREY, 0, 0x13, FormatError),  # an inverted palette
        (GREY, 0, 0x23, FormatError),  # inverted red, green and blue
        (GREY, 0, 0x83, FormatError),  # grey, but transformed
        (GREY, 1, 0xEB, FormatError),  # fewer bits allocated than stored
        (RGB, 1, 0x5E, FormatError),  # inverted colour
        (RGB, 1, 0x3E, FormatError),  # signed, but transformed
        (RGB, 1, 0x1F, FormatError),  # 16 bits, but transformed
        (RGB, 0, 0xB1, FormatError),  # YBR, but transformed
        (GREY, 2, 0x06, UnsupportedVersionError),
        (GREY, 2, 0x26, UnsupportedVersionError),
        (GREY, 2, 0x15, FormatError),
        (GREY, 2, 0x10, FormatError),
        (GREY, 6, 0, FormatError),  # no frame
        (GREY, 3, 0, FormatError),  # no row
        (GREY, 7, 0x80, CorruptError),  # a bound that does not end
    ],
)
def test_header_fields_out_of_range(
    header: Header, offset: int, value: int, error: type[FormatError]
) -> None:
    payload = bytearray(header.pack())
    assert payload[offset] != value
    payload[offset] = value
    with pytest.raises(error, match="HEAD") as raised:
        read_rcz(raw_file(raw_chunk(b"HEAD", bytes(payload)), PLAN, LATN))
    assert type(raised.value) is error


@pytest.mark.parametrize("field", ["rows", "columns", "frames"])
def test_reader_refuses_images_of_nothing(field: str) -> None:
    sides = {"rows": 70, "columns": 130, "frames": 1, field: 0}
    payload = small_header().pack()[:3] + b"".join(map(vu, sides.values())) + b"\0"
    with pytest.raises(FormatError, match=f"HEAD.*{field}"):
        read_rcz(raw_file(raw_chunk(b"HEAD", payload), PLAN, LATN))


@pytest.mark.parametrize(("bound", "fits"), [(0, True), (4095, True), (4096, False)])
def test_bounds_are_within_what_the_bits_hold(bound: int, fits: bool) -> None:
    payload = small_header().pack()[:-1] + vu(bound + 1)
    data = raw_file(raw_chunk(b"HEAD", payload), PLAN, LATN)
    if fits:
        assert read_rcz(data).header.max_error == bound
    else:
        with pytest.raises(FormatError, match="maximum error"):
            read_rcz(data)


@pytest.mark.parametrize("length", [0, 2, 7, 9, 40])
def test_a_header_of_another_length(length: int) -> None:
    payload = (small_header().pack() + bytes(40))[:length]
    with pytest.raises(CorruptError, match=f"HEAD.*holds {length} bytes"):
        read_rcz(raw_file(raw_chunk(b"HEAD", payload), PLAN, LATN))


@pytest.mark.parametrize(
    "header",
    [
        small_header(modality="us"),
        small_header(source="tiff"),
        small_header(colour="cmyk"),
        small_header(colour="rgb"),
        small_header(colour="palette"),
        small_header(samples=3),
        small_header(transform="ycocg-r"),
        small_header(transform="dct"),
        small_header(bits_stored=0),
        small_header(bits_stored=17),
        small_header(bits_allocated=12),
        small_header(rows=2**32),
        small_header(columns=0),
        small_header(frames=0),
        small_header(frames=2**32),
        small_header(coder=2),
        small_header(tile_log2=5),
        small_header(max_error=-1),
        small_header(max_error=4096),
        replace(RGB, signed=True),
        replace(RGB, bits_stored=16),
        replace(RGB, inverted=True),
        replace(RGB, samples=1),
    ],
)
def test_writer_refuses_headers_that_the_reader_would(header: Header) -> None:
    with pytest.raises(FormatError, match="HEAD"):
        write_rcz(RczFile(header, [small_plane()]))


@pytest.mark.parametrize(
    "quality",
    [
        Quality(float("nan"), 0, bytes(16)),
        Quality(float("-inf"), 0, bytes(16)),
        Quality(40.0, 2**32, bytes(16)),
        Quality(40.0, -1, bytes(16)),
        Quality(40.0, 0, b""),
    ],
)
def test_writer_refuses_measurements_that_cannot_be(quality: Quality) -> None:
    with pytest.raises(FormatError, match="qual"):
        write_rcz(small_file(quality=quality))


@pytest.mark.parametrize(
    "chunk",
    [
        raw_chunk(b"dset", b"abc"),
        raw_chunk(b"dset", struct.pack("<2I", 5, 0) + b"\xff\xff"),
        raw_chunk(b"qual", b""),
        raw_chunk(b"qual", struct.pack("<fI16s", float("nan"), 0, b"")),
        raw_chunk(b"qual", struct.pack("<fI15s", 40, 0, b"")),
        raw_chunk(b"qual", struct.pack("<fI17s", 40, 0, b"")),
    ],
)
def test_chunks_of_the_whole_file_that_are_wrong(chunk: bytes) -> None:
    for order in ([HEAD, chunk, PLAN, LATN], [HEAD, PLAN, LATN, chunk]):
        with pytest.raises(FormatError, match="dset" if chunk[:1] == b"d" else "qual"):
            read_rcz(raw_file(*order))


def deflated(content: bytes, claim: int) -> bytes:
    """Return a dset chunk of `content` that claims `claim` bytes."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream = deflater.compress(content) + deflater.flush()
    return raw_chunk(b"dset", struct.pack("<2I", claim, zlib.crc32(content)) + stream)


@pytest.mark.parametrize("claim", [0, 99, 101, 2**20])
def test_data_set_of_another_length_than_claimed(claim: int) -> None:
    with pytest.raises(CorruptError):
        read_rcz(raw_file(HEAD, PLAN, LATN, deflated(bytes(100), claim)))


def test_data_set_with_bytes_behind_it() -> None:
    chunk = deflated(b"abc", 3)
    with pytest.raises(CorruptError):
        read_rcz(raw_file(HEAD, PLAN, LATN, raw_chunk(b"dset", chunk[2:-4] + b"x")))
    with pytest.raises(CorruptError):  # The stream does not end.
        read_rcz(raw_file(HEAD, PLAN, LATN, raw_chunk(b"dset", chunk[2:-5])))


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
    huge = small_header().pack()[:3] + 2 * vu(2**32 - 1) + vu(1) + vu(0)
    wide = replace(small_header(), rows=2**10, columns=2**18, tile_log2=6).pack()
    crowd = small_header(frames=10**9).pack()
    most = small_header(frames=2**32 - 1).pack()
    many = 5 * vu(2**32 - 1)
    none = raw_chunk(b"RESD", b"\1")
    return [
        raw_file(raw_chunk(b"HEAD", huge), PLAN, LATN),
        raw_file(raw_chunk(b"HEAD", wide), PLAN, LATN),
        raw_file(raw_chunk(b"HEAD", wide), PIXEL_PLAN, none),
        raw_file(raw_chunk(b"HEAD", crowd), PLAN, LATN),
        raw_file(raw_chunk(b"HEAD", most), PLAN, LATN),
        raw_file(HEAD, PLAN, raw_chunk(b"LATN", many)),
        raw_file(HEAD, PLAN, raw_chunk(b"LATN", b"", length=2**32 - 1)),
        raw_file(HEAD, PLAN, raw_chunk(b"PIXL", b"\1" + vu(2**32 - 1)), LATN),
        raw_file(HEAD, PLAN, raw_chunk(b"PIXL", b"\1\0" + many), LATN),
        raw_file(raw_chunk(b"HEAD", wide), PLAN, raw_chunk(b"PIXL", b"\1\0"), LATN),
        raw_file(HEAD, PIXEL_PLAN, raw_chunk(b"RESD", b"\1" + many)),
        raw_file(HEAD, PLAN, LATN, raw_chunk(b"UNUS", b"\x0c" + vu(2**32 - 1))),
        raw_file(HEAD, PLAN, LATN, deflated(bytes(2**24), 2**32 - 1)),
        raw_file(HEAD, PLAN, LATN, deflated(bytes(2**24), 10)),
        raw_file(HEAD, PLAN, LATN, deflated(b"x", 2**26)),
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
    payload = chunk[2:6] + struct.pack("<I", zlib.crc32(b"abd")) + chunk[10:-4]
    with pytest.raises(CorruptError, match="other bytes"):
        read_rcz(raw_file(HEAD, PLAN, LATN, raw_chunk(b"dset", payload)))


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
    stream = data[chunk.begin + 8 : chunk.begin + chunk.length]
    assert zlib.decompressobj(-15, dictionary).decompress(stream) == file.dataset
    assert read_rcz(data) == file
