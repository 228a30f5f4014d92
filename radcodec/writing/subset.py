"""The data set of some of a multi-frame object's frames.

Their pixels are as they were, so that ImageType says what it said; the Frame Extraction
module (PS3.3 C.12.3) tells where they come from.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from radcodec.errors import DicomError
from radcodec.writing.elements import DataSet, Element, items, make_element, make_item
from radcodec.writing.explicit import as_sequence
from radcodec.writing.lossy import FRAME_GROUPS

_POINTER, _TIME_VECTOR, _EXTRACTION = 0x00280009, 0x00181065, 0x00081164
_WIDTHS = {"US": 2, "SS": 2, "AT": 4, "UL": 4, "SL": 4, "FL": 4, "FD": 8, "SV": 8, "UV": 8}
_TEXT = frozenset(["AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "PN", "SH", "TM", "UC"])


def keep_frames(data: DataSet, selected: Sequence[int], frames: int, source_uid: str) -> None:
    """Cut what a data set holds for each frame to the frames that are kept.

    Per-frame functional groups and the vectors that FrameIncrementPointer points to are cut;
    the increments of FrameTimeVector are added up over the frames left out.

    Parameters
    ----------
    data : DataSet
        Changed in place.
    selected : sequence of int
        Indices of the kept frames in the source, from 0, in the order that they come.
    frames : int
        Frames of the source.
    source_uid : str
        SOPInstanceUID of the source; empty where it has none.

    Raises
    ------
    DicomError
        Indices that the source does not have, or functional groups for another number of frames.
    """
    if not selected or min(selected) < 0 or max(selected) >= frames:
        raise DicomError(f"frames {list(selected)[:8]} asked for; the source has 0 to {frames - 1}")
    groups = data.get(FRAME_GROUPS)
    if groups is not None:
        groups = as_sequence(groups)
        parts = [item.raw for item in items(groups.value)]
        if len(parts) != frames:
            raise DicomError(
                f"the source describes {len(parts)} frames and has {frames}; restore all frames"
            )
        kept = b"".join(parts[index] for index in selected)
        data.put(make_element(FRAME_GROUPS, "SQ", kept, undefined=groups.undefined))
    pointers = data.get(_POINTER)
    if pointers is not None:
        halves = np.frombuffer(pointers.value[: len(pointers.value) // 4 * 4], "<u2").tolist()
        for group, number in zip(halves[::2], halves[1::2], strict=True):
            vector = data.get(group << 16 | number)
            cut = None if vector is None else _cut(vector, selected, frames)
            if cut is not None:
                data.put(cut)
    if source_uid:
        item = DataSet([])
        item.put_text(0x00081167, "UI", source_uid)
        numbers = np.array(selected, "<u4") + np.uint32(1)
        item.put(make_element(0x00081161, "UL", numbers.astype("<u4").tobytes()))
        before = data.get(_EXTRACTION)
        earlier = b"" if before is None else as_sequence(before).value
        value = earlier + make_item(item.encoded()).raw
        data.put(make_element(_EXTRACTION, "SQ", value))


def _cut(vector: Element, selected: Sequence[int], frames: int) -> Element | None:
    """Return a vector cut to the kept frames; None where it has not a value for each."""
    vr = vector.vr or "UN"
    if vr in _TEXT:
        values = vector.value.split(b"\\")
        if len(values) != frames:
            return None
        if vector.tag == _TIME_VECTOR:
            values = _added_up(values, selected)
        else:
            values = [values[index] for index in selected]
        return make_element(vector.tag, vr, b"\\".join(value.strip(b" \0") for value in values))
    width = _WIDTHS.get(vr, 0)
    if not width or len(vector.value) != width * frames:
        return None
    parts = [vector.value[index * width : (index + 1) * width] for index in selected]
    return make_element(vector.tag, vr, b"".join(parts))


def _added_up(values: list[bytes], selected: Sequence[int]) -> list[bytes]:
    """Return the times from each kept frame to the next; the first is 0 (PS3.3 C.7.6.5.1.2)."""
    try:
        increments = [float(value) for value in values]
    except ValueError:
        return [values[index] for index in selected]
    times = list(itertools.accumulate(increments))
    kept = [times[index] for index in selected]
    steps = [0.0, *(after - before for before, after in itertools.pairwise(kept))]
    return [f"{step:.8g}".encode("ascii") for step in steps]
