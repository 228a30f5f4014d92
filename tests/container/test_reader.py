"""Planes read and written one by one: in any order, in little memory, checked when read."""

from __future__ import annotations

import io
import random
import tracemalloc

import pytest

from radcodec.container import (
    Header,
    Plane,
    RczFile,
    RczReader,
    RczWriter,
    Residual,
    list_chunks,
    read_rcz,
    write_rcz,
)
from radcodec.container.chunks import TAIL_SIZE
from radcodec.errors import CorruptError, FormatError

from .samples import jpegls_plane, pixel_plane, raw_chunk, raw_file, small_file, small_header

MANY = 20_000


def colour_file(frames: int) -> RczFile:
    """Return a file of colour whose planes all differ."""
    header = Header("xr", 8, 8, False, "png", 70, 130, False, 3, frames, "ybr")
    planes = [jpegls_plane(low=n, high=n, stream=bytes([n])) for n in range(3 * frames)]
    return RczFile(header, planes)


def series(count: int) -> bytes:
    """Return a file of many planes of one pixel."""
    out = io.BytesIO()
    writer = RczWriter(out, Header("ct", 16, 16, False, "png", 1, 1, frames=count))
    for number in range(count):
        plane = Plane("pixels", 0, 9, number, residual=Residual(1, [bytes(100)]))
        writer.add(plane)
    writer.finish()
    return out.getvalue()


@pytest.mark.parametrize("check", [False, True])
def test_planes_are_read_in_any_order(check: bool) -> None:
    file = colour_file(5)
    reader = RczReader(io.BytesIO(write_rcz(file)), check=check)
    places = [(frame, sample) for frame in range(5) for sample in range(3)] * 2
    random.Random(1).shuffle(places)
    for frame, sample in places:
        assert reader.plane(frame, sample) == file.planes[3 * frame + sample]
    assert list(reader.planes()) == file.planes


@pytest.mark.parametrize("check", [False, True])
def test_chunks_between_planes_belong_to_none(check: bool) -> None:
    whole = small_file()
    data = write_rcz(whole)
    chunks = [data[c.offset : c.end] for c in list_chunks(data)[:-1]]
    by_type = {chunk[:1]: chunk for chunk in chunks}
    rest = [chunk for chunk in chunks if chunk[:1] not in (b"d", b"q")]
    third = max(n for n, chunk in enumerate(rest) if chunk[:1] == b"P")
    moved = [*rest[:third], by_type[b"q"], raw_chunk(b"n", b"x"), by_type[b"d"]]
    reader = RczReader(io.BytesIO(raw_file(*moved, *rest[third:])), check=check)
    assert list(reader.planes()) == whole.planes
    assert (reader.quality, reader.dataset) == (whole.quality, whole.dataset)


@pytest.mark.parametrize("kind", ["MASK", "RESD", "JPLS"])
def test_damage_is_seen_where_it_is_read(kind: str) -> None:
    data = bytearray(write_rcz(small_file()))
    chunk = [c for c in list_chunks(bytes(data)) if c.type == kind][-1]
    data[chunk.begin] ^= 1
    with pytest.raises(CorruptError, match=f"byte {chunk.offset} "):
        RczReader(io.BytesIO(data))
    reader = RczReader(io.BytesIO(data), check=False)
    hit = 2 if kind == "JPLS" else 1
    for frame in range(3):
        if frame == hit:
            with pytest.raises(CorruptError, match=f"byte {chunk.offset} "):
                reader.plane(frame)
        else:
            assert reader.plane(frame) == small_file().planes[frame]


@pytest.mark.parametrize("kind", ["HEAD", "qual", "dset"])
def test_damage_to_the_whole_is_seen_without_a_check(kind: str) -> None:
    data = bytearray(write_rcz(small_file()))
    chunk = next(c for c in list_chunks(bytes(data)) if c.type == kind)
    data[chunk.begin] ^= 1
    with pytest.raises(CorruptError, match=f"byte {chunk.offset} "):
        assert RczReader(io.BytesIO(data), check=False).dataset


def test_memory_does_not_grow_with_what_planes_hold() -> None:
    data = series(MANY)
    tracemalloc.start()
    try:
        file = io.BytesIO(data)
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        reader = RczReader(file)
        _, opened = tracemalloc.get_traced_memory()
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        assert all(plane.checksum == n for n, plane in enumerate(reader.planes()))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # An offset of 8 bytes for each plane, twice while their array grows.
    assert opened - before < 20 * MANY + 2**16
    # Reading all of them takes no more than one does.
    assert peak - kept < 2**16
    assert reader.plane(MANY - 1).checksum == MANY - 1


@pytest.mark.parametrize("count", [0, 1, 3, 6])
def test_the_header_says_how_many_planes_there_are(count: int) -> None:
    frames = small_header(frames=2)
    with pytest.raises(FormatError, match="the header counts 2 planes"):
        write_rcz(RczFile(frames, [pixel_plane()] * count))
    head = raw_chunk(b"HEAD", frames.pack())
    data = write_rcz(RczFile(small_header(), [pixel_plane()]))
    begin = next(chunk.offset for chunk in list_chunks(data) if chunk.type == "PLAN")
    plane = data[begin:-TAIL_SIZE]
    with pytest.raises(CorruptError, match=f"counts 2 planes, but the file has {count}"):
        read_rcz(raw_file(head, *[plane] * count))
    assert len(read_rcz(raw_file(head, plane, plane)).planes) == 2


def test_samples_count_as_planes() -> None:
    file = colour_file(2)
    for planes in (file.planes[:2], file.planes[:5], [*file.planes, jpegls_plane(low=0)]):
        with pytest.raises(FormatError, match="the header counts 6 planes"):
            write_rcz(RczFile(file.header, planes))


def test_a_writer_needs_no_seeking() -> None:
    class Pipe(io.RawIOBase):
        """A target that can only be written to."""

        def __init__(self) -> None:
            self.parts: list[bytes] = []

        def write(self, data: bytes) -> int:  # type: ignore[override]
            self.parts.append(bytes(data))
            return len(data)

        def seek(self, *_: int) -> int:
            raise io.UnsupportedOperation

        def tell(self) -> int:
            raise io.UnsupportedOperation

    file, pipe = small_file(), Pipe()
    writer = RczWriter(pipe, file.header, file.dataset)  # type: ignore[arg-type]
    for plane in file.planes:
        writer.add(plane)
    writer.finish(file.quality)
    data = b"".join(pipe.parts)
    assert data == write_rcz(file)
    assert writer.length == len(data)
