"""Writing: from restored stored values to DICOM and PNG files."""
