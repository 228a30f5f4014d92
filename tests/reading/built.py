"""DICOM files built for tests of reading."""

from __future__ import annotations

import io

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from radcodec.reading.dicom import DicomSource
from radcodec.reading.image import Frame


def described(shape: tuple[int, ...], photometric: str = "MONOCHROME2", **tags: object) -> Dataset:
    """Return a data set for pixels of shape (frames, rows, columns[, samples])."""
    source = Dataset()
    source.SOPClassUID, source.SOPInstanceUID = SecondaryCaptureImageStorage, UID("1.2.3")
    source.Modality = "CT"
    source.NumberOfFrames, source.Rows, source.Columns = shape[:3]
    source.SamplesPerPixel = shape[3] if len(shape) > 3 else 1
    source.PhotometricInterpretation = photometric
    source.BitsAllocated, source.BitsStored, source.HighBit = 16, 16, 15
    source.PixelRepresentation = 0
    for keyword, value in tags.items():
        if value is None:
            delattr(source, keyword)
        else:
            setattr(source, keyword, value)
    return source


def written(
    source: Dataset, pixels: bytes, syntax: UID = ExplicitVRLittleEndian, vr: str = "OW"
) -> bytes:
    """Return the file of a data set with its pixel data."""
    source.PixelData = pixels + b"\0" * (len(pixels) % 2)
    source["PixelData"].VR = vr
    source["PixelData"].is_undefined_length = syntax.is_encapsulated
    source.file_meta = FileMetaDataset()
    source.file_meta.TransferSyntaxUID = syntax
    source.file_meta.MediaStorageSOPClassUID = CTImageStorage
    source.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3")
    out = io.BytesIO()
    dcmwrite(
        out,
        source,
        implicit_vr=syntax.is_implicit_VR,
        little_endian=syntax.is_little_endian,
        enforce_file_format=True,
    )
    return out.getvalue()


def frames(data: bytes) -> list[Frame]:
    """Read all frames of a file."""
    with DicomSource(io.BytesIO(data), "x") as source:
        return [source.frame(index) for index in range(source.layout.frames)]


def planes(data: bytes) -> np.ndarray:
    """Read a file's stored values, shape (frames, samples, rows, columns)."""
    return np.stack([frame.planes for frame in frames(data)])


__all__ = ["described", "encapsulate", "encapsulate_extended", "frames", "planes", "written"]
