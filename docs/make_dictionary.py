"""Make the preset dictionary that DICOM data sets are deflated with.

Usage::

    python docs/make_dictionary.py radcodec/container/dataset-1.dict

The dictionary holds the beginnings of elements that data sets of CT, MR and radiographs have in
common, with usual values where there are any, as Explicit VR Little Endian writes them; no line
of it comes from a patient.  What is likeliest stands last, where references to it are shortest.
Once a version is released, its dictionary never changes: a file names none, the format does.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.filewriter import write_dataset

UID = "1.2.840.10008."
#: Storage classes, transfer syntaxes, coding schemes and other registered texts.
WORDS = """
1.2.840.10008.5.1.4.1.1.1.2 1.2.840.10008.5.1.4.1.1.1.2.1 1.2.840.10008.5.1.4.1.1.1.1.1
1.2.840.10008.5.1.4.1.1.1.3 1.2.840.10008.5.1.4.1.1.4.1 1.2.840.10008.5.1.4.1.1.2.1
1.2.840.10008.1.2.4.50 1.2.840.10008.1.2.4.57 1.2.840.10008.1.2.4.70 1.2.840.10008.1.2.4.80
1.2.840.10008.1.2.4.90 1.2.840.10008.1.2.4.91 1.2.840.10008.1.2.5 1.2.840.10008.1.2.2
1.2.840.113619.2. 1.3.12.2.1107.5.2. 1.3.12.2.1107.5.1.4. 1.2.392.200036.9116.2.
1.3.46.670589.11. 1.3.6.1.4.1.14519.5.2.1. 1.2.276.0.7230010.3. OFFIS_DCMTK_ 1.2.826.0.1.3680043.
SIEMENS CSA HEADER SIEMENS MEDCOM HEADER GEMS_IDEN_01 GEMS_ACQU_01 GEMS_RELA_01 GEMS_PARM_01
GEMS_IMAG_01 GEMS_SERS_01 GEMS_PATI_01 GEMS_STDY_01 Philips Imaging DD 001 Philips MR Imaging DD 001
TOSHIBA_MEC_CT3 Agfa FUJIFILM Corporation KODAK Carestream Health Canon Hologic, Inc. LORAD
PHILIPS Philips Medical Systems Philips Healthcare TOSHIBA GE MEDICAL SYSTEMS SIEMENS Siemens HealthCare
DISCOVERY LightSpeed Optima Signa HDxt Brilliance Ingenia Achieva Skyra Aera Avanto Verio SOMATOM
Definition Sensation Emotion Aquilion CHEST ABDOMEN PELVIS HEAD BRAIN NECK SPINE KNEE BREAST THORAX
CTAP W/O CONTRAST STANDARD BONE LUNG SOFT DERIVED\\SECONDARY ORIGINAL\\PRIMARY\\LOCALIZER
ORIGINAL\\PRIMARY\\M\\ND\\NORM ORIGINAL\\PRIMARY\\M_SE\\M\\SE DERIVED\\PRIMARY YES NO Anonymized ANONYMOUS
ISO 2022 IR 6 ISO_IR 192 PatientIdentityRemoved CTP Default DCM 113100 113105 113107 113108 113109
Basic Application Confidentiality Profile Retain Longitudinal Modified Dates Option
Standard contrast BLUNT UNDISTORTED PIXELS LIN POSTERIOR ANTERIOR POSTERO_ANTERIOR MLO CC
"""

#: Keyword and usual value, less common ones first within the order of tags.
ELEMENTS: tuple[tuple[str, object], ...] = (
    ("SpecificCharacterSet", "ISO_IR 100"),
    ("ImageType", ["ORIGINAL", "PRIMARY", "AXIAL"]),
    ("InstanceCreationDate", "20040119"),
    ("InstanceCreationTime", "072731.000000"),
    ("InstanceCreatorUID", "1.3.6.1.4.1."),
    ("SOPClassUID", UID + "5.1.4.1.1.2"),
    ("SOPInstanceUID", "1.3.6.1.4.1.14519.5.2.1."),
    ("StudyDate", "20100101"),
    ("SeriesDate", "20100101"),
    ("AcquisitionDate", "20100101"),
    ("ContentDate", "20100101"),
    ("StudyTime", "120000.000000"),
    ("SeriesTime", "120000.000000"),
    ("AcquisitionTime", "120000.000000"),
    ("ContentTime", "120000.000000"),
    ("AccessionNumber", ""),
    ("Modality", "CT"),
    ("PresentationIntentType", "FOR PRESENTATION"),
    ("Manufacturer", "GE MEDICAL SYSTEMS"),
    ("InstitutionName", ""),
    ("InstitutionAddress", ""),
    ("ReferringPhysicianName", ""),
    ("StationName", ""),
    ("StudyDescription", "CHEST"),
    ("SeriesDescription", ""),
    ("InstitutionalDepartmentName", ""),
    ("PerformingPhysicianName", ""),
    ("OperatorsName", ""),
    ("AdmittingDiagnosesDescription", ""),
    ("ManufacturerModelName", "LightSpeed VCT"),
    ("DerivationDescription", ""),
    ("PatientName", ""),
    ("PatientID", ""),
    ("PatientBirthDate", ""),
    ("PatientSex", "M"),
    ("PatientAge", "060Y"),
    ("PatientSize", "1.70"),
    ("PatientWeight", "70.000000"),
    ("AdditionalPatientHistory", ""),
    ("PatientIdentityRemoved", "YES"),
    ("DeidentificationMethod", ""),
    ("ContrastBolusAgent", ""),
    ("BodyPartExamined", "CHEST"),
    ("ScanningSequence", "SE"),
    ("SequenceVariant", "SK"),
    ("ScanOptions", "HELICAL MODE"),
    ("MRAcquisitionType", "2D"),
    ("SequenceName", ""),
    ("AngioFlag", "N"),
    ("SliceThickness", "5.000000"),
    ("KVP", "120"),
    ("RepetitionTime", "500"),
    ("EchoTime", "15"),
    ("InversionTime", "0"),
    ("NumberOfAverages", "1"),
    ("ImagingFrequency", "63.8"),
    ("ImagedNucleus", "1H"),
    ("EchoNumbers", "1"),
    ("MagneticFieldStrength", "1.5"),
    ("SpacingBetweenSlices", "5"),
    ("NumberOfPhaseEncodingSteps", "256"),
    ("DataCollectionDiameter", "500.000000"),
    ("EchoTrainLength", "1"),
    ("PercentSampling", "100"),
    ("PercentPhaseFieldOfView", "100"),
    ("PixelBandwidth", "130"),
    ("DeviceSerialNumber", ""),
    ("PlateID", ""),
    ("SoftwareVersions", ""),
    ("ProtocolName", ""),
    ("SpatialResolution", "0.1"),
    ("ReconstructionDiameter", "360.000000"),
    ("DistanceSourceToDetector", "949.075012"),
    ("DistanceSourceToPatient", "541.000000"),
    ("GantryDetectorTilt", "0.000000"),
    ("TableHeight", "150.000000"),
    ("RotationDirection", "CW"),
    ("ExposureTime", "500"),
    ("XRayTubeCurrent", "300"),
    ("Exposure", "100"),
    ("FilterType", "BODY FILTER"),
    ("ImagerPixelSpacing", ["0.1", "0.1"]),
    ("Grid", "NONE"),
    ("GeneratorPower", "40"),
    ("FocalSpots", "1.2"),
    ("ReceiveCoilName", "HEAD"),
    ("TransmitCoilName", "BODY"),
    ("ConvolutionKernel", "STANDARD"),
    ("AcquisitionMatrix", [0, 256, 256, 0]),
    ("InPlanePhaseEncodingDirection", "ROW"),
    ("FlipAngle", "90"),
    ("VariableFlipAngleFlag", "N"),
    ("SAR", "0.5"),
    ("dBdt", "0"),
    ("PatientPosition", "HFS"),
    ("ViewPosition", "PA"),
    ("Sensitivity", "200"),
    ("StudyInstanceUID", "1.3.6.1.4.1.14519.5.2.1."),
    ("SeriesInstanceUID", "1.3.6.1.4.1.14519.5.2.1."),
    ("StudyID", ""),
    ("SeriesNumber", "2"),
    ("AcquisitionNumber", "1"),
    ("InstanceNumber", "1"),
    ("PatientOrientation", ["L", "P"]),
    ("ImagePositionPatient", ["-180.000000", "-180.000000", "-100.000000"]),
    (
        "ImageOrientationPatient",
        ["1.000000", "0.000000", "0.000000", "0.000000", "1.000000", "0.000000"],
    ),
    ("FrameOfReferenceUID", "1.3.6.1.4.1.14519.5.2.1."),
    ("Laterality", ""),
    ("ImagesInAcquisition", "1"),
    ("PositionReferenceIndicator", "SN"),
    ("SliceLocation", "-100.000000"),
    ("ImageComments", ""),
    ("SamplesPerPixel", 1),
    ("PhotometricInterpretation", "MONOCHROME2"),
    ("NumberOfFrames", "1"),
    ("Rows", 512),
    ("Columns", 512),
    ("PixelSpacing", ["0.703125", "0.703125"]),
    ("BitsAllocated", 16),
    ("BitsStored", 12),
    ("HighBit", 11),
    ("PixelRepresentation", 0),
    ("SmallestImagePixelValue", 0),
    ("LargestImagePixelValue", 4095),
    ("PixelPaddingValue", 63536),
    ("BurnedInAnnotation", "NO"),
    ("WindowCenter", "40"),
    ("WindowWidth", "400"),
    ("RescaleIntercept", "-1024"),
    ("RescaleSlope", "1"),
    ("RescaleType", "HU"),
    ("WindowCenterWidthExplanation", ["WINDOW1", "WINDOW2"]),
    ("LossyImageCompression", "00"),
    ("RequestingPhysician", ""),
    ("RequestedProcedureDescription", ""),
    ("PerformedStationAETitle", ""),
    ("PerformedProcedureStepStartDate", "20100101"),
    ("PerformedProcedureStepStartTime", "120000"),
    ("PerformedProcedureStepEndDate", "20100101"),
    ("PerformedProcedureStepEndTime", "120000"),
    ("PerformedProcedureStepID", ""),
    ("PerformedProcedureStepDescription", ""),
    ("RequestedProcedureID", ""),
    ("ScheduledProcedureStepDescription", ""),
    ("PresentationLUTShape", "IDENTITY"),
)


def encoded(*, implicit: bool) -> bytes:
    """Return the elements as a data set."""
    dataset = Dataset()
    for keyword, value in ELEMENTS:
        setattr(dataset, keyword, value)
    if "PixelPaddingValue" in dataset:
        dataset["PixelPaddingValue"].VR = "US"
    for keyword in ("SmallestImagePixelValue", "LargestImagePixelValue"):
        dataset[keyword].VR = "US"
    stream = io.BytesIO()
    from pydicom.filebase import DicomIO

    target = DicomIO(stream)
    target.is_little_endian, target.is_implicit_VR = True, implicit
    write_dataset(target, dataset)
    return stream.getvalue()


def dictionary() -> bytes:
    """Return the dictionary."""
    words = " ".join(WORDS.split()).encode("ascii")
    meta = (
        b"DICM\x02\x00\x00\x00UL\x04\x00\xc0\x00\x00\x00"
        b"\x02\x00\x01\x00OB\x00\x00\x02\x00\x00\x00\x00\x01"
        b"\x02\x00\x02\x00UI\x1a\x001.2.840.10008.5.1.4.1.1.4\x00"
        b"\x02\x00\x02\x00UI\x1a\x001.2.840.10008.5.1.4.1.1.1\x00"
        b"\x02\x00\x03\x00UI\x02\x00\x10\x00UI\x14\x001.2.840.10008.1.2.1\x00"
        b"\x02\x00\x10\x00UI\x12\x001.2.840.10008.1.2\x00"
        b"\x02\x00\x12\x00UI\x1c\x00\x02\x00\x13\x00SH\x10\x00\x02\x00\x16\x00AE"
    )
    # A preamble is 128 zeros; DEFLATE refers at most 32768 bytes back.
    made = words + encoded(implicit=True) + bytes(128) + meta + encoded(implicit=False)
    assert len(made) < 30000
    return made


def main() -> None:
    """Write the dictionary to the path that is given."""
    Path(sys.argv[1]).write_bytes(dictionary())


if __name__ == "__main__":
    main()
