"""Real files of pydicom's installed test data."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file

from radcodec.errors import RadcodecError
from radcodec.reading import read_image


def real_files() -> list[Path]:
    """Return the files that pydicom and, where installed, pydicom-data carry."""
    packages = Path(pydicom.__file__).parent
    bundled = [*packages.glob("data/test_files/**/*")]
    bundled += (packages.parent / "data_store" / "data").glob("*")
    return sorted(path for path in bundled if path.is_file())


def real(name: str) -> bytes:
    """Return a file of the installed test data, without looking on the network."""
    path = get_testdata_file(name, download=False)
    if not isinstance(path, str):
        pytest.skip(f"{name} is in pydicom-data, which is not installed")
    return Path(path).read_bytes()


def readable_files() -> list[Path]:
    """Return the real files that are supported, for tests of what comes after reading."""

    def readable(path: Path) -> bool:
        try:
            read_image(path)
        except RadcodecError:
            return False
        return True

    return [path for path in real_files() if readable(path)]
