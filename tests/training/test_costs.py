"""Costs made comparable, and similarity as a part of what is lost."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from radcodec.metrics import quality
from radcodec.training.costs import CostBook, Distortion, ms_ssim

CELL = torch.tensor([1]), torch.tensor([0.5])


def test_costs_are_evened_out_within_their_cells() -> None:
    book = CostBook()
    modalities = torch.tensor([0, 0, 1])
    position = torch.tensor([0.1, 0.9, 0.1])
    costs = torch.tensor([100.0, 1.0, 7.0])
    for _ in range(3):
        torch.testing.assert_close(book.normalise(costs, modalities, position), torch.ones(3))
    later = book.normalise(2 * costs, modalities, position)
    assert bool((later > 1.9).all()) and bool((later < 2.0).all())


def test_costs_of_one_cell_count_together() -> None:
    book = CostBook()
    cell, place = torch.tensor([2, 2, 3]), torch.tensor([0.99, 1.0, 0.0])
    first = book.normalise(torch.tensor([1.0, 3.0, 5.0]), cell, place)
    torch.testing.assert_close(first, torch.tensor([0.5, 1.5, 1.0]))
    second = book.normalise(torch.tensor([4.0, 8.0]), cell[:2], place[:2])
    # Two costs of mean 6 move the mean of 2 as far as two that are 6 one after the other.
    mean = 2 + (1 - (1 - book.PACE) ** 2) * (6 - 2)
    torch.testing.assert_close(second, torch.tensor([4 / mean, 8 / mean]))
    expected = torch.zeros_like(book.means)
    expected[2, -1], expected[3, 0] = mean, 5
    torch.testing.assert_close(book.means, expected)


def test_costs_keep_their_gradients() -> None:
    costs = torch.tensor([2.0, 6.0], requires_grad=True)
    book = CostBook()
    even = book.normalise(costs, torch.tensor([0, 1]), torch.tensor([0.5, 0.5]))
    (gradient,) = torch.autograd.grad(even.sum(), costs)
    torch.testing.assert_close(gradient, torch.tensor([1 / 2, 1 / 6]))
    assert not book.means.requires_grad


@pytest.mark.parametrize("shape", [(16, 16), (48, 32), (160, 176), (176, 192)])
def test_similarity_is_the_one_that_images_are_measured_by(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(5)
    image = random.random((2, 1, *shape)).cumsum(-1).astype(np.float32) % 1
    noise = random.normal(0, 0.1, image.shape).astype(np.float32)
    found = ms_ssim(torch.from_numpy(image), torch.from_numpy(image + noise))
    for n in range(2):
        expected = quality.ms_ssim(image[n, 0], (image + noise)[n, 0], 1.0)
        assert float(found[n]) == pytest.approx(expected, abs=1e-4)
        assert expected < 0.99


def test_similarity_of_equal_patches_is_one_with_gradients_that_are_finite() -> None:
    image = torch.rand(1, 1, 32, 32)
    decoded = image.clone().requires_grad_()
    similar = ms_ssim(image, decoded)
    (gradient,) = torch.autograd.grad(similar.sum(), decoded)
    assert float(similar.detach()) == pytest.approx(1, abs=1e-5)
    assert bool(gradient.isfinite().all())


def test_similarity_of_opposites_still_has_a_value_and_a_gradient() -> None:
    image = torch.rand(1, 1, 32, 32)
    decoded = (1 - image).requires_grad_()
    similar = ms_ssim(image, decoded)
    (gradient,) = torch.autograd.grad(similar.sum(), decoded)
    assert 0 <= float(similar.detach()) < 0.1
    assert bool(gradient.isfinite().all())


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_distortion_has_the_scale_of_the_squared_error(share: float) -> None:
    image = torch.rand(1, 1, 32, 32)
    distortion = Distortion(share)
    for strength in (0.1, 0.1, 0.1):
        decoded = image + strength * torch.sin(torch.arange(32.0))
        error = (decoded - image).square().mean((1, 2, 3))
        lost = distortion(error, image, decoded, *CELL)
        torch.testing.assert_close(lost, error)


def test_distortion_minds_structure_in_the_place_of_brightness() -> None:
    image = 0.5 + 0.1 * torch.rand(1, 1, 32, 32)
    brighter, blurred = image + 0.05, torch.full_like(image, float(image.mean()))

    def lost(share: float, decoded: torch.Tensor) -> float:
        distortion = Distortion(share)
        grey = image + 0.02 * torch.randn_like(image)
        for _ in range(2):
            distortion((grey - image).square().mean((1, 2, 3)), image, grey, *CELL)
        error = (decoded - image).square().mean((1, 2, 3))
        return float(distortion(error, image, decoded, *CELL))

    torch.manual_seed(1)
    assert lost(0.0, brighter) > lost(0.0, blurred)
    assert lost(1.0, brighter) < lost(1.0, blurred)


def test_a_patch_that_is_all_background_loses_nothing() -> None:
    image = torch.rand(1, 1, 32, 32)
    decoded = image.clone().requires_grad_()
    lost = Distortion(0.5)(torch.zeros(1), image, decoded, *CELL)
    (gradient,) = torch.autograd.grad(lost.sum(), decoded)
    assert float(lost.detach()) == pytest.approx(0, abs=1e-6)
    assert bool(gradient.isfinite().all())
