"""Elements that need not change come back byte for byte, whatever they are."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames, parse_basic_offsets
from pydicom.uid import JPEG2000Lossless, RLELossless

from radcodec.errors import DicomError
from radcodec.reading.image import Frame, Layout
from radcodec.writing.dicom import DicomOptions, LossyRecord, write_dicom
from radcodec.writing.elements import (
    EXPLICIT,
    IMPLICIT,
    DataSet,
    Element,
    make_element,
    make_item,
    read_elements,
)
from radcodec.writing.explicit import Part10, read_part10
from radcodec.writing.frames import write_encapsulated

from .samples import readable_files, real
from .sources import from_bytes

LAYOUT = Layout(4, 6, 1, 1, 16, 12, False, "MONOCHROME2")
FRAME = Frame(np.arange(24, dtype=np.int32).reshape(1, 4, 6) * 170)
EXACT, LOSSY = LossyRecord(8.0, 0, identity=b"x"), LossyRecord(8.0, 2, identity=b"x")
# What describes pixels, or tells of loss, or of whose group lengths: may differ if lossy.
MAY_CHANGE = {
    0x00080008, 0x00080018, 0x00082111, 0x00082112, 0x00089215, 0x00280106, 0x00280107,
    0x00282110, 0x00282112, 0x00282114, 0x7FE00010, 0x7FE00000, 0x00080000, 0x00280000,
    0x00280002, 0x00280004, 0x00280006,
}  # fmt: skip


def written(
    dataset: bytes | None,
    record: LossyRecord = EXACT,
    *,
    layout: Layout = LAYOUT,
    frames: list[Frame] | None = None,
    options: DicomOptions | None = None,
    selected: list[int] | None = None,
) -> bytes:
    target = io.BytesIO()
    write_dicom(
        target,
        frames or [FRAME],
        layout=layout,
        dataset=dataset,
        record=record,
        options=options or DicomOptions(),
        selected=selected,
    )
    return target.getvalue()


def part10(elements: list[Element], meta: bytes = b"", preamble: bytes = bytes(128)) -> bytes:
    """Put elements of Explicit VR Little Endian into a file."""
    syntax = make_element(0x00020010, "UI", b"1.2.840.10008.1.2.1").raw
    return preamble + b"DICM" + syntax + meta + b"".join(one.raw for one in elements)


def described() -> list[Element]:
    """Return the elements that describe the pixels of LAYOUT."""
    data = DataSet([])
    data.put_text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7")
    data.put_text(0x00080018, "UI", "1.2.3")
    data.put_text(0x00280004, "CS", "MONOCHROME2")
    for number, value in {
        2: 1,
        0x10: 4,
        0x11: 6,
        0x100: 16,
        0x101: 12,
        0x102: 11,
        0x103: 0,
    }.items():
        data.put_short(0x00280000 | number, value)
    return data.elements


def merged(*others: Element) -> list[Element]:
    return sorted([*described(), *others], key=lambda one: one.tag)


@st.composite
def values(draw: st.DrawFn, depth: int = 0) -> tuple[str, bytes, bool]:
    """Draw a VR, a value that is mostly nonsense, and whether its length is undefined."""
    vr = draw(st.sampled_from(["CS", "LO", "PN", "US", "DS", "OB", "OW", "UN", "UT", "SQ", "ZZ"]))
    if vr != "SQ" or depth > 2:
        return ("LO" if vr == "SQ" else vr), draw(st.binary(max_size=12)), False
    parts = []
    for content in draw(st.lists(contents(depth + 1), max_size=2)):
        encoded = b"".join(one.raw for one in content)
        parts.append(make_item(encoded, undefined=draw(st.booleans())).raw)
    return vr, b"".join(parts), draw(st.booleans())


@st.composite
def contents(draw: st.DrawFn, depth: int = 0) -> list[Element]:
    """Draw elements, private ones among them, in the order of their tags."""
    groups = [0x0009, 0x0010, 0x0011, 0x0019, 0x0032, 0x6000, 0x7FE1, 0x7FE3]
    numbers = st.integers(1, 0xFFFF)
    tags = draw(st.sets(st.tuples(st.sampled_from(groups), numbers), max_size=5))
    elements = []
    for group, number in sorted(tags):
        vr, value, undefined = draw(values(depth))
        elements.append(make_element(group << 16 | number, vr, value, undefined=undefined))
    return elements


@settings(max_examples=150, deadline=None)
@given(contents(), st.binary(min_size=128, max_size=128), st.sampled_from([EXACT, LOSSY]))
def test_any_elements_come_back(
    elements: list[Element], preamble: bytes, record: LossyRecord
) -> None:
    source = merged(*elements)
    result = read_part10(written(part10(source, preamble=preamble), record))
    assert result.preamble == preamble
    kept = [one for one in result.data.elements if one.tag not in MAY_CHANGE]
    assert kept == [one for one in source if one.tag not in MAY_CHANGE]
    assert [one.tag for one in result.data.elements] == sorted(
        one.tag for one in result.data.elements
    )
    if record is EXACT:
        assert [one for one in result.data.elements if one.tag != 0x7FE00010] == source


def explicit_files() -> list[Path]:
    """Return real files in Explicit VR Little Endian, by what they say themselves."""

    def explicit(path: Path) -> bool:
        if path.stat().st_size > 2**20:
            return False
        encoding = pydicom.dcmread(path, force=True, stop_before_pixels=True).original_encoding
        return encoding == (False, True)

    return [path for path in readable_files() if explicit(path)]


@pytest.mark.parametrize("path", explicit_files(), ids=lambda path: path.name)
def test_elements_of_real_files_come_back(path: Path) -> None:
    source = from_bytes(path.read_bytes())
    before = read_part10(source.dataset)
    for record in (EXACT, LOSSY):
        out = written(source.dataset, record, layout=source.layout, frames=source.frames)
        after = read_part10(out)
        assert after.data.tail == before.data.tail
        assert others(after) == others(before)
        assert written(source.dataset, record, layout=source.layout, frames=source.frames) == out


def others(part: Part10) -> list[Element]:
    """Return the elements that may not change."""
    return [one for one in part.data.elements if one.tag not in MAY_CHANGE]


def test_meta_information_is_kept() -> None:
    private = (
        make_element(0x00020100, "UI", b"1.2.9").raw
        + make_element(0x00020102, "OB", b"\1\2\3\4").raw
    )
    title = make_element(0x00020016, "AE", b"SCANNER").raw
    meta = pydicom.dcmread(io.BytesIO(written(part10(described(), title + private)))).file_meta
    assert meta.SourceApplicationEntityTitle == "SCANNER"
    assert meta.PrivateInformation == b"\1\2\3\4"
    assert str(meta.ImplementationVersionName).startswith("RADCODEC_")
    assert meta.MediaStorageSOPInstanceUID == "1.2.3"


def test_group_lengths_go_only_where_the_group_changes() -> None:
    lengths = [make_element(group << 16, "UL", b"\x10\0\0\0") for group in (0x0010, 0x0028)]
    source = part10(merged(*lengths))
    exact = read_part10(written(source)).data
    lossy = read_part10(written(source, LOSSY)).data
    assert 0x00100000 in exact and 0x00280000 in exact
    assert 0x00100000 in lossy and 0x00280000 not in lossy


def test_what_follows_the_last_element_is_kept() -> None:
    source = part10(described()) + b"\x11\x22garbage"
    out = written(source)
    assert out.endswith(b"\x11\x22garbage")
    assert np.array_equal(pydicom.dcmread(io.BytesIO(out)).pixel_array, FRAME.planes[0])


def test_pixel_description_of_whole_words_stays() -> None:
    """An odd HighBit means that the reader codes the whole word."""
    data = DataSet(described())
    data.put_short(0x00280102, 15)
    whole = Layout(4, 6, 1, 1, 16, 16, False, "MONOCHROME2")
    dataset = part10(data.elements)
    out = read_part10(written(dataset, layout=whole)).data
    assert (out.integer(0x00280101), out.integer(0x00280102)) == (12, 15)
    with pytest.raises(DicomError, match=r"BitsStored 12 and HighBit 15.*rle"):
        written(dataset, layout=whole, options=DicomOptions("jpeg2000-lossless"))


def test_unused_bits_are_put_back() -> None:
    unused = np.zeros((4, 6), np.uint16)
    unused[1, 2] = 0x5000
    frames = [Frame(FRAME.planes, unused)]
    expected = FRAME.planes[0] ^ unused
    for syntax in ("explicit", "rle"):
        out = written(part10(described()), frames=frames, options=DicomOptions(syntax))
        parsed = pydicom.dcmread(io.BytesIO(out))
        # pydicom clears what is above BitsStored.
        parsed.BitsStored, parsed.HighBit = 16, 15
        assert np.array_equal(parsed.pixel_array, expected)
    with pytest.raises(DicomError, match="unused bits"):
        written(part10(described()), frames=frames, options=DicomOptions("jpegls-lossless"))


def test_uid_depends_on_pixels_and_selection_alone() -> None:
    def uid(record: LossyRecord, options: DicomOptions | None = None) -> str:
        out = written(part10(described()), record, options=options)
        parsed = pydicom.dcmread(io.BytesIO(out))
        assert parsed.file_meta.MediaStorageSOPInstanceUID == parsed.SOPInstanceUID
        return str(parsed.SOPInstanceUID)

    assert uid(EXACT) == "1.2.3"
    assert uid(LOSSY) == uid(LOSSY, DicomOptions("rle")) != "1.2.3"
    assert uid(LossyRecord(8.0, 2, identity=b"y")) != uid(LOSSY)
    assert uid(LOSSY, DicomOptions(keep_uid=True)) == "1.2.3"
    with pytest.raises(ValueError, match="digest"):
        uid(LossyRecord(8.0, 2))


def test_source_is_referred_to() -> None:
    out = pydicom.dcmread(io.BytesIO(written(part10(described()), LOSSY)))
    item = out.SourceImageSequence[0]
    assert item.ReferencedSOPInstanceUID == "1.2.3"
    assert item.PurposeOfReferenceCodeSequence[0].CodeValue == "121320"
    kept = written(part10(described()), LOSSY, options=DicomOptions(keep_uid=True))
    assert "SourceImageSequence" not in pydicom.dcmread(io.BytesIO(kept))
    again = pydicom.dcmread(io.BytesIO(written(without_pixels(out), LOSSY)))
    assert again.SourceImageSequence[1].PurposeOfReferenceCodeSequence[0].CodeValue == "121322"
    assert again.LossyImageCompressionRatio == [8, 8]


def without_pixels(parsed: Dataset) -> bytes:
    del parsed.PixelData
    target = io.BytesIO()
    parsed.save_as(target)
    return target.getvalue()


def test_frame_types_of_an_enhanced_object_become_derived() -> None:
    source = from_bytes(real("eCT_Supplemental.dcm"))
    out = written(source.dataset, LOSSY, layout=source.layout, frames=source.frames)
    parsed = pydicom.dcmread(io.BytesIO(out))
    shared = parsed.SharedFunctionalGroupsSequence[0]
    kinds = [group.CTImageFrameTypeSequence[0].FrameType[0]
             for group in [shared, *parsed.PerFrameFunctionalGroupsSequence]
             if "CTImageFrameTypeSequence" in group]  # fmt: skip
    assert kinds and set(kinds) == {"DERIVED"}
    groups = [shared, *parsed.PerFrameFunctionalGroupsSequence]
    derived = [group for group in groups if "DerivationImageSequence" in group]
    assert derived in ([shared], groups[1:])


def test_vectors_of_a_subset_are_cut() -> None:
    pointer = struct.pack("<HHHH", 0x0018, 0x1065, 0x0054, 0x0080)
    more = [
        make_element(0x00181065, "DS", b"0\\10\\20\\5.5"),
        make_element(0x00280008, "IS", b"4"),
        make_element(0x00280009, "AT", pointer),
        make_element(0x00540080, "US", struct.pack("<4H", 1, 2, 3, 4)),
    ]
    layout = Layout(4, 6, 2, 1, 16, 12, False, "MONOCHROME2")
    out = written(part10(merged(*more)), layout=layout, frames=[FRAME, FRAME], selected=[1, 3])
    parsed = pydicom.dcmread(io.BytesIO(out))
    assert parsed.NumberOfFrames == 2
    assert list(parsed.FrameTimeVector) == [0, 25.5]
    assert parsed.SliceVector == [2, 4]
    extraction = parsed.FrameExtractionSequence[0]
    assert extraction.MultiFrameSourceSOPInstanceUID == "1.2.3" != parsed.SOPInstanceUID
    assert extraction.SimpleFrameList == [2, 4]
    with pytest.raises(DicomError, match="0 to 3"):
        written(part10(merged(*more)), layout=layout, frames=[FRAME, FRAME], selected=[1, 4])


def test_numbers_and_words_of_big_endian_are_swapped() -> None:
    item = Dataset()
    item.LUTDescriptor = [2, 0, 16]
    item.add_new(0x00283006, "OW", b"\x01\x02\x03\x04")
    for vr, tag in (("OF", 0x00660016), ("OD", 0x00660022), ("OL", 0x00660040)):
        item.add_new(tag, vr, bytes(range(8)))
    item.FrameIncrementPointer = 0x00181063
    source = pydicom.dcmread(io.BytesIO(real("MR_small_bigendian.dcm")))
    source.VOILUTSequence = [item]
    target = io.BytesIO()
    source.save_as(target)
    read = from_bytes(target.getvalue())
    out = written(read.dataset, layout=read.layout, frames=read.frames)
    parsed = pydicom.dcmread(io.BytesIO(out)).VOILUTSequence[0]
    assert parsed.LUTData == b"\x02\x01\x04\x03"
    assert parsed[0x00660016].value == bytes([3, 2, 1, 0, 7, 6, 5, 4])
    assert parsed[0x00660022].value == bytes(range(7, -1, -1))
    assert parsed[0x00660040].value == bytes([3, 2, 1, 0, 7, 6, 5, 4])
    assert parsed.FrameIncrementPointer == 0x00181063
    assert list(parsed.LUTDescriptor) == [2, 0, 16]


def test_implicit_elements_get_their_vr() -> None:
    def implicit(tag: int, value: bytes) -> bytes:
        return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, len(value)) + value

    nested = implicit(0x00280106, b"\xff\xff")
    body = implicit(0x00080016, b"1.2\0") + implicit(0x00080018, b"1.2.3\0")
    body += implicit(0x00090010, b"GEMS_IDEN_01") + implicit(0x00091001, b"name")
    body += implicit(0x000910FE, b"??")
    body += implicit(0x00280103, b"\1\0")
    body += implicit(0x00283010, struct.pack("<HHI", 0xFFFE, 0xE000, len(nested)) + nested)
    body += implicit(0x60003000, b"\1\2")
    signed = Layout(4, 6, 1, 1, 16, 12, True, "MONOCHROME2")
    out = written(body, layout=signed, frames=[Frame(FRAME.planes - 2040)])
    vrs = {one.tag: one.vr for one in read_part10(out).data.elements}
    assert (vrs[0x00090010], vrs[0x00091001], vrs[0x000910FE]) == ("LO", "LO", "UN")
    assert vrs[0x60003000] == "OW"
    item = pydicom.dcmread(io.BytesIO(out)).VOILUTSequence[0]
    assert item.get_item(0x00280106).VR == "SS" and item.SmallestImagePixelValue == -1


def test_deflated_source_and_broken_sources() -> None:
    body = b"".join(one.raw for one in described())
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    syntax = make_element(0x00020010, "UI", b"1.2.840.10008.1.2.1.99").raw
    packed = packer.compress(body) + packer.flush()
    out = written(bytes(128) + b"DICM" + syntax + packed)
    assert others(read_part10(out)) == [one for one in described() if one.tag not in MAY_CHANGE]
    with pytest.raises(DicomError, match="restore to PNG"):
        written(bytes(128) + b"DICM" + syntax + b"\xff\xff\xff")
    with pytest.raises(DicomError, match="restore to PNG"):
        written(b"\x08\0\x16\0\x04\0\0\0" + b"1.2\0" + b"\x10\0\x10\0\xff\0\0\0x")


def test_elements_end_where_they_should() -> None:
    inner = make_element(0x00100010, "PN", b"A^B").raw
    nested = make_element(0x00081140, "SQ", make_item(inner, undefined=True).raw, undefined=True)
    after = make_element(0x00100020, "LO", b"id")
    elements, tail = read_elements(nested.raw + after.raw + b"\0" * 9)
    assert elements == [nested, after] and tail == b"\0" * 9
    cut = (nested.raw + after.raw)[:-1]
    assert read_elements(cut, EXPLICIT) == ([nested], after.raw[:-1])
    assert read_elements(nested.raw[:-4]) == ([], nested.raw[:-4])
    assert read_elements(b"\xfe\xff\xdd\xe0\0\0\0\0", IMPLICIT)[0] == []


@pytest.mark.parametrize("extended", [False, True])
def test_offset_tables(extended: bool) -> None:
    layout = Layout(40, 35, 3, 1, 16, 12, False, "MONOCHROME2")
    random = np.random.default_rng(0)
    frames = [Frame(random.integers(0, 4096, (1, 40, 35)).astype(np.int32)) for _ in range(3)]
    target = io.BytesIO()
    target.write(part10(merged(make_element(0x00280008, "IS", b"3"))))
    write_encapsulated(target, frames, layout, JPEG2000Lossless, extended=extended)
    parsed = pydicom.dcmread(io.BytesIO(target.getvalue()), force=True)
    offsets = parse_basic_offsets(parsed.PixelData)
    tables = None
    if extended:
        assert offsets == []
        tables = parsed.ExtendedOffsetTable, parsed.ExtendedOffsetTableLengths
        offsets = np.frombuffer(tables[0], "<u8").tolist()
    found = list(generate_frames(parsed.PixelData, number_of_frames=3, extended_offsets=tables))
    start = 8 if extended else 8 + 12
    for offset, stream in zip(offsets, found, strict=True):
        at = start + offset
        assert parsed.PixelData[at : at + 4] == b"\xfe\xff\x00\xe0"
        assert parsed.PixelData[at + 8 :].startswith(stream[:50])
    assert len(set(offsets)) == 3


@pytest.mark.parametrize("count", [1, 3])
def test_number_of_frames_must_be_that_of_the_layout(count: int) -> None:
    layout = Layout(4, 6, 2, 1, 16, 12, False, "MONOCHROME2")
    for syntax in ("explicit", "rle"):
        with pytest.raises(ValueError, match="layout has 2"):
            written(
                part10(described()), layout=layout, frames=[FRAME] * count,
                options=DicomOptions(syntax),
            )  # fmt: skip


def test_odd_lengths_are_padded() -> None:
    layout = Layout(3, 3, 1, 1, 8, 8, False, "MONOCHROME2")
    frame = Frame(np.arange(9, dtype=np.int32).reshape(1, 3, 3))
    data = DataSet(described())
    for tag, value in ((0x00280010, 3), (0x00280011, 3)):
        data.put_short(tag, value)
    for options in (DicomOptions(), DicomOptions("rle")):
        parsed = pydicom.dcmread(
            io.BytesIO(
                written(part10(data.elements), layout=layout, frames=[frame], options=options)
            )
        )
        assert len(parsed.PixelData) % 2 == 0
        assert (parsed.file_meta.TransferSyntaxUID == RLELossless) == (options != DicomOptions())
        assert np.array_equal(parsed.pixel_array, frame.planes[0])
