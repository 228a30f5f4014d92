"""The integer decompressor: bounds that hold, and float32 that is exact."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch")

import torch

from radcodec.training.integer import EXACT, IntegerDecompressor, quantise_decompressor
from radcodec.training.networks import Architecture, Decompressor
from radcodec.training.warm_start import warm_start


@pytest.fixture(scope="module", params=["narrow", "wide"])
def trained(request: pytest.FixtureRequest) -> Decompressor:
    if request.param == "narrow":
        return warm_start(Architecture(2, width=16, latents=4))[1]
    torch.manual_seed(1)
    return Decompressor(Architecture(2, width=4, latents=4))


@pytest.fixture(scope="module")
def latents() -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randn(3, 4, 6, 5, generator=generator)


@pytest.fixture(scope="module")
def integer(trained: Decompressor, latents: torch.Tensor) -> IntegerDecompressor:
    return quantise_decompressor(trained, latents, positions=500)


def _scaled(net: IntegerDecompressor, latents: torch.Tensor) -> NDArray[np.int64]:
    """Latents in the network's whole-numbered units."""
    scaled = np.rint(latents.numpy().astype(np.float64) * net.input_scale[:, None, None])
    limits = net.input_limits[:, None, None]
    return np.clip(scaled, -limits, limits).astype(np.int64)


def _in_integers(net: IntegerDecompressor, plane: NDArray[np.int64]) -> NDArray[np.int64]:
    """Run one plane (channels, r, c) in 64-bit integers, with nothing of torch."""
    for layer in net.layers:
        rows, cols = plane.shape[1:]
        padded = np.pad(plane, ((0, 0), (1, 1), (1, 1)))
        total = np.zeros((len(layer.bias), rows, cols), np.int64)
        for y in range(3):
            for x in range(3):
                part = padded[:, y : y + rows, x : x + cols]
                total += np.tensordot(layer.weight[:, :, y, x], part, axes=1)
        total += layer.bias[:, None, None]
        if not layer.last:
            shift = layer.shift[:, None, None]
            total = (total + (1 << (shift - 1))) >> shift
            least = -layer.maximum if layer is net.layers[0] and net.architecture.wide else 0
            total = np.clip(total, np.reshape(least, (-1, 1, 1)), layer.maximum[:, None, None])
        if layer.shuffle:
            total = total.reshape(-1, 2, 2, rows, cols).transpose(0, 3, 1, 4, 2)
            total = total.reshape(-1, 2 * rows, 2 * cols)
        plane = total
    return plane


def test_bounds_hold(integer: IntegerDecompressor) -> None:
    worst, limits = 0, integer.input_limits
    for layer in integer.layers:
        for row, bias, shift in zip(layer.weight, layer.bias, layer.shift, strict=True):
            bound = sum(int(np.abs(w).sum()) * int(m) for w, m in zip(row, limits, strict=True))
            worst = max(worst, bound + abs(int(bias)) + ((1 << int(shift)) >> 1))
        limits = layer.maximum[::4] if layer.shuffle else layer.maximum
    assert integer.check_bounds() == worst < EXACT == 2**24


@pytest.mark.parametrize("number", range(4))
def test_a_bound_that_does_not_hold_is_found(integer: IntegerDecompressor, number: int) -> None:
    layers = list(integer.layers)
    layers[number] = replace(layers[number], bias=layers[number].bias + EXACT)
    with pytest.raises(ValueError, match=f"layer {number}"):
        replace(integer, layers=layers).check_bounds()


@pytest.mark.parametrize("extreme", [False, True])
def test_float32_run_equals_integers(
    integer: IntegerDecompressor, latents: torch.Tensor, extreme: bool
) -> None:
    scaled = _scaled(integer, latents)
    if extreme:
        scaled = np.where(scaled > 0, 1, -1) * integer.input_limits[:, None, None]
    got = integer.run(torch.from_numpy(scaled.astype(np.float32))).numpy()
    for plane, image in zip(scaled, got, strict=True):
        np.testing.assert_array_equal(image.astype(np.int64), _in_integers(integer, plane))


def test_close_to_the_trained_network(
    trained: Decompressor, integer: IntegerDecompressor, latents: torch.Tensor
) -> None:
    with torch.no_grad():
        wanted = trained(latents).numpy()
    scaled = torch.from_numpy(_scaled(integer, latents).astype(np.float32))
    got = integer.run(scaled).numpy() / 2.0**integer.fraction_bits
    assert np.abs(got - wanted).max() < 0.02
