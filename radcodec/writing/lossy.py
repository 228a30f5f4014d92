"""What a data set says of the lossy compression that its pixels went through.

PS3.3 C.7.6.1.1.2 and C.7.6.1.1.5 (General Image), C.12.4.1 (General Reference) and, for
enhanced multi-frame objects, C.7.6.16.2.6 (Derivation Image functional group).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from radcodec.writing.elements import (
    BrokenElementError,
    DataSet,
    Element,
    items,
    make_element,
    make_item,
    read_elements,
)
from radcodec.writing.explicit import as_sequence

SHARED_GROUPS, FRAME_GROUPS = 0x52009229, 0x52009230
_DERIVATION_IMAGE = 0x00089124
_DERIVATION_CODE, _SOURCE_IMAGE = 0x00089215, 0x00082112
_DESCRIPTION, _IMAGE_TYPE, _FRAME_TYPE = 0x00082111, 0x00080008, 0x00089007
_LOSSY, _RATIO, _METHOD = 0x00282110, 0x00282112, 0x00282114
_SMALLEST, _LARGEST = 0x00280106, 0x00280107
_MAX_DESCRIPTION = 1024


@dataclass(frozen=True)
class LossyRecord:
    """What a file says about the lossy compression that its pixels went through.

    Attributes
    ----------
    ratio : float
        Uncompressed pixel bytes over compressed bytes; above 0.
    max_error : int or None
        Largest absolute difference of stored values; 0 means that nothing was lost.
    method : str
        Code string for LossyImageCompressionMethod, at most 16 characters.
    description : str
        ASCII text for DerivationDescription.
    identity : bytes
        Digest of the pixel values: the new SOPInstanceUID is a function of it.
    value_range : tuple of int, int, or None
        Smallest and largest stored value of all frames, for Smallest/LargestImagePixelValue;
        None removes these optional attributes.
    """

    ratio: float
    max_error: int | None = None
    method: str = "RADCODEC"
    description: str = "Lossy compression by radcodec"
    identity: bytes = b""
    value_range: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if not 0 < self.ratio < 1e12:
            raise ValueError(f"compression ratio {self.ratio} is out of range")
        if not 1 <= len(self.method) <= 16:
            raise ValueError(f"method {self.method!r} is not 1 to 16 characters")

    @property
    def lossless(self) -> bool:
        """True where nothing was lost, so that nothing is to be recorded."""
        return self.max_error == 0


def record_loss(
    data: DataSet, record: LossyRecord, *, signed: bool, predecessor: tuple[str, str] | None
) -> None:
    """Add this compression to the attributes that tell of lossy ones.

    Parameters
    ----------
    data : DataSet
        Changed in place.
    signed : bool
        Of the pixels.
    predecessor : tuple of str, str, or None
        SOP class and instance UID of the source, where that is another object than this.
    """
    for tag, index in ((_SMALLEST, 0), (_LARGEST, 1)):
        if tag in data and record.value_range is None:
            data.remove(tag)
        elif tag in data and record.value_range is not None:
            data.put_short(tag, record.value_range[index], "SS" if signed else "US")
    was_lossy = data.text(_LOSSY)[:1] == ["01"]
    _append_history(data, record)
    _mark_derived(data, _IMAGE_TYPE, ("DERIVED", "PRIMARY"))
    for tag in (SHARED_GROUPS, FRAME_GROUPS):
        _edit_items(data, tag, _mark_frame_types)

    def derive(part: DataSet) -> None:
        _append_derivation(part, record, predecessor, was_lossy)

    if SHARED_GROUPS not in data and FRAME_GROUPS not in data:
        derive(data)
        return

    # A functional group is in all frames or shared, never both.
    def in_groups(groups: DataSet) -> None:
        if _DERIVATION_IMAGE not in groups:
            groups.put(make_element(_DERIVATION_IMAGE, "SQ", make_item(b"").raw))
            _edit_items(groups, _DERIVATION_IMAGE, derive)
        else:
            item = DataSet([])
            derive(item)
            _append_item(groups, _DERIVATION_IMAGE, item)

    per_frame = data.get(FRAME_GROUPS)
    shared = data.get(SHARED_GROUPS)
    in_frames = per_frame is not None and _has_in_items(per_frame, _DERIVATION_IMAGE)
    if predecessor is not None:
        _append_evidence(data, predecessor)
    if in_frames or shared is None or not list(items(as_sequence(shared).value)):
        _edit_items(data, FRAME_GROUPS, in_groups)
    else:
        _edit_items(data, SHARED_GROUPS, in_groups)


def _append_history(data: DataSet, record: LossyRecord) -> None:
    """Append ratio and method, which correspond by position, to those of earlier steps."""
    ratios, methods = data.text(_RATIO), data.text(_METHOD)
    earlier = max(len(ratios), len(methods))
    # A list that is short is filled with empty values.
    ratios += [""] * (earlier - len(ratios))
    methods += [""] * (earlier - len(methods))
    data.put_text(_LOSSY, "CS", "01")
    data.put_text(_RATIO, "DS", *ratios, f"{record.ratio:.6g}")
    data.put_text(_METHOD, "CS", *methods, record.method)


def _mark_derived(data: DataSet, tag: int, default: tuple[str, ...]) -> None:
    """Set value 1 of ImageType or FrameType to DERIVED; the others stay."""
    kind = data.text(tag)
    if kind[:1] != ["DERIVED"]:
        data.put_text(tag, "CS", "DERIVED", *(kind[1:] or default[1:]))


def _mark_frame_types(groups: DataSet) -> None:
    """Set value 1 of each FrameType in the sequences of functional groups to DERIVED."""

    def mark(group: DataSet) -> None:
        if _FRAME_TYPE in group:
            _mark_derived(group, _FRAME_TYPE, ("DERIVED", "PRIMARY"))

    for element in list(groups.elements):
        if element.vr in ("SQ", "UN") and _has_in_items(element, _FRAME_TYPE):
            _edit_items(groups, element.tag, mark)


def _append_derivation(
    data: DataSet, record: LossyRecord, predecessor: tuple[str, str] | None, was_lossy: bool
) -> None:
    """Append to DerivationDescription, DerivationCodeSequence and SourceImageSequence."""
    # As bytes, since ASCII may follow text in any character set.
    added = f"{record.description}, ratio {record.ratio:.3g}".encode("ascii", "replace")
    element = data.get(_DESCRIPTION)
    before = b"" if element is None else element.value.rstrip(b" \0")
    text = before + b"; " + added if before else added[:_MAX_DESCRIPTION]
    # The older text is never cut.
    if len(text) <= _MAX_DESCRIPTION:
        data.put(make_element(_DESCRIPTION, "ST", text))
    _append_item(data, _DERIVATION_CODE, _code("113040", "Lossy Compression"))
    if predecessor is not None:
        item = _reference(predecessor)
        purpose = (
            _code("121322", "Source image for image processing operation")
            if was_lossy
            else _code("121320", "Uncompressed predecessor")
        )
        _append_item(item, 0x0040A170, purpose)
        _append_item(data, _SOURCE_IMAGE, item)


def _append_evidence(data: DataSet, predecessor: tuple[str, str]) -> None:
    """Append to SourceImageEvidenceSequence, which lists sources of the functional groups."""
    study, series = data.text(0x0020000D), data.text(0x0020000E)
    if not study or not series:
        return
    in_study, in_series = DataSet([]), DataSet([])
    in_series.put_text(0x0020000E, "UI", series[0])
    _append_item(in_series, 0x00081199, _reference(predecessor))
    in_study.put_text(0x0020000D, "UI", study[0])
    _append_item(in_study, 0x00081115, in_series)
    _append_item(data, 0x00089154, in_study)


def _reference(instance: tuple[str, str]) -> DataSet:
    """Return the item that refers to an instance by its SOP class and instance UID."""
    item = DataSet([])
    item.put_text(0x00081150, "UI", instance[0])
    item.put_text(0x00081155, "UI", instance[1])
    return item


def _code(value: str, meaning: str) -> DataSet:
    """Return the item of a code of DICOM's own scheme (PS3.16 annex D)."""
    code = DataSet([])
    code.put_text(0x00080100, "SH", value)
    code.put_text(0x00080102, "SH", "DCM")
    code.put_text(0x00080104, "LO", meaning)
    return code


def _append_item(data: DataSet, tag: int, item: DataSet) -> None:
    """Append an item to a sequence, which is made where it is missing."""
    element = data.get(tag)
    element = make_element(tag, "SQ", b"") if element is None else as_sequence(element)
    value = element.value + make_item(item.encoded()).raw
    data.put(make_element(tag, "SQ", value, undefined=element.undefined))


def _edit_items(data: DataSet, tag: int, edit: Callable[[DataSet], None]) -> None:
    """Change the items of a sequence, where there is one; lengths stay defined or undefined."""
    element = data.get(tag)
    if element is None:
        return
    element = as_sequence(element)
    parts = []
    for item in items(element.value):
        elements, tail = read_elements(item.content)
        if tail:
            raise BrokenElementError(f"{len(tail)} bytes of an item are no element")
        content = DataSet(elements)
        edit(content)
        content.drop_stale_lengths()
        parts.append(make_item(content.encoded(), undefined=item.undefined).raw)
    data.put(make_element(tag, "SQ", b"".join(parts), undefined=element.undefined))


def _has_in_items(element: Element, tag: int) -> bool:
    """Tell whether any item of a sequence has an element; what is no sequence has none."""
    try:
        return any(
            any(one.tag == tag for one in read_elements(item.content)[0])
            for item in items(as_sequence(element).value)
        )
    except BrokenElementError:
        return False
