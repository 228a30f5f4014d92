"""Seeds for the fuzzer, made from synthetic images; nothing of a patient is in them."""

from __future__ import annotations

from pathlib import Path

from tests.hostile.made import DICOM_KINDS, RCZ_KINDS, dicom, rcz


def write(folder: Path, target: str) -> None:
    """Write the seeds of a target, "rcz" or "dicom", into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    kinds, make = (RCZ_KINDS, rcz) if target == "rcz" else (DICOM_KINDS, dicom)
    for kind in kinds:
        (folder / f"seed-{kind}").write_bytes(make(kind))
