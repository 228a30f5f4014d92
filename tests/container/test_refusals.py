"""What the format forbids is refused by the independent decoder as it is by the package."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from radcodec.codec import check, decode_plane
from radcodec.container import DIGEST_LENGTH, PixelBlocks, Plane, Quality, Residual, write_rcz
from radcodec.entropy.mask import encode_mask
from radcodec.errors import CorruptError, RadcodecError
from tests import independent_decoder as second
from tests.codec.samples import scene
from tests.entropy.inventing import Inventor
from tests.hostile.attempts import joined, number_at, split
from tests.independent_entropy import Refused, values_in_use

from .made import (
    COLUMNS,
    ROWS,
    Nets,
    data_of,
    decoded_twice,
    file_of,
    header_for,
    jpegls_plane,
    networks_plane,
    pixel_plane,
    some_mask,
)
from .samples import vu

Change = Callable[[bytes], bytes]
Files = dict[str, bytes]


@pytest.fixture(scope="module")
def files(nets: Nets) -> Files:
    """Return a file of every coding by name, and one in colour."""
    header = header_for(12, signed=True)
    made = networks_plane(
        nets, header, masked=True, refined=True, filtered=True, step=3, residual=5
    )
    unused = tuple((bit, encode_mask(some_mask(np.random.default_rng(bit)))) for bit in (12, 15))
    plane = replace(made.plane, unused=unused)
    whole = replace(file_of(header, [plane], nets.store), dataset=b"DICM" * 40)
    values = second.decode(write_rcz(whole), nets.folders).astype("<i4")
    digest = hashlib.sha256(values.tobytes()).digest()[:DIGEST_LENGTH]
    whole = replace(whole, quality=Quality(40.0, 9, digest))
    small = header_for(8, rows=20, columns=30)
    colour = replace(small, samples=3, colour="rgb", transform="ycocg-r")
    waves = scene(1, 3, 20, 30, 8)[0]
    return {
        "networks": write_rcz(whole),
        "pixels": data_of(nets, small, pixel_plane(waves[0], small)),
        "jpegls": data_of(nets, small, jpegls_plane(waves[0], small, 0, 0)),
        "rgb": data_of(nets, colour, *(pixel_plane(values, colour) for values in waves)),
    }


def refused_by_both(nets: Nets, data: bytes, rule: str) -> None:
    """See that neither decoder makes an image of a file, the second because of a rule."""
    with pytest.raises(Refused, match=rule):
        second.decode(data, nets.folders)
    with pytest.raises(RadcodecError):
        check(data, models=nets.store)


def test_the_files_are_sound(nets: Nets, files: Files) -> None:
    for data in files.values():
        own = check(data, models=nets.store)
        stored, _ = second.restore(data, nets.folders)
        assert np.array_equal(stored[0], own.frames[0].planes)


def put(at: int, layout: str, *values: float) -> Change:
    """Return what writes fields into a payload."""
    new = struct.pack("<" + layout, *values)
    return lambda payload: payload[:at] + new + payload[at + len(new) :]


def bits(place: int, width: int, value: int) -> Change:
    """Return what writes a field of so many bits into the first three bytes of a payload."""

    def change(payload: bytes) -> bytes:
        word = int.from_bytes(payload[:3], "little")
        word &= ~(((1 << width) - 1) << place)
        return (word | value << place).to_bytes(3, "little") + payload[3:]

    return change


def cut(length: int) -> Change:
    """Return what cuts a payload off."""
    return lambda payload: payload[:length]


def number(at: int, value: int, index: int = 0) -> Change:
    """Return what puts another number in the place of one of those from an offset on."""

    def change(payload: bytes) -> bytes:
        begin = at
        for _ in range(index):
            _, begin = number_at(payload, begin)
        _, end = number_at(payload, begin)
        return payload[:begin] + vu(value) + payload[end:]

    return change


def signed(at: int, value: int) -> Change:
    """Return what puts another number of either sign at an offset."""
    return number(at, 2 * value if value >= 0 else -2 * value - 1)


def plan(low: int, span: int) -> Change:
    """Return what changes the intensity map of a PLAN."""
    return lambda payload: number(3, span, 1)(signed(3, low)(payload))


def loose(at: int) -> Change:
    """Return what writes a number at an offset in another form than the shortest."""

    def change(payload: bytes) -> bytes:
        _, end = number_at(payload, at)
        return payload[: end - 1] + bytes((128 | payload[end - 1], 0)) + payload[end:]

    return change


def loose_span(payload: bytes) -> bytes:
    """Do so with the span of a PLAN, which lies behind another number."""
    return loose(number_at(payload, 3)[1])(payload)


def loose_length_of_tile(payload: bytes) -> bytes:
    """Write the first length of a PIXL, which lies behind the flags, in another form."""
    length, begin = number_at(payload, number_at(payload, 0)[1])
    return loose(begin + length)(payload)


def longer(payload: bytes) -> bytes:
    """Add a byte to a payload."""
    return payload + b"\1"


def much_longer(payload: bytes) -> bytes:
    """Add more bytes to a payload than a decoder of decisions may read beyond the last one."""
    return payload + b"\1" * 9


FIELDS = [
    *(("networks", "HEAD", bits(0, 4, v), "modality") for v in (5, 15)),
    *(("networks", "HEAD", bits(4, 3, v), "number of planes") for v in (2, 3)),
    *(("networks", "HEAD", bits(4, 3, v), "colour") for v in (4, 7)),
    *(("networks", "HEAD", change, "length of HEAD") for change in (cut(2), longer)),
    ("networks", "HEAD", bits(12, 1, 0), "bits"),
    ("rgb", "HEAD", bits(8, 5, 15), "bits"),
    ("rgb", "HEAD", bits(14, 1, 1), "inverted colour"),
    ("networks", "HEAD", bits(7, 1, 1), "colour transform"),
    ("rgb", "HEAD", bits(13, 1, 1), "colour transform"),
    ("rgb", "HEAD", bits(8, 5, 31), "colour transform"),
    ("rgb", "HEAD", bits(4, 3, 3), "colour transform"),
    *(("networks", "HEAD", bits(20, 4, v), "entropy coder") for v in (0, 2, 15)),
    *(("networks", "HEAD", bits(16, 4, v), "tile side") for v in (0, 5)),
    *(("networks", "HEAD", number(3, 0, index), "sides") for index in (0, 1)),
    ("networks", "HEAD", number(3, 0, 2), "frames"),
    *(("networks", "HEAD", number(3, v, 2), "number of planes") for v in (2, 2**32 - 1)),
    *(("networks", "HEAD", number(3, v, 3), "maximum error") for v in (4097, 2**32 - 1)),
    *(("networks", "HEAD", cut(length), "ends early") for length in (3, 6)),
    *(("networks", "HEAD", loose(at), "form of a number") for at in (3, 6)),
    ("networks", "HEAD", number(3, 2**32, 2), "form of a number"),
    ("networks", "HEAD", number(3, 2**35, 2), "length of a number"),
    *(("networks", "PLAN", put(0, "B", v), "coding") for v in (3, 255)),
    ("networks", "PLAN", put(0, "3B", 1, 0, 0), "length of PLAN"),
    *(("pixels", "PLAN", put(0, "B", v), "chunk|length") for v in (0, 2)),
    *(("networks", "PLAN", put(1, "B", v), "depth") for v in (0, 5, 3)),
    *(("pixels", "PLAN", put(at, "B", 1), "depth") for at in (1, 2)),
    *(("networks", "PLAN", plan(*v), "map") for v in ((-2049, 9), (-9, 2057), (9, 2**32 - 1))),
    ("networks", "PLAN", lambda p: p[:-8] + b"\1\0\0\0" + p[-4:], "CRC of the values"),
    ("networks", "PLAN", lambda p: p[:-4] + bytes(4), "no bundle"),
    *(("networks", "PLAN", change, "length of PLAN") for change in (cut(2), cut(-1), longer)),
    *(("networks", "PLAN", cut(length), "ends early") for length in (3, 4)),
    *(("networks", "PLAN", change, "form of a number") for change in (loose(3), loose_span)),
    *(("networks", "MASK", signed(0, v), "background") for v in (-2049, 2048)),
    *(("networks", "MASK", cut(length), "ends early") for length in (0, 1)),
    ("networks", "MASK", loose(0), "form of a number"),
    ("networks", "MASK", put(2, "4B", *b"\xff" * 4), "start as none can"),
    ("networks", "MASK", lambda payload: payload + b"\0", "end in zero"),
    ("networks", "MASK", lambda payload: payload + b"\1" * 9, "bytes behind the mask"),
    *(("networks", "PIXL", number(0, v), "fields of PIXL") for v in (0, 65536)),
    ("networks", "PIXL", cut(2), "fields of PIXL"),
    ("networks", "PIXL", cut(1), "ends early"),
    ("networks", "PIXL", number(0, 2**32 - 1, 1), "fields of PIXL"),
    *(("networks", "PIXL", loose(at), "form of a number") for at in (0, 1)),
    ("networks", "PIXL", loose_length_of_tile, "form of a number"),
    # The last stream takes what is left, so what is too many or too few is in it.
    ("networks", "PIXL", cut(-1), "CRC of the values"),
    ("networks", "PIXL", much_longer, "bytes behind the values"),
    *(("networks", "LATN", number(0, v), "lengths of tiles") for v in (4000, 2**32 - 1)),
    ("networks", "LATN", number(0, 0), "is empty"),
    ("networks", "LATN", loose(0), "form of a number"),
    *(("networks", "LATN", cut(length), "ends early") for length in (0, 1)),
    ("networks", "LATN", cut(-1), "is empty"),
    ("networks", "LATN", longer, "bytes behind the tile"),
    *(("networks", "REFN", put(0, "B", v), "fields of REFN") for v in (0, 2)),
    ("networks", "REFN", put(2, "I", 1), "no bundle"),
    ("networks", "REFN", cut(5), "length of REFN"),
    ("networks", "REFN", cut(6), "ends early"),
    ("networks", "REFN", cut(-1), "is empty"),
    ("networks", "REFN", longer, "bytes behind the tile"),
    ("networks", "REFN", loose(6), "form of a number"),
    ("networks", "FILT", lambda payload: b"\xff" * 4 + payload[4:], "start as none can"),
    ("networks", "FILT", lambda payload: payload + b"\0", "end in zero"),
    ("networks", "FILT", much_longer, "bytes behind the weights"),
    # Zeros follow what is cut off: other weights, which the residual or the values tell.
    *(("networks", "FILT", cut(length), "residual|CRC of the values") for length in (0, 40)),
    *(("networks", "RESD", number(0, v), "step of RESD") for v in (0, 65536, 2**32 - 1)),
    ("networks", "RESD", number(0, 2**32 - 1, 1), "lengths of tiles"),
    *(("networks", "RESD", cut(length), "ends early") for length in (0, 1)),
    *(("networks", "RESD", loose(at), "form of a number") for at in (0, 1)),
    ("networks", "RESD", cut(-1), "CRC of the values"),
    ("networks", "RESD", much_longer, "bytes behind the residual"),
    *(("networks", "UNUS", put(0, "B", v), "fields of UNUS") for v in (11, 16, 15, 255)),
    *(("networks", "UNUS", change, "UNUS") for change in (cut(2), cut(-1))),
    *(("networks", "UNUS", change, "ends early") for change in (cut(1), longer)),
    ("networks", "UNUS", number(1, 2**32 - 1), "fields of UNUS"),
    ("networks", "UNUS", loose(1), "form of a number"),
    (
        "networks",
        "UNUS",
        lambda p: p[: number_at(p, 1)[1]] + b"\xff" * 4 + p[number_at(p, 1)[1] + 4 :],
        "start as none can",
    ),
    *(("networks", "dset", put(0, "I", v), "data set") for v in (159, 161, 2**26 + 1)),
    ("networks", "dset", put(4, "I", 1), "CRC of the data set"),
    *(("networks", "dset", change, "data set|length") for change in (cut(7), cut(-1), longer)),
    *(("networks", "qual", put(0, "f", v), "PSNR") for v in (float("nan"), -float("inf"), 2e6)),
    *(("networks", "qual", change, "length of qual") for change in (cut(13), longer)),
    ("networks", "qual", put(6, "I", 1), "SHA-256"),
    *(("jpegls", "JPLS", change, "begin and end") for change in (cut(0), cut(1), cut(-1), longer)),
    ("jpegls", "JPLS", put(0, "2B", 0xFF, 0xD9), "begin and end"),
]


@pytest.mark.parametrize(("name", "kind", "change", "rule"), FIELDS)
def test_fields(nets: Nets, files: Files, name: str, kind: str, change: Change, rule: str) -> None:
    chunks = [
        (this, change(payload) if this == kind.encode() else payload)
        for this, payload in split(files[name])
    ]
    refused_by_both(nets, joined(chunks), rule)


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (b"\xff\xf7\0\x0b\x08", b"\xff\xf7\0\x0b\x09", "frame header"),
        (b"\xff\xf7\0\x0b\x08\0\x14", b"\xff\xf7\0\x0b\x08\0\x15", "frame header"),
        (b"\0\x14\0\x1e\1", b"\0\x14\0\x1f\1", "frame header"),
        (b"\0\x14\0\x1e\1", b"\0\x14\0\x1e\3", "frame header"),
        # Fill bytes, another kind of frame, and a segment without room for its own length.
        (b"\xff\xf7", b"\xff\xff\xf7", "segments"),
        (b"\xff\xf7", b"\xff\xc0\0\2\xff\xf7", "segments"),
        (b"\xff\xf7", b"\xff\xfe\0\1\xff\xf7", "segments"),
        (b"\xff\xf7", b"\xff\xfe\xff\xff", "segments|frame header"),
        (b"\xff\xf7", b"\xff\xf0\0\2\xff\xf7", "segments"),
    ],
)
def test_jpegls_streams(nets: Nets, files: Files, old: bytes, new: bytes, rule: str) -> None:
    chunks = dict(split(files["jpegls"]))
    assert chunks[b"JPLS"].count(old) == 1
    chunks[b"JPLS"] = chunks[b"JPLS"].replace(old, new)
    refused_by_both(nets, joined(list(chunks.items())), rule)


def test_unused_bits_in_colour(nets: Nets, files: Files) -> None:
    chunks = split(files["rgb"])
    refused_by_both(nets, joined([*chunks, (b"UNUS", b"\x08\0")]), "UNUS")


def test_jpegls_values_of_too_many_bits(nets: Nets, files: Files) -> None:
    """Of one bit, for which the code stream has two."""
    header = header_for(1, rows=20, columns=30)
    values = np.indices((20, 30)).sum(axis=0) % 2
    plane = jpegls_plane(values.astype(np.int32), header, 0, 0)
    wider = jpegls_plane(values.astype(np.int32) * 3, header_for(2), 0, 0)
    data = data_of(nets, header, plane)
    chunks = [(k, wider.stream or b"" if k == b"JPLS" else p) for k, p in split(data)]
    refused_by_both(nets, joined(chunks), "values of JPLS")


ORDERS = [
    ("PLAN MASK PIXL LATN REFN FILT RESD UNUS", None),
    ("PLAN UNUS PIXL MASK LATN t REFN FILT RESD", None),
    ("PLAN MASK PIXL LATN REFN FILT RESD UNUS qual dset", None),
    ("dset PLAN MASK LATN PIXL REFN FILT RESD", "behind what needs it"),
    ("PLAN PIXL LATN MASK REFN FILT RESD", "behind what needs it"),
    ("PLAN MASK PIXL RESD LATN REFN FILT", "behind what needs it"),
    ("PLAN MASK PIXL LATN RESD REFN FILT", "behind what needs it"),
    ("PLAN MASK PIXL LATN REFN RESD FILT", "behind what needs it"),
    ("PLAN MASK PIXL LATN FILT REFN RESD", "behind what needs it"),
    ("PLAN MASK PIXL FILT LATN REFN RESD", "FILT after LATN"),
    ("PLAN MASK PIXL REFN LATN FILT RESD", "REFN after LATN"),
    ("MASK PLAN PIXL LATN REFN FILT RESD", "of no plane"),
    ("PLAN MASK PIXL LATN REFN FILT qual RESD", "of no plane"),
    ("PLAN MASK MASK PIXL LATN REFN FILT RESD", "second one"),
    ("PLAN MASK PIXL LATN REFN FILT FILT RESD", "second one"),
    ("PLAN MASK PIXL LATN REFN FILT RESD UNUS UNUS", "second one"),
    ("PLAN MASK PIXL LATN REFN FILT RESD qual qual", "twice"),
    ("PLAN MASK PIXL LATN REFN FILT RESD HEAD", "twice"),
    ("PLAN MASK PIXL LATN REFN FILT RESD 1", "type of a chunk"),
    ("PLAN MASK PIXL LATN REFN FILT RESD X", "critical chunk"),
    ("PLAN MASK PIXL RESD", "missing"),
    ("PLAN MASK PIXL LATN REFN FILT RESD JPLS", "another coding"),
    ("PLAN MASK PIXL LATN REFN FILT RESD PLAN", "number of planes|missing"),
    ("", "number of planes"),
]


@pytest.mark.parametrize(("order", "rule"), ORDERS)
def test_orders_of_chunks(nets: Nets, files: Files, order: str, rule: str | None) -> None:
    payloads = dict(split(files["networks"]))
    kinds = [b"HEAD", *order.encode().split()]
    data = joined([(kind, payloads.get(kind, b"text")) for kind in kinds])
    if rule is not None:
        refused_by_both(nets, data, rule)
        return
    own = check(data, models=nets.store)
    assert np.array_equal(second.decode(data, nets.folders)[0], own.stored)


def test_what_lies_around_the_chunks(nets: Nets, files: Files) -> None:
    data = files["pixels"]
    cases = [
        (b"\x89PNG" + data[4:], "magic"),
        (data[:8] + b"\1" + data[9:], "version"),
        (data[:9] + b"\3" + data[10:], "version"),
        (data[:11] + b"\1" + data[12:], "version and flags"),
        (data[:11], "magic"),
        (data[:-1], "ends early"),
        (data + b"\0", "length in TAIL"),
        (data[:18] + bytes([data[18] ^ 1]) + data[19:], "CRC"),
        (data[:12] + data[25:], "HEAD is first"),
        # The length of HEAD in a form that is not the shortest, of six bytes, and too large.
        (loose(13)(data), "form of a number"),
        (data[:13] + bytes([128 | data[13]]) + b"\x80\x80\x80\x80\0" + data[14:], "length of a"),
        (data[:13] + vu(2**32) + data[14:], "form of a number"),
    ]
    for damaged, rule in cases:
        refused_by_both(nets, damaged, rule)
    assert second.decode(data[:10] + b"\xff" + data[11:]).shape == (1, 20, 30)


def refused_streams(nets: Nets, plane: Plane, place: str, rule: str) -> None:
    """See that both decoders refuse the streams of a plane of 12 bits with a sign."""
    header = header_for(12, signed=True)
    with pytest.raises(CorruptError, match=f"{place}: .*new copy"):
        decode_plane(plane, header, 0, nets.store)
    data = write_rcz(replace(file_of(header, [], nets.store), planes=[plane]))
    with pytest.raises(Refused, match=rule):
        second.decode(data, nets.folders)


@pytest.fixture(scope="module")
def plane(nets: Nets) -> Plane:
    """Return a plane with all kinds of streams."""
    header = header_for(12, signed=True)
    made = networks_plane(nets, header, masked=True, filtered=True, step=3, residual=5)
    return made.plane


TAILS = [(b"\0", "in zero"), (b"\1" * 9, "behind the")]


@pytest.mark.parametrize(("tail", "rule"), TAILS)
@pytest.mark.parametrize("place", range(4))
def test_bytes_behind_streams(nets: Nets, plane: Plane, tail: bytes, rule: str, place: int) -> None:
    assert plane.pixels is not None and plane.residual is not None
    pixels, residual = plane.pixels, plane.residual
    tiles = [tile + tail * (n == place) for n, tile in enumerate(pixels.tiles)]
    broken = replace(plane, pixels=replace(pixels, tiles=tiles))
    refused_streams(nets, broken, "pixel blocks", rule)
    flags = replace(pixels, flags=pixels.flags + tail)
    refused_streams(nets, replace(plane, pixels=flags), "pixel blocks", rule)
    tiles = [tile + tail * (n == place) for n, tile in enumerate(residual.tiles)]
    broken = replace(plane, residual=replace(residual, tiles=tiles))
    refused_streams(nets, broken, "residuals", rule)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        *((lambda stream, tail=tail: stream + tail, rule) for tail, rule in TAILS),
        (lambda stream: b"\xff" * 4 + stream[4:], "as none can"),
        (lambda _: b"\xff" * 4, "as none can"),
        (lambda _: b"\0", "in zero"),
        # Eight shifts are more than decisions without any own weights take.
        (lambda _: bytes(12) + b"\1", "behind the weights"),
    ],
)
@pytest.mark.parametrize("refined", [False, True])
def test_streams_of_weights(nets: Nets, refined: bool, change: Change, rule: str) -> None:
    header = header_for(12, signed=True)
    plane = networks_plane(nets, header, refined=refined, filtered=True).plane
    assert plane.filter is not None
    broken = replace(plane, filter=change(plane.filter))
    refused_streams(nets, broken, "filter", rule)


def test_weights_that_take_no_bytes(nets: Nets) -> None:
    """They are all zero, and leave the image as it is."""
    header = header_for()
    plane = networks_plane(nets, header, refined=True).plane
    got = decoded_twice(nets, header, replace(plane, filter=b""))
    assert np.array_equal(got, decoded_twice(nets, header, plane))


@pytest.mark.parametrize("stream", [b"\1", b"\xff\xff\xff\xff", b"abcde"])
def test_streams_that_code_nothing(nets: Nets, stream: bytes) -> None:
    """Tiles where nothing is flagged, flags where all is background, residuals likewise."""
    mask = np.zeros((ROWS, COLUMNS), dtype=bool)
    mask[:, 64:] = True
    values = np.where(mask, 0, 7).astype(np.int32)
    header = header_for(12, signed=True)
    plane = pixel_plane(values, header, 1, mask)
    assert plane.residual is not None
    tiles = list(plane.residual.tiles)
    assert tiles[1] == b"" == tiles[3]
    broken = replace(plane, residual=Residual(1, [tiles[0], stream, *tiles[2:]]))
    refused_streams(nets, broken, "residuals", "no pixel is coded|as none can")

    plane = networks_plane(nets, header, masked=True).plane
    broken = replace(plane, pixels=PixelBlocks(3, b"", [b"", stream, b"", b""]))
    refused_streams(nets, broken, "pixel blocks", "behind the values|as none can")
    everything = replace(plane, mask=(0, encode_mask(np.ones_like(mask))))
    tiles = [tile[:1] for tile in plane.tiles]
    broken = replace(everything, tiles=tiles, pixels=PixelBlocks(3, stream, [b""] * 4))
    refused_streams(nets, broken, "pixel blocks", "behind the flags|as none can")


def test_a_residual_without_values_in_use(nets: Nets, plane: Plane) -> None:
    coder = Inventor(lambda context: int(context != ("same", 0)))
    with pytest.raises(Refused):
        values_in_use(coder, plane.low, plane.high)
    assert plane.residual is not None
    tiles = [*plane.residual.tiles[:3], coder.end()]
    broken = replace(plane, residual=replace(plane.residual, tiles=tiles))
    refused_streams(nets, broken, "residuals", "no value is in use")


def damage(stream: bytes, rng: np.random.Generator, *, shorter: bool) -> bytes:
    """Change a byte of a stream, and cut it off where asked."""
    changed = bytearray(stream)
    changed[rng.integers(len(changed))] ^= int(rng.integers(1, 256))
    return bytes(changed[: rng.integers(len(changed) // 2, len(changed))] if shorter else changed)


@pytest.mark.parametrize("seed", range(24))
@pytest.mark.parametrize("part", ["pixels", "residual", "filter"])
def test_damaged_streams_are_refused_by_both_or_by_none(
    nets: Nets, plane: Plane, part: str, seed: int
) -> None:
    rng, header = np.random.default_rng(seed), header_for(12, signed=True)
    chunk: PixelBlocks | Residual | bytes = getattr(plane, part)
    damaged: PixelBlocks | Residual | bytes
    if isinstance(chunk, bytes):
        damaged = damage(chunk, rng, shorter=seed % 2 == 1)
    else:
        changed = damage(chunk.tiles[2], rng, shorter=seed % 2 == 1)
        damaged = replace(chunk, tiles=[*chunk.tiles[:2], changed, chunk.tiles[3]])
    # Without what hides the pixel blocks and the filter.
    parts = {"residual": None, part: damaged}
    broken = replace(plane, **parts)  # type: ignore[arg-type]
    try:
        wanted = decode_plane(broken, header, 0, nets.store)
    except CorruptError:
        data = write_rcz(replace(file_of(header, [], nets.store), planes=[broken]))
        with pytest.raises(Refused, match=r"decisions|behind|in use"):
            second.decode(data, nets.folders)
        return
    data = data_of(nets, header, broken)
    assert np.array_equal(second.decode(data, nets.folders)[0], wanted)
    least, most = header.stored_range
    assert least <= wanted.min() and wanted.max() <= most
