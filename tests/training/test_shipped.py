"""The checkpoints in the repository are the networks that are shipped, before they were rounded."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch")

import torch

from benchmarks.integers import FloatDecompressor, FloatStore
from radcodec.codec import BaseEncoder, prepare
from radcodec.network.store import ModelStore, default_root
from radcodec.training.checkpoints import load_small
from radcodec.training.tables import steps_table
from tests.bench.samples import stored_values
from tests.codec.samples import grey

pytestmark = pytest.mark.skipif(
    not (default_root() / "checkpoints").is_dir(), reason="an installed package has none"
)


@pytest.fixture(scope="module")
def stored() -> NDArray[np.int32]:
    return stored_values("CT_small.dcm")


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_whole_numbers_decode_as_what_was_trained(depth: int, stored: NDArray[np.int32]) -> None:
    prepared = prepare(grey(stored, signed=True, modality="ct"))
    whole = ModelStore()
    layer = BaseEncoder(prepared, "ct", depth, whole).layer
    trained = FloatStore(whole.root).decompressor(layer.decompressor.bundle.id)
    assert isinstance(trained, FloatDecompressor)
    for level in (60, 140):
        latent = layer.latent(level)
        images = [
            net.fixed_image(latent, level) / 2.0**net.fraction_bits
            for net in (layer.decompressor, trained)
        ]
        rounding = np.sqrt(np.mean(np.square(images[0] - images[1])))
        loss = np.sqrt(np.mean(np.square(images[1][:128, :128] - prepared.unit)))
        assert 0 < rounding < loss / 4
        assert rounding < 1e-3


@pytest.mark.parametrize("modality", ["xr", "mg", "ct", "mr"])
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_compressors_are_their_checkpoints(
    depth: int, modality: str, stored: NDArray[np.int32]
) -> None:
    shipped = ModelStore().compressor(modality, depth)
    codec = load_small(default_root() / "checkpoints" / f"d{depth}-{modality}.safetensors")
    np.testing.assert_allclose(shipped.steps, steps_table(codec, decode=False), rtol=2e-3)
    unit = prepare(grey(stored, signed=True, modality="ct")).unit
    with torch.no_grad():
        latent = codec.compressor(torch.from_numpy(unit)[None, None])[0].numpy()
    # Checkpoints keep 11 bits of a weight; at a middling level that moves little.
    apart = (shipped.latent(unit) - latent) / shipped.steps[120][:, None, None]
    assert np.sqrt(np.mean(np.square(apart))) < 0.05
