"""Planes: every field out of range, chunks in the wrong place, lengths that do not fit."""

from __future__ import annotations

from typing import Any

import pytest

from radcodec.container import (
    Header,
    PixelBlocks,
    Plane,
    RczFile,
    Refinement,
    Residual,
    list_chunks,
    read_rcz,
    write_rcz,
)
from radcodec.container.chunks import SIGNATURE_LENGTH, TAIL_SIZE
from radcodec.errors import CorruptError, FormatError, UnsupportedVersionError

from .samples import (
    FILT,
    HEAD,
    JPEGLS_PLAN,
    JPLS,
    LATN,
    MASK,
    MODEL,
    OTHER_MODEL,
    PIXEL_PLAN,
    PIXEL_PLANNED,
    PIXELS,
    PIXL,
    PLAN,
    PLANNED,
    REFINED,
    REFN,
    RESD,
    RESIDUAL,
    TILES,
    UNUS,
    UNUSED,
    jpegls_plane,
    one_plane,
    pixel_plane,
    raw_chunk,
    raw_file,
    small_header,
    small_plane,
    vi,
    vu,
)

#: Chunks that belong to planes, by name.
OF_PLANES = {
    "MASK": MASK,
    "PIXL": PIXL,
    "LATN": LATN,
    "REFN": REFN,
    "FILT": FILT,
    "RESD": RESD,
    "JPLS": JPLS,
    "UNUS": UNUS,
}


def changed(payload: bytes, offset: int, value: bytes) -> bytes:
    """Return a payload with some of its bytes replaced."""
    return payload[:offset] + value + payload[offset + len(value) :]


def planned(low: int, span: int) -> bytes:
    """Return the payload of a PLAN with another intensity map."""
    return PLANNED[:3] + vi(low) + vu(span) + bytes(4) + MODEL


def test_layout_of_a_plane_is_the_documented_one() -> None:
    file = read_rcz(raw_file(HEAD, PLAN, MASK, PIXL, LATN, REFN, FILT, RESD, UNUS))
    assert file.planes == [
        Plane(
            "networks",
            -1024,
            2047,
            0,
            2,
            100,
            MODEL,
            [b"a", b"b", b"c", b"d", b"e", b"f"],
            (5, b"mask"),
            PixelBlocks(7, b"flags", [b"a", b"", b"bc", b"", b"", b""]),
            Refinement(1, 9, OTHER_MODEL, [b"u", b"v", b"w", b"x", b"y", b"z"]),
            b"filter",
            Residual(3, [b"x", b"", b"", b"yz", b"", b""]),
            None,
            ((12, b"ab"), (14, b"")),
        )
    ]
    assert write_rcz(file) == raw_file(HEAD, PLAN, MASK, PIXL, LATN, REFN, FILT, RESD, UNUS)


def test_layout_of_the_other_codings_is_the_documented_one() -> None:
    head = raw_chunk(b"HEAD", small_header(frames=2).pack())
    data = raw_file(head, PIXEL_PLAN, MASK, RESD, UNUS, JPEGLS_PLAN, JPLS, UNUS)
    file = read_rcz(data)
    unused = ((12, b"ab"), (14, b""))
    residual = Residual(3, [b"x", b"", b"", b"yz", b"", b""])
    assert file.planes == [
        Plane("pixels", 0, 100, mask=(5, b"mask"), residual=residual, unused=unused),
        Plane("jpegls", 0, 100, stream=b"stream", unused=unused),
    ]
    assert write_rcz(file) == data


@pytest.mark.parametrize(
    "order",
    [
        [PLAN, PIXL, MASK, LATN, REFN, FILT, RESD, UNUS],
        [PLAN, UNUS, MASK, PIXL, LATN, REFN, FILT, RESD],
        [PLAN, MASK, PIXL, UNUS, LATN, REFN, FILT, RESD],
        [PLAN, MASK, PIXL, LATN, UNUS, REFN, FILT, RESD],
    ],
)
def test_orders_that_are_allowed(order: list[bytes]) -> None:
    usual = read_rcz(raw_file(HEAD, PLAN, MASK, PIXL, LATN, REFN, FILT, RESD, UNUS))
    assert read_rcz(raw_file(HEAD, *order)) == usual


@pytest.mark.parametrize(
    ("chunks", "message"),
    [
        ([], "ends early"),
        ([PLAN, LATN, HEAD], "first chunk is PLAN"),
        ([HEAD], "counts 1 planes"),
        ([HEAD, HEAD, PLAN, LATN], "two HEAD"),
        ([HEAD, PLAN, LATN, HEAD], "two HEAD"),
        ([raw_chunk(b"n", b""), HEAD, PLAN, LATN], "first chunk is n"),
        *(
            ([HEAD, chunk, PLAN, LATN], f"{name} chunk belongs to no plane")
            for name, chunk in OF_PLANES.items()
        ),
        *(
            ([HEAD, PLAN, raw_chunk(b"dset", b""), chunk], "belongs to no plane")
            for chunk in OF_PLANES.values()
        ),
        *(
            ([HEAD, PLAN, MASK, PIXL, LATN, REFN, FILT, RESD, UNUS, chunk], "two|after")
            for chunk in (MASK, PIXL, LATN, REFN, FILT, RESD, UNUS)
        ),
        ([HEAD, PLAN, MASK, MASK, LATN], "two MASK"),
        ([HEAD, PLAN, PIXL, PIXL, LATN], "two PIXL"),
        ([HEAD, PLAN, LATN, LATN], "two LATN"),
        ([HEAD, PLAN, LATN, REFN, REFN], "two REFN"),
        ([HEAD, PLAN, LATN, FILT, FILT], "two FILT"),
        ([HEAD, PLAN, LATN, RESD, RESD], "two RESD"),
        ([HEAD, PLAN, UNUS, LATN, UNUS], "two UNUS"),
        ([HEAD, JPEGLS_PLAN, JPLS, JPLS], "two JPLS"),
        ([HEAD, PLAN, REFN, LATN], "REFN chunk comes before"),
        ([HEAD, PLAN, FILT, LATN], "FILT chunk comes before"),
        ([HEAD, PLAN, LATN, MASK], "MASK chunk comes after"),
        ([HEAD, PLAN, LATN, PIXL], "PIXL chunk comes after"),
        ([HEAD, PLAN, RESD, LATN], "LATN chunk comes after"),
        ([HEAD, PLAN, LATN, RESD, REFN], "REFN chunk comes after the RESD"),
        ([HEAD, PLAN, LATN, FILT, REFN], "REFN chunk comes after the FILT"),
        ([HEAD, PLAN, LATN, RESD, FILT], "FILT chunk comes after the RESD"),
        ([HEAD, PIXEL_PLAN, RESD, MASK], "MASK chunk comes after"),
        ([HEAD, PLAN, LATN, PLAN, LATN], "counts 1 planes, but the file has 2"),
        ([HEAD, PLAN, PLAN, LATN], "counts 1 planes, but the file has 2"),
        ([HEAD, PLAN], "no LATN"),
        ([HEAD, PLAN, MASK, PIXL], "no LATN"),
        ([HEAD, PLAN, RESD], "no LATN"),
        ([HEAD, PIXEL_PLAN, MASK], "no RESD"),
        ([HEAD, JPEGLS_PLAN, UNUS], "no JPLS"),
        ([HEAD, PLAN, LATN, JPLS], "JPLS.*does not go with the coding networks"),
        ([HEAD, PIXEL_PLAN, LATN, RESD], "LATN.*does not go with the coding pixels"),
        ([HEAD, PIXEL_PLAN, PIXL, RESD], "PIXL.*does not go with the coding pixels"),
        ([HEAD, PIXEL_PLAN, FILT, RESD], "FILT chunk comes before"),
        ([HEAD, PIXEL_PLAN, RESD, JPLS], "JPLS.*does not go with the coding pixels"),
        ([HEAD, JPEGLS_PLAN, JPLS, RESD], "RESD.*does not go with the coding jpegls"),
        ([HEAD, JPEGLS_PLAN, MASK, JPLS], "MASK.*does not go with the coding jpegls"),
        ([HEAD, JPEGLS_PLAN, LATN, REFN, JPLS], "LATN.*does not go with the coding jpegls"),
        ([HEAD, PLAN, LATN, raw_chunk(b"1", b"")], "no valid type"),
        ([HEAD, PLAN, LATN, raw_chunk(b"\xff", b"")], "no valid type"),
    ],
)
def test_rules_on_chunks(chunks: list[bytes], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        read_rcz(raw_file(*chunks, tail=bool(chunks)))


@pytest.mark.parametrize("place", range(2, 10))
def test_unknown_chunks(place: int) -> None:
    chunks = [HEAD, PLAN, MASK, PIXL, LATN, REFN, FILT, RESD, UNUS, raw_chunk(b"n", b"nothing")]
    usual = read_rcz(raw_file(*chunks))
    with_note = chunks[:place] + [raw_chunk(b"n", b"anything")] * 2 + chunks[place:]
    assert read_rcz(raw_file(*with_note)) == usual
    critical = [*chunks[:place], raw_chunk(b"N", b""), *chunks[place:]]
    with pytest.raises(UnsupportedVersionError, match="the chunk N at"):
        read_rcz(raw_file(*critical))


@pytest.mark.parametrize(
    ("payload", "error", "message"),
    [
        (b"", CorruptError, "0 bytes, too few"),
        (PLANNED[:3], CorruptError, "3 bytes, too few"),
        (PLANNED[:4], CorruptError, "4 bytes, too few"),
        (PLANNED[:10], CorruptError, "10 bytes, too few"),
        (PLANNED[:-1], CorruptError, "14 bytes, too few"),
        (PLANNED + b"x", CorruptError, "16 bytes, 1 too many"),
        (PLANNED[:4] + b"\x8f\0" + PLANNED[5:], CorruptError, "shortest form"),
        (changed(PLANNED, 0, b"\3"), UnsupportedVersionError, "coding is 3"),
        (changed(PLANNED, 1, b"\0"), UnsupportedVersionError, "depth is 0"),
        (changed(PLANNED, 1, b"\5"), UnsupportedVersionError, "depth is 5"),
        (planned(-2049, 9), FormatError, "intensity map is -2049..-2040"),
        (planned(-9, 2057), FormatError, "intensity map is -9..2048"),
        (planned(5, 2**32 - 1), FormatError, "intensity map"),
        (changed(PLANNED, 0, b"\1"), CorruptError, "15 bytes, 4 too many"),
    ],
)
def test_plans_out_of_range(payload: bytes, error: type[FormatError], message: str) -> None:
    with pytest.raises(error, match=f"PLAN.*{message}"):
        read_rcz(raw_file(HEAD, raw_chunk(b"PLAN", payload), LATN))


@pytest.mark.parametrize("code", [1, 2])
@pytest.mark.parametrize(
    ("offset", "value", "message"),
    [(1, b"\1", "depth without networks is 1"), (2, b"\1", "level without networks is 1")],
)
def test_plans_without_networks_have_none_of_their_fields(
    code: int, offset: int, value: bytes, message: str
) -> None:
    payload = changed(changed(PIXEL_PLANNED, 0, bytes([code])), offset, value)
    with pytest.raises(FormatError, match=message):
        read_rcz(raw_file(HEAD, raw_chunk(b"PLAN", payload), [b"", RESD, JPLS][code]))


def test_values_of_transformed_colour_have_the_range_of_their_plane() -> None:
    header = Header("xr", 8, 8, False, "png", 70, 130, False, 3, 1, "rgb", "ycocg-r")
    planes = [jpegls_plane(low=0, high=255), jpegls_plane(low=-256, high=255), jpegls_plane()]
    assert read_rcz(write_rcz(RczFile(header, planes))).planes == planes
    with pytest.raises(FormatError, match="intensity map"):
        write_rcz(RczFile(header, [jpegls_plane(low=-1), *planes[1:]]))
    data = write_rcz(RczFile(header, planes))
    plan = next(chunk for chunk in list_chunks(data) if chunk.type == "PLAN")
    payload = data[plan.begin : plan.begin + plan.length]
    wrong = raw_chunk(b"PLAN", changed(payload, 3, vi(-1)))
    chunks = [data[SIGNATURE_LENGTH : plan.offset], wrong, data[plan.end : -TAIL_SIZE]]
    with pytest.raises(FormatError, match="intensity map"):
        read_rcz(raw_file(*chunks))


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"", "MASK holds 0 bytes"),
        (b"\x80", "MASK holds 1 bytes"),
        (vi(2048), "2048 is not within -2048..2047"),
        (vi(-2049) + b"mask", "-2049 is not within -2048..2047"),
    ],
)
def test_masks_out_of_range(payload: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        read_rcz(raw_file(HEAD, PLAN, raw_chunk(b"MASK", payload), LATN))


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"", "bytes, too few"),
        (TILES[:4], "bytes, too few"),
        (TILES[:8], "bytes, too few"),
        (TILES[:-1], "a tile is empty"),
        (changed(TILES, 1, b"\0"), "a tile is empty"),
        (changed(TILES, 0, vu(2**32 - 1)), "bytes, too few"),
        (changed(TILES, 0, b"\x81\0"), "shortest form"),
    ],
)
def test_latents_that_do_not_fit_their_chunk(payload: bytes, message: str) -> None:
    with pytest.raises(CorruptError, match=f"LATN.*{message}"):
        read_rcz(raw_file(HEAD, PLAN, raw_chunk(b"LATN", payload)))
    with pytest.raises(CorruptError, match=f"REFN.*{message}"):
        refined = raw_chunk(b"REFN", REFINED[:6] + payload)
        read_rcz(raw_file(HEAD, PLAN, LATN, refined))


@pytest.mark.parametrize(
    ("payload", "error", "message"),
    [
        (b"", CorruptError, "0 bytes, too few"),
        (REFINED[:1], CorruptError, "1 bytes, too few"),
        (REFINED[:9], CorruptError, "9 bytes, too few"),
        (changed(REFINED, 0, b"\0"), FormatError, "depth 0 does not go with depth 2"),
        (changed(REFINED, 0, b"\2"), FormatError, "depth 2 does not go with depth 2"),
        (changed(REFINED, 0, b"\xff"), FormatError, "depth 255 does not go with depth 2"),
    ],
)
def test_refinements_out_of_range(payload: bytes, error: type[FormatError], message: str) -> None:
    with pytest.raises(error, match=f"REFN.*{message}"):
        read_rcz(raw_file(HEAD, PLAN, LATN, raw_chunk(b"REFN", payload)))


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"", "0 bytes, too few for its fields"),
        (PIXELS[:1], "1 bytes, too few for its fields"),
        (PIXELS[:6], "6 bytes, too few for its fields"),
        (PIXELS[:11], "11 bytes, too few for its fields"),
        (PIXELS[:14], "14 bytes, too few for its fields"),
        (b"\0" + PIXELS[1:], "step 0 is out of range"),
        (vu(65536) + PIXELS[1:], "step 65536 is out of range"),
        (PIXELS[:1] + vu(2**32 - 1) + PIXELS[2:], "too few for its fields"),
        (PIXELS[:7] + vu(2**32 - 1) + PIXELS[8:], "too few for its fields"),
        (PIXELS[:1] + b"\x85\0" + PIXELS[2:], "shortest form"),
    ],
)
def test_pixel_blocks_that_do_not_fit_their_chunk(payload: bytes, message: str) -> None:
    with pytest.raises(CorruptError, match=f"PIXL.*{message}.*again from its source"):
        read_rcz(raw_file(HEAD, PLAN, raw_chunk(b"PIXL", payload), LATN))


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"", "0 bytes, too few"),
        (RESIDUAL[:5], "5 bytes, too few"),
        (RESIDUAL[:8], "8 bytes, too few"),
        (changed(RESIDUAL, 0, b"\0"), "step 0 is out of range"),
        (vu(65537) + RESIDUAL[1:], "step 65537 is out of range"),
        (vu(2**32 - 1) + RESIDUAL[1:], "step 4294967295 is out of range"),
        (RESIDUAL[:1] + vu(2**32 - 1) + RESIDUAL[2:], "too few for its fields"),
        (RESIDUAL[:1] + b"\x81\0" + RESIDUAL[2:], "shortest form"),
    ],
)
@pytest.mark.parametrize("before", [[PIXEL_PLAN], [PLAN, LATN]])
def test_residuals_that_do_not_fit_their_chunk(
    payload: bytes, message: str, before: list[bytes]
) -> None:
    with pytest.raises(CorruptError, match=f"RESD.*{message}.*again from its source"):
        read_rcz(raw_file(HEAD, *before, raw_chunk(b"RESD", payload)))


def one_bit(bit: int) -> bytes:
    """Return the entry of a bit without a mask."""
    return bytes((bit, 0))


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"\x0c", "too few for its fields"),
        (UNUSED[:3], "too few for its fields"),
        (UNUSED[:-1], "too few for its fields"),
        (UNUSED + b"\x0f", "too few for its fields"),
        (UNUSED[:1] + vu(2**32 - 1) + UNUSED[2:], "too few for its fields"),
        (b"".join(one_bit(n) for n in range(17)), "too many bits"),
        (one_bit(11), "bit 11 is not one"),
        (one_bit(16), "bit 16 is not one"),
        (one_bit(255), "bit 255 is not one"),
        (one_bit(13) + one_bit(12), "ascending"),
        (one_bit(13) + one_bit(13), "ascending"),
    ],
)
def test_unused_bits_out_of_range(payload: bytes, message: str) -> None:
    for before in ([PLAN, LATN], [PIXEL_PLAN, RESD], [JPEGLS_PLAN, JPLS]):
        with pytest.raises(FormatError, match=f"UNUS.*{message}"):
            read_rcz(raw_file(HEAD, *before, raw_chunk(b"UNUS", payload)))


def test_unused_bits_are_of_grey_and_of_palettes_alone() -> None:
    header = Header("xr", 16, 12, False, "png", 70, 130, False, 3, 1, "rgb")
    first = jpegls_plane(low=0, unused=((12, b""),))
    with pytest.raises(FormatError, match="UNUS"):
        write_rcz(RczFile(header, [first, jpegls_plane(low=0), jpegls_plane(low=0)]))
    palette = small_header(colour="palette", inverted=False)
    file = RczFile(palette, [jpegls_plane(unused=((12, b""),))])
    assert read_rcz(write_rcz(file)) == file


@pytest.mark.parametrize(
    "plane",
    [
        small_plane(coding="wavelets"),
        small_plane(depth=0),
        small_plane(depth=5),
        small_plane(level=256),
        small_plane(level=-1),
        small_plane(model_id=MODEL + b"x"),
        small_plane(model_id=MODEL[:-1]),
        small_plane(model_id=b""),
        small_plane(low=-2049),
        small_plane(high=2048),
        small_plane(low=5, high=4),
        small_plane(checksum=2**32),
        small_plane(checksum=-1),
        small_plane(tiles=[b"a"] * 5),
        small_plane(tiles=[b"a"] * 7),
        small_plane(tiles=[b"a"] * 5 + [b""]),
        small_plane(mask=(2048, b"")),
        small_plane(refinement=Refinement(2, 0, MODEL, [b"a"] * 6)),
        small_plane(refinement=Refinement(0, 0, MODEL, [b"a"] * 6)),
        small_plane(refinement=Refinement(1, 256, MODEL, [b"a"] * 6)),
        small_plane(refinement=Refinement(1, 0, MODEL[:-1], [b"a"] * 6)),
        small_plane(refinement=Refinement(1, 0, MODEL + b"x", [b"a"] * 6)),
        small_plane(refinement=Refinement(1, 0, MODEL, [b"a"] * 5)),
        small_plane(pixels=PixelBlocks(0, b"", [b""] * 6)),
        small_plane(pixels=PixelBlocks(2**16, b"", [b""] * 6)),
        small_plane(pixels=PixelBlocks(1, b"", [b""] * 5)),
        small_plane(pixels=PixelBlocks(1, b"", [b""] * 7)),
        small_plane(residual=Residual(0, [b""] * 6)),
        small_plane(residual=Residual(2**16 + 1, [b""] * 6)),
        small_plane(residual=Residual(1, [b""] * 5)),
        small_plane(stream=b"JPEG-LS"),
        small_plane(unused=((11, b""),)),
        small_plane(unused=((16, b""),)),
        small_plane(unused=((13, b""), (12, b""))),
        pixel_plane(depth=1),
        pixel_plane(level=1),
        pixel_plane(model_id=MODEL),
        pixel_plane(tiles=[b"a"] * 6),
        pixel_plane(residual=None),
        pixel_plane(pixels=PixelBlocks(1, b"", [b""] * 6)),
        pixel_plane(stream=b"JPEG-LS"),
        jpegls_plane(stream=None),
        jpegls_plane(mask=(0, b"")),
        jpegls_plane(residual=Residual(1, [b""] * 6)),
        jpegls_plane(refinement=Refinement(1, 0, MODEL, [b"a"] * 6)),
    ],
)
def test_writer_refuses_what_the_reader_would(plane: Plane) -> None:
    with pytest.raises(FormatError):
        write_rcz(RczFile(small_header(), [plane]))


@pytest.mark.parametrize("changes", [{}, {"refinement": None}, {"mask": None, "unused": ()}])
def test_what_is_left_out_stays_out(changes: dict[str, Any]) -> None:
    file = one_plane(**changes)
    assert read_rcz(write_rcz(file)) == file
