"""The untrained networks are a block DCT, judged by scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.fft import dctn, idctn

pytest.importorskip("torch")

import torch

from radcodec.training.networks import Architecture
from radcodec.training.warm_start import SHARE, warm_start

#: Frequencies (down, across) of the latent's channels.
FREQUENCIES = (
    *((0, 0),),
    *((0, 1), (1, 0)),
    *((1, 1), (0, 2), (2, 0)),
    *((1, 2), (2, 1), (0, 3), (3, 0)),
    *((2, 2), (1, 3), (3, 1), (0, 4), (4, 0)),
    *((2, 3),),
)
#: At depth 1 a block has just as many functions as there are channels.
FREQUENCIES_OF_FOUR = (
    *FREQUENCIES[:10],
    *((2, 2), (1, 3), (3, 1)),
    *((2, 3), (3, 2)),
    *((3, 3),),
)
CASES = [(1, SHARE), (2, SHARE), (3, 1.0), (4, 1.0)]


def _blocks(image: NDArray[np.float64], block: int) -> NDArray[np.float64]:
    """Cut (rows, columns) into (r, c, block, block)."""
    rows, cols = image.shape
    return image.reshape(rows // block, block, cols // block, block).transpose(0, 2, 1, 3)


def _image(block: int, seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random((4 * block, 3 * block), np.float32)


@pytest.mark.parametrize(("depth", "share"), CASES)
def test_compressor_is_the_block_dct(depth: int, share: float) -> None:
    architecture = Architecture(depth)
    compressor, _ = warm_start(architecture, seed=3, share=share)
    image = _image(architecture.block, depth)
    with torch.no_grad():
        latent = compressor(torch.from_numpy(image)[None, None])[0].numpy()
    coefficients = dctn(
        _blocks(image.astype(np.float64) - 0.5, architecture.block), axes=(2, 3), norm="ortho"
    )
    chosen = FREQUENCIES_OF_FOUR if architecture.block == 4 else FREQUENCIES
    expected = np.stack([coefficients[:, :, u, v] for u, v in chosen])
    assert np.abs(latent - expected).max() < 1e-4


@pytest.mark.parametrize(("depth", "share"), CASES)
def test_decompressor_is_its_inverse(depth: int, share: float) -> None:
    architecture = Architecture(depth)
    compressor, decompressor = warm_start(architecture, seed=4, share=share)
    image = _image(architecture.block, 10 + depth)
    with torch.no_grad():
        latent = compressor(torch.from_numpy(image)[None, None])
        decoded = decompressor(latent)[0, 0].numpy()
    block = architecture.block
    coefficients = dctn(_blocks(image.astype(np.float64) - 0.5, block), axes=(2, 3), norm="ortho")
    kept = np.zeros((block, block))
    for u, v in FREQUENCIES_OF_FOUR if block == 4 else FREQUENCIES:
        kept[u, v] = 1
    truncated = idctn(coefficients * kept, axes=(2, 3), norm="ortho") + 0.5
    assert np.abs(_blocks(decoded.astype(np.float64), block) - truncated).max() < 1e-4


@pytest.mark.parametrize("depth", [3, 4])
def test_default_share_is_close_at_great_depths(depth: int) -> None:
    architecture = Architecture(depth)
    image = torch.from_numpy(_image(architecture.block, depth))[None, None]
    with torch.no_grad():
        near, exact = (
            net(image)
            for net in (warm_start(architecture)[0], warm_start(architecture, share=1.0)[0])
        )
    # Ten times less than the mean magnitude of a coefficient of this noise.
    assert float((near - exact).abs().mean()) < 0.1 * float(exact.abs().mean())


def test_seed_decides_the_spare_channels_alone() -> None:
    architecture = Architecture(2)
    first, again, other = (warm_start(architecture, seed=seed)[0] for seed in (1, 1, 2))
    for one, two in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, two)
    assert any(
        not torch.equal(one, two)
        for one, two in zip(first.parameters(), other.parameters(), strict=True)
    )


def test_too_narrow_a_network_is_refused() -> None:
    with pytest.raises(ValueError, match="width"):
        warm_start(Architecture(1, width=16, latents=16))
