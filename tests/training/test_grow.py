"""Wide networks do at first what the narrow ones do that they grew from."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch")

import torch

from radcodec.training.grow import four_blocks, grown, merging_matrix, synthesis_norms
from radcodec.training.loop import Codec
from radcodec.training.networks import Architecture

WIDTH, LATENTS = 16, 4


def _images(seed: int = 0) -> torch.Tensor:
    """Smooth random images (6, 1, 64, 32)."""
    noise = torch.rand(6, 1, 16, 8, generator=torch.Generator().manual_seed(seed))
    smooth = torch.nn.functional.interpolate(noise, scale_factor=4, mode="bicubic")
    return smooth.clamp(0, 1)


def _narrow(depth: int) -> Codec:
    """A codec whose every weight and gain counts."""
    torch.manual_seed(depth)
    codec = Codec(Architecture(depth, WIDTH, LATENTS), depth).eval()
    with torch.no_grad():
        for parameter in codec.parameters():
            parameter.add_(0.03 * torch.randn_like(parameter))
    return codec


def _spread(gains: torch.nn.Parameter) -> None:
    with torch.no_grad():
        gains.copy_(gains.mean(0).expand_as(gains))


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_wide_pair_decodes_to_what_the_narrow_one_does(depth: int) -> None:
    narrow = _narrow(depth)
    # The same at all levels and both ends, so that all gains cancel.
    _spread(narrow.encode_gains.knots)
    narrow.decode_gains.load_state_dict(narrow.encode_gains.state_dict())
    wide = grown(narrow, _images())
    assert wide.architecture == Architecture(depth + 1, WIDTH, 4 * LATENTS)
    image = torch.rand(1, 1, 8 * narrow.architecture.block, 6 * narrow.architecture.block)
    with torch.no_grad():
        expected = narrow.decompressor(narrow.compressor(image))
        got = wide.decompressor(wide.compressor(image))
    assert got.shape == image.shape
    assert (got - expected).abs().max() < 1e-4
    assert expected.std() > 1e-3


def test_gains_of_the_narrow_pair_are_part_of_the_wide_one() -> None:
    narrow = _narrow(1)
    with torch.no_grad():
        narrow.decode_gains.knots[:] = narrow.encode_gains.knots + 0.5
    wide = grown(narrow, _images())
    image = _images(1)
    with torch.no_grad():
        expected = narrow.decompressor(narrow.compressor(image) * np.exp(0.5))
        got = wide.decompressor(wide.compressor(image))
    assert (got - expected).abs().max() < 1e-4


def test_latents_of_four_blocks_are_those_of_one() -> None:
    latent: NDArray[np.float64] = np.arange(2 * 3 * 4 * 6, dtype=np.float64).reshape(2, 3, 4, 6)
    vectors = four_blocks(latent)
    assert vectors.shape == (2 * 2 * 3, 12)
    # The second image, its block in row 1 and column 2.
    place = latent[1, :, 2:4, 4:6]
    expected = [place[k, row, col] for row in (0, 1) for col in (0, 1) for k in range(3)]
    assert vectors[6 + 5].tolist() == expected


def test_principal_components_are_orthonormal_and_fall() -> None:
    vectors = np.random.default_rng(0).normal(size=(500, 8)) @ np.diag(np.arange(1, 9)) + 3
    turn = merging_matrix(vectors)
    assert np.allclose(turn @ turn.T, np.eye(8))
    energy = ((vectors @ turn.T) ** 2).mean(0)
    assert (np.diff(energy) < 0).all()
    assert (turn.sum(1) >= 0).all()


def test_synthesis_norms_are_those_of_an_orthonormal_transform_at_the_start() -> None:
    assert synthesis_norms(Codec(Architecture(2), 1).eval()) == pytest.approx(1, abs=1e-3)


def test_the_rate_model_knows_what_latents_are_like() -> None:
    wide = grown(_narrow(1), _images()).eval()
    position = torch.full((6,), 0.5)
    with torch.no_grad():
        _, bits = wide(_images(1), position)
    untaught = Codec(wide.architecture, 0).rate_model
    with torch.no_grad():
        latent = wide.compressor(_images(1)) / wide.encode_gains.log_step(position).exp()
        before = untaught(latent, latent.round(), position)
    assert bits.sum() < 0.8 * before.sum()


def test_too_many_latents_are_refused() -> None:
    with pytest.raises(ValueError, match="too many for a width of 16"):
        grown(Codec(Architecture(1, WIDTH, 6), 0), _images())
