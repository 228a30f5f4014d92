"""Networks of random integers for the tests of whole files."""

from __future__ import annotations

import numpy as np
import pytest

from .made import Nets
from .networks import RandomNetwork, table_sets


@pytest.fixture(scope="session")
def nets(tmp_path_factory: pytest.TempPathFactory) -> Nets:
    """Return networks shared by the tests."""
    folder = tmp_path_factory.mktemp("bundles")
    sets = table_sets(np.random.default_rng(5))
    return Nets(RandomNetwork(folder / "2", 2, sets, 7), RandomNetwork(folder / "1", 1, sets, 8))
