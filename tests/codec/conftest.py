"""Models, and a real image to feed them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from radcodec.network.store import ModelStore, default_root
from radcodec.reading import read_image
from radcodec.reading.image import GreyImage


@pytest.fixture(scope="session")
def models() -> ModelStore:
    """Return the shipped models; skip where there are none."""
    if not list(default_root().glob("d?/*/manifest.json")):
        pytest.skip("there are no models")
    return ModelStore()


@pytest.fixture(scope="session")
def scan() -> GreyImage:
    """Return a real CT slice of 128 x 128 pixels with its data set."""
    path = get_testdata_file("CT_small.dcm", download=False)
    assert path is not None
    return read_image(Path(str(path)))


@pytest.fixture(scope="session")
def bare(scan: GreyImage) -> GreyImage:
    """Return the same slice without its data set."""
    return replace(scan, dataset=None)


@pytest.fixture(scope="session")
def deepest(models: ModelStore) -> int:
    """Return the greatest depth for CT; skip where nothing refines it."""
    depths = models.depths("ct")
    if 1 not in depths or depths[-1] == 1:
        pytest.skip("there is nothing to refine, or nothing to refine it with")
    return depths[-1]
