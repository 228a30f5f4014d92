"""What parsers say of a file, kept from the user or said in the package's own words."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from radcodec.errors import DicomError, InputError, RadcodecError
from radcodec.reading.elements import MalformedError


@contextmanager
def quiet() -> Iterator[None]:
    """Keep a parser's warnings, which are about what is put up with, from the user."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def only_our_errors(name: str) -> Iterator[None]:
    """Turn whatever a parser raises into a `DicomError`."""
    try:
        yield
    except RadcodecError as error:
        if str(error).startswith(name):
            raise
        raise type(error)(f"{name}: {error}") from error
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror or error}") from error
    except MalformedError as error:
        raise DicomError(f"{name}: {error}; get a fresh copy") from error
    except Exception as error:
        raise DicomError(
            f"{name}: DICOM file cannot be parsed ({type(error).__name__}: {error}); "
            "get a fresh copy"
        ) from error
