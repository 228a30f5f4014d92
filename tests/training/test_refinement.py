"""What a refining codec learns on: what a deeper one leaves of an image."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from radcodec.quantising.levels import MID_GREY
from radcodec.training.loop import Codec
from radcodec.training.networks import Architecture
from radcodec.training.rate_model import Gains, log_nominal_step
from radcodec.training.refinement import STEP_RATIO, Bases


class Known(Codec):
    """A codec that decodes every image to the same plane, and notes the steps it is asked for."""

    def __init__(self, depth: int, decoded: torch.Tensor) -> None:
        super().__init__(Architecture(depth, width=8, latents=4))
        self.plane = decoded
        self.steps: list[torch.Tensor] = []
        noted = self.steps

        class Noting(Gains):
            def log_step(self, position: torch.Tensor) -> torch.Tensor:
                out = super().log_step(position)
                noted.append(out[:, 0, 0, 0].clone())
                return out

        class Decoded(nn.Module):
            def forward(self, latent: torch.Tensor) -> torch.Tensor:
                return decoded

        self.encode_gains = Noting(4, depth)
        self.decompressor = Decoded()  # type: ignore[assignment]


@pytest.fixture
def image() -> torch.Tensor:
    return torch.rand(3, 1, 32, 32, generator=torch.Generator().manual_seed(3))


POSITION = torch.tensor([0.2, 0.5, 0.8])


def test_an_exact_base_leaves_middle_grey(image: torch.Tensor) -> None:
    bases = Bases([Known(2, image)], 1, 1, "cpu")
    left = bases.remainder(image, torch.ones_like(image), POSITION)
    assert left.shape == image.shape
    assert bool((left == MID_GREY).all())


def test_what_is_left_is_the_difference(image: torch.Tensor) -> None:
    # The base's output is clamped, as in the decoder.
    decoded = image * 1.5 - 0.2
    weight = torch.ones_like(image)
    weight[:, :, :10] = 0
    left = Bases([Known(3, decoded)], 1, 1, "cpu").remainder(image, weight, POSITION)
    torch.testing.assert_close(left[:, :, 10:] - MID_GREY, (image - decoded.clamp(0, 1))[:, :, 10:])
    assert bool((left[:, :, :10] == MID_GREY).all())
    assert not left.requires_grad


def test_a_trained_form_of_base_leaves_less_than_the_image(image: torch.Tensor) -> None:
    smooth = nn.functional.avg_pool2d(image, 9, 1, 4)
    base = Codec(Architecture(2, width=16, latents=4))
    weight = torch.ones_like(smooth)
    left = Bases([base], 1, 1, "cpu").remainder(smooth, weight, torch.zeros(3)) - MID_GREY
    assert float(left.abs().mean()) < 0.5 * float((smooth - smooth.mean()).abs().mean())
    assert abs(float(left.mean())) < 0.05


def test_the_base_is_coarser_or_little_finer_than_what_refines_it(image: torch.Tensor) -> None:
    base = Known(2, image)
    bases = Bases([base], 1, 1, "cpu")
    position = torch.full((3,), 0.5)
    own = log_nominal_step(position, 1)
    ratios = []
    for _ in range(30):
        bases.remainder(image, torch.ones_like(image), position)
        ratios.append(float((base.steps[-1] - own)[0]) / math.log(2))
    assert STEP_RATIO[0] - 1e-4 <= min(ratios) < max(ratios) <= STEP_RATIO[1] + 1e-4
    assert max(ratios) - min(ratios) > 1


def test_every_base_is_drawn(image: torch.Tensor) -> None:
    codecs = [Known(2, image), Known(3, image * 0)]
    bases = Bases(codecs, 1, 1, "cpu")
    for _ in range(20):
        bases.remainder(image, torch.ones_like(image), POSITION)
    assert all(codec.steps for codec in codecs)
    assert not any(p.requires_grad for codec in codecs for p in codec.parameters())


def test_same_seed_same_draws() -> None:
    one, two, other = (Bases([], 1, seed, "cpu") for seed in (4, 4, 5))
    draws = [[bases.draw() for _ in range(5)] for bases in (one, two, other)]
    assert draws[0] == draws[1] != draws[2]
    assert all(0 <= value < 1 for value in draws[0])


@pytest.mark.parametrize(("base", "depth"), [(1, 1), (2, 2), (2, 3)])
def test_a_base_must_be_deeper(base: int, depth: int) -> None:
    with pytest.raises(ValueError, match="deeper"):
        Bases([Codec(Architecture(base, width=8, latents=4))], depth, 1, "cpu")
