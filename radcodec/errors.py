"""Errors that radcodec raises on purpose.

Every message says what is wrong, where, and what to do next.  The command line turns
each class into its exit code; nothing else is expected to reach a user.
"""

from __future__ import annotations

from typing import ClassVar


class RadcodecError(Exception):
    """Base of all errors of this package."""

    exit_code: ClassVar[int] = 1


class UsageError(RadcodecError):
    """A request that cannot be met as asked, such as a ratio out of reach."""

    exit_code = 2


class InputError(RadcodecError):
    """A source image that cannot be read or is not supported."""

    exit_code = 3


class DicomError(InputError):
    """A DICOM object that cannot be read or is not supported."""


class PngError(InputError):
    """A PNG image that cannot be read or is not supported."""


class FormatError(RadcodecError):
    """Bytes that are no valid .rcz file."""

    exit_code = 4


class CorruptError(FormatError):
    """A .rcz file whose bytes have changed."""


class TruncatedError(FormatError):
    """A .rcz file that ends early."""


class UnsupportedVersionError(FormatError):
    """A .rcz file that needs a newer decoder."""


class LimitError(RadcodecError):
    """Something larger than the limits allow."""

    exit_code = 5


class ModelError(RadcodecError):
    """A model bundle that cannot be used."""

    exit_code = 6


class ModelNotFoundError(ModelError):
    """No bundle for what was asked."""


class ModelMismatchError(ModelError):
    """A bundle whose files or answers are not those it was released with."""


class VerificationError(RadcodecError):
    """A decoded image that is not what was recorded."""

    exit_code = 7


class OutputError(RadcodecError):
    """A result that cannot be written."""

    exit_code = 8
