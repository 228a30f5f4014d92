"""What independent DICOM tools say of a file: DCMTK, dicom3tools and GDCM."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from pydicom.uid import ExplicitVRLittleEndian

#: Package of each tool.
TOOLS = {
    "dcmdump": "dcmtk",
    "dciodvfy": "dicom3tools",
    "gdcmconv": "libgdcm-tools",
    "gdcmraw": "libgdcm-tools",
}
_UID = re.compile(r'UID - "([^"]*)"')
#: Seconds after which a tool is given up.
_PATIENCE = 300

#: dicom3tools follows an older edition: attributes of acquisition "may be present otherwise", in
#: derived images too (PS3.3 2024e C.8.13.4).
DERIVED = "Attribute present when condition unsatisfied (which may not be present otherwise)"
#: Ultrasound allows YBR_FULL by plane in RLE only (PS3.3 C.8.5.6.1), but stored values are not
#: changed into RGB for that.
COLOUR = (
    "Unrecognized enumerated value <YBR_FULL> for value 1 of attribute <Photometric",
    "Unrecognized enumerated value <0> for value 1 of attribute <Planar Configuration>",
)
#: Parts of dciodvfy's errors that are put up with in files that are written.
EXCUSED = (DERIVED, *COLOUR)


@dataclass(frozen=True)
class Said:
    """What a tool has said: its exit code and its lines on both streams."""

    code: int
    lines: tuple[str, ...]


def missing_tools() -> list[str]:
    """Return the names of the tools that are not installed."""
    return [name for name in TOOLS if shutil.which(name) is None]


def run_tool(*command: str | Path) -> Said:
    """Run a tool, which must be installed."""
    parts = [str(part) for part in command]
    try:
        ran = subprocess.run(
            parts, check=False, capture_output=True, text=True, errors="replace", timeout=_PATIENCE
        )
    except subprocess.TimeoutExpired:
        return Said(-1, (f"Error - {parts[0]} did not end in {_PATIENCE} s",))
    return Said(ran.returncode, tuple((ran.stdout + ran.stderr).splitlines()))


def dciodvfy_errors(path: Path) -> Counter[str]:
    """Return dciodvfy's error lines.

    Raises
    ------
    RuntimeError
        It says nothing at all, not even what kind of object it has found.
    """
    said = run_tool("dciodvfy", path)
    if not said.lines:
        raise RuntimeError(f"dciodvfy says nothing (exit code {said.code})")
    return Counter(line for line in said.lines if line.startswith("Error"))


def excuse(line: str, source: Counter[str]) -> str | None:
    """Return why an error of dciodvfy that the source has not is put up with; None if it is not."""
    uid = _UID.search(line)
    if uid is not None and any(f'"{uid[1]}"' in known for known in source):
        return "Illegal UID of the source, in a reference to it"
    return next((part for part in EXCUSED if part in line), None)


def dcmdump_errors(path: Path) -> tuple[int, Counter[str]]:
    """Return dcmdump's exit code and its error lines, without the path."""
    said = run_tool("dcmdump", "+L", path)
    lines = (line.replace(str(path), "") for line in said.lines if line.startswith(("E:", "F:")))
    return said.code, Counter(lines)


def gdcm_pixels(path: Path, scratch: Path) -> bytes:
    """Return the uncompressed pixel data that GDCM makes of a file.

    Raises
    ------
    RuntimeError
        GDCM cannot read it.
    """
    plain, raw = scratch / "gdcm.dcm", scratch / "gdcm.raw"
    for command in (
        ("gdcmconv", "--raw", path, plain),
        ("gdcmraw", "-t", "7fe0,0010", plain, raw),
    ):
        said = run_tool(*command)
        if said.code != 0:
            raise RuntimeError(f"{command[0]} fails: {' '.join(said.lines)[-300:]}")
    return raw.read_bytes()


def readable_by_dciodvfy(path: Path, scratch: Path) -> Path:
    """Return a file, or a copy of it that dciodvfy can read.

    It knows no deflated data sets, and none without preamble and file meta information.
    """
    import pydicom
    from pydicom.uid import ImplicitVRLittleEndian

    source = pydicom.dcmread(path, force=True)
    syntax = source.file_meta.get("TransferSyntaxUID")
    if source.preamble and syntax is not None and not syntax.is_deflated:
        return path
    if syntax is None or syntax.is_deflated:
        implicit = source.original_encoding[0]
        source.file_meta.TransferSyntaxUID = (
            ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
        )
    copy = scratch / "readable.dcm"
    source.save_as(copy, enforce_file_format=False)
    data = copy.read_bytes()
    if data[128:132] != b"DICM":
        copy.write_bytes(bytes(128) + b"DICM" + data)
    return copy
