"""The model of bits that training minimises."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from radcodec.quantising.levels import LEVELS, SCALES, nominal_step
from radcodec.training.rate_model import (
    KNOTS,
    Gains,
    RateModel,
    interpolate,
    log_nominal_step,
    position_of_log_step,
    predict_mean,
)


def _med(plane: list[list[float]], row: int, column: int) -> float:
    """LOCO-I's prediction, as the format defines it at the edges."""
    if row == 0 and column == 0:
        return 0.0
    if row == 0:
        return plane[0][column - 1]
    if column == 0:
        return plane[row - 1][0]
    left, up = plane[row][column - 1], plane[row - 1][column]
    corner = plane[row - 1][column - 1]
    if corner >= max(left, up):
        return min(left, up)
    if corner <= min(left, up):
        return max(left, up)
    return left + up - corner


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (6, 9)])
def test_prediction_is_that_of_the_format(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(9).integers(-9, 10, (2, 1, *shape)).astype(np.float32)
    got = predict_mean(torch.from_numpy(values)).numpy()
    for image, predicted in zip(values[:, 0], got[:, 0], strict=True):
        plane = image.tolist()
        wanted = [[_med(plane, r, c) for c in range(shape[1])] for r in range(shape[0])]
        np.testing.assert_array_equal(predicted, wanted)


def test_bits_are_positive_and_grow_with_magnitude() -> None:
    model = RateModel(4)
    noisy = torch.zeros(3, 4, 6, 5)
    noisy[1, 1:] = 8.0
    noisy[2] = 1e6
    position = torch.tensor([0.0, 0.5, 1.0])
    bits = model(noisy, noisy.round(), position)
    assert bits.shape == noisy.shape
    assert bool(torch.isfinite(bits).all()) and bool((bits > 0).all())
    alone = torch.zeros(1, 4, 6, 5)
    costs = []
    for value in (0.0, 1.0, 3.0, 10.0):
        alone[0, 2, 5, 4] = value
        costs.append(float(model(alone, alone, torch.tensor([0.5]))[0, 2, 5, 4].detach()))
    assert costs == sorted(costs) and costs[0] < 3 < costs[-1]


def test_bits_sum_to_a_distribution() -> None:
    model = RateModel(2)
    values = torch.arange(-200.0, 201.0)
    noisy = torch.zeros(len(values), 2, 3, 3)
    noisy[:, 1, 2, 2] = values
    with torch.no_grad():
        bits = model(noisy, noisy, torch.full((len(values),), 0.3))[:, 1, 2, 2]
    assert float(torch.exp2(-bits).sum()) == pytest.approx(1, abs=2e-3)


def _taught(latents: int) -> RateModel:
    """A model in which every channel speaks of all others, as far as it may."""
    model = RateModel(latents)
    with torch.no_grad():
        model.within.copy_(0.2 + torch.rand(latents, latents, generator=torch.manual_seed(7)))
    return model


@pytest.mark.parametrize("model", [RateModel(3), _taught(3)])
def test_only_what_is_decoded_before_matters(model: RateModel) -> None:
    generator = torch.Generator().manual_seed(1)
    first = torch.randint(-4, 5, (1, 3, 5, 6), generator=generator).float()
    second = first.clone()
    second[:, :, 2, 3:] += 3
    second[:, :, 3:] -= 2
    position = torch.tensor([0.4])
    with torch.no_grad():
        one, two = model(first, first, position), model(second, second, position)
    torch.testing.assert_close(one[:, :, :2], two[:, :, :2])
    torch.testing.assert_close(one[:, :, 2, :3], two[:, :, 2, :3])
    assert not torch.equal(one, two)


@pytest.mark.parametrize("predicted", [True, False])
@pytest.mark.parametrize("changed", range(4))
def test_a_channel_speaks_of_those_after_it_alone(changed: int, predicted: bool) -> None:
    generator = torch.Generator().manual_seed(4)
    first = torch.randint(-4, 5, (2, 4, 5, 6), generator=generator).float()
    second = first.clone()
    second[:, changed, 2, 3] += 9
    position = torch.tensor([0.2, 0.9])
    model = _taught(4)
    with torch.no_grad():
        one, two = (model(image, image, position, predicted) for image in (first, second))
    here = one[..., 2, 3], two[..., 2, 3]
    torch.testing.assert_close(here[0][:, :changed], here[1][:, :changed], rtol=0, atol=0)
    assert bool((here[0][:, changed:] != here[1][:, changed:]).all())
    # Nor does anything that comes before that place.
    torch.testing.assert_close(one[..., :2, :], two[..., :2, :], rtol=0, atol=0)
    torch.testing.assert_close(one[..., 2, :3], two[..., 2, :3], rtol=0, atol=0)


def test_the_first_channel_speaks_as_what_its_prediction_leaves() -> None:
    model = _taught(2)
    flat = torch.full((1, 2, 4, 4), 7.0)
    position = torch.tensor([0.5])
    with torch.no_grad():
        predicted, plain = (model(flat, flat, position, flag)[0, 1] for flag in (True, False))
        model.mix.weight.zero_()
        scale = (model(flat, flat, position, flag)[0, 1] for flag in (True, False))
    assert not torch.allclose(predicted, plain)
    exact, doubtful = scale
    # All but the first value is predicted exactly, and says that little is to come.
    torch.testing.assert_close(exact[0, 0], doubtful[0, 0])
    assert bool((exact.flatten()[1:] > doubtful.flatten()[1:]).all())


def test_a_new_model_does_not_look_within() -> None:
    model, taught = RateModel(3), _taught(3)
    latent = torch.randint(-4, 5, (1, 3, 5, 6), generator=torch.manual_seed(1)).float()
    position = torch.tensor([0.4])
    with torch.no_grad():
        new, bits = model(latent, latent, position), taught(latent, latent, position)
        taught.within.copy_(taught.within.triu())
        unused = taught(latent, latent, position)
    assert torch.equal(new, unused)
    torch.testing.assert_close(new[:, 0], bits[:, 0])
    assert bool((new[:, 1:] != bits[:, 1:]).any())


def test_what_lies_above_the_diagonal_is_not_learned() -> None:
    model = RateModel(3)
    latent = torch.full((1, 3, 5, 6), 2.0)
    model(latent, latent, torch.tensor([0.4])).sum().backward()
    gradient = model.within.grad
    assert gradient is not None
    assert torch.equal(gradient != 0, torch.ones(3, 3).tril(-1) > 0)


@pytest.mark.parametrize("depth", sorted(SCALES))
def test_steps_are_those_of_the_levels(depth: int) -> None:
    position = torch.linspace(0, 1, LEVELS)
    steps = log_nominal_step(position, depth).exp()
    assert (float(steps[0]), float(steps[-1])) == pytest.approx(SCALES[depth])
    wanted = torch.tensor([nominal_step(level, depth) for level in range(LEVELS)])
    torch.testing.assert_close(steps, wanted, rtol=1e-5, atol=0)
    gains = Gains(3, depth)
    with torch.no_grad():
        gains.knots[0, 1] = math.log(2)
        scaled = gains.log_step(torch.tensor([0.0, 1.0])).exp()[:, :, 0, 0]
    torch.testing.assert_close(scaled[:, 0], steps[[0, -1]])
    torch.testing.assert_close(scaled[0, 1], 2 * scaled[0, 0])
    torch.testing.assert_close(scaled[1, 1], scaled[1, 0])


@pytest.mark.parametrize("depth", sorted(SCALES))
def test_positions_come_back_from_their_steps(depth: int) -> None:
    position = torch.linspace(0, 1, 9)
    log_step = log_nominal_step(position, depth)
    torch.testing.assert_close(position_of_log_step(log_step, depth), position)
    beyond = torch.stack([log_step[0] - 1, log_step[-1] + 1])
    assert position_of_log_step(beyond, depth).tolist() == [0, 1]


def test_a_refinement_predicts_no_mean() -> None:
    model = RateModel(2)
    flat = torch.full((1, 2, 5, 5), 0.0)
    flat[:, 0] = 9
    position = torch.tensor([0.5])
    with torch.no_grad():
        image = model(flat, flat, position)[0, 0, 1:, 1:]
        remainder = model(flat, flat, position, predicted=False)[0, 0, 1:, 1:]
    # Predicted, what does not change costs next to nothing.
    assert float(image.max()) < float(remainder.min())
    alone = torch.zeros(1, 2, 5, 5)
    with torch.no_grad():
        torch.testing.assert_close(
            model(alone, alone, position), model(alone, alone, position, predicted=False)
        )


def test_interpolation_meets_its_knots() -> None:
    knots = torch.rand(KNOTS, 2, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(interpolate(knots, torch.linspace(0, 1, KNOTS)), knots)
    middle = interpolate(knots, torch.tensor([0.5 / (KNOTS - 1)]))
    torch.testing.assert_close(middle[0], (knots[0] + knots[1]) / 2)
    torch.testing.assert_close(interpolate(knots, torch.tensor([-1.0]))[0], knots[0])
