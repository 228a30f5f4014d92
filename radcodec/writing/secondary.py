"""The data set of a Secondary Capture image, for pixels that come from a PNG."""

from __future__ import annotations

import io
import uuid

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, ExplicitVRLittleEndian, SecondaryCaptureImageStorage


def secondary_capture(identity: bytes) -> bytes:
    """Return a Part 10 file of a Secondary Capture (PS3.3 A.8.1) with no pixels and no patient.

    Parameters
    ----------
    identity : bytes
        Digest of the pixels: the UIDs are functions of it, so that they repeat.
    """
    target = Dataset()
    target.ImageType = ["DERIVED", "SECONDARY"]
    target.SOPClassUID = SecondaryCaptureImageStorage
    target.Modality = "OT"
    target.ConversionType = "WSD"
    # Type 2: present but empty.
    for keyword in [
        "PatientName",
        "PatientID",
        "PatientBirthDate",
        "PatientSex",
        "StudyDate",
        "StudyTime",
        "StudyID",
        "ReferringPhysicianName",
        "AccessionNumber",
        "SeriesNumber",
        # Whether a paired part of the body is shown is unknown.
        "Laterality",
        "PatientOrientation",
        "InstanceNumber",
    ]:
        setattr(target, keyword, None)
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        setattr(target, keyword, derived_uid(f"{keyword} {identity.hex()}"))
    target.file_meta = FileMetaDataset()
    target.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    out = io.BytesIO()
    dcmwrite(out, target, implicit_vr=False, little_endian=True, enforce_file_format=True)
    return out.getvalue()


def derived_uid(name: str) -> UID:
    """Return a UID that is a function of a name (UUID-derived, PS3.5 B.2)."""
    return UID(f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, name).int}")
