"""From a trained decompressor to one with whole weights and activations.

Every layer becomes ``y = clamp((W * x + b + 2**(s - 1)) >> s, min, max)`` in integers, min
being 0, or -max where there is no ReLU, which float32 represents without error as long as no partial sum can reach 2**24: for
every output channel

    sum |w| * (largest input) + |b| + 2**(s - 1)  <  2**24.

Weights are rounded one column after the other, each column's rounding error being made
up for by those still to come, weighted by how the layer's inputs vary together on real
images (Frantar et al., "GPTQ", ICLR 2023; Hassibi and Stork's optimal brain surgeon).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from radcodec.training.networks import Architecture, Decompressor

#: Whole numbers up to here are exact in float32, and so are their sums.
EXACT = 1 << 24


@dataclass(frozen=True)
class IntegerLayer:
    """One convolution in integers.

    Attributes
    ----------
    weight : ndarray of int64, shape (outputs, inputs, 3, 3)
    bias : ndarray of int64, shape (outputs,)
        Without the rounding term.
    shift : ndarray of int64, shape (outputs,)
        Right shift after the sum; 0 in the last layer.
    minimum, maximum : ndarray of int64, shape (outputs,)
        Lower clamp, 0 or -maximum, and upper one.  The last layer is not clamped.
    shuffle : bool
        Whether PixelShuffle(2) follows.
    last : bool
        Whether this is the output layer.
    """

    weight: NDArray[np.int64]
    bias: NDArray[np.int64]
    shift: NDArray[np.int64]
    minimum: NDArray[np.int64]
    maximum: NDArray[np.int64]
    shuffle: bool
    last: bool

    def worst_sum(self, input_limits: NDArray[np.int64]) -> NDArray[np.int64]:
        """Largest magnitude that any partial sum can take, for each output channel."""
        weights = np.abs(self.weight).sum(axis=(2, 3)) @ input_limits
        rounding = np.where(self.shift > 0, 1 << np.maximum(self.shift - 1, 0), 0)
        worst: NDArray[np.int64] = weights + np.abs(self.bias) + rounding
        return worst


@dataclass(frozen=True)
class IntegerDecompressor:
    """A decompressor in integers.

    Attributes
    ----------
    architecture : Architecture
    layers : list of IntegerLayer
    input_scale : ndarray of float64, shape (latents,)
        Input units for each unit of the trained network's latent.
    input_limits : ndarray of int64, shape (latents,)
        Largest magnitude of the input.
    fraction_bits : int
        Output units are ``2**-fraction_bits``.
    """

    architecture: Architecture
    layers: list[IntegerLayer]
    input_scale: NDArray[np.float64]
    input_limits: NDArray[np.int64]
    fraction_bits: int

    def check_bounds(self) -> int:
        """Assert that no partial sum can leave the exact range of float32.

        Returns
        -------
        int
            The largest possible partial sum of all layers.

        Raises
        ------
        ValueError
            If some output channel's bound is 2**24 or more.
        """
        limits, worst = self.input_limits, 0
        for number, layer in enumerate(self.layers):
            sums = layer.worst_sum(limits)
            worst = max(worst, int(sums.max()))
            if worst >= EXACT:
                raise ValueError(
                    f"layer {number}, output {int(sums.argmax())}: sum can reach {worst}"
                )
            limits = layer.maximum[::4] if layer.shuffle else layer.maximum
        return worst

    def run(self, scaled: torch.Tensor) -> torch.Tensor:
        """Reference run in float32: (n, latents, r, c) whole numbers to fixed point."""
        out = scaled
        for layer in self.layers:
            weight = torch.from_numpy(layer.weight.astype(np.float32))
            rounding = np.where(layer.shift > 0, 1 << np.maximum(layer.shift - 1, 0), 0)
            bias = torch.from_numpy((layer.bias + rounding).astype(np.float32))
            out = functional.conv2d(out, weight, bias, padding=1)
            if not layer.last:
                scale = torch.from_numpy(np.exp2(-layer.shift.astype(np.float32)))
                low, top = (
                    torch.from_numpy(limit.astype(np.float32))[:, None, None]
                    for limit in (layer.minimum, layer.maximum)
                )
                out = torch.floor(out * scale[:, None, None])
                out = torch.minimum(torch.maximum(out, low), top)
            if layer.shuffle:
                out = functional.pixel_shuffle(out, 2)
        return out


def _round_weights(
    weight: NDArray[np.float64], hessian: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Round rows of `weight` (outputs, n) so that ``(w - rounded) H (w - rounded)`` is small."""
    count = weight.shape[1]
    work = weight.copy()
    damping = 1e-3 * np.trace(hessian) / count + 1e-12
    order = np.argsort(-np.diag(hessian))
    permuted = hessian[np.ix_(order, order)] + damping * np.eye(count)
    inverse = np.linalg.inv(permuted)
    upper = np.linalg.cholesky((inverse + inverse.T) / 2).T
    work = work[:, order]
    rounded = np.empty_like(work)
    for column in range(count):
        rounded[:, column] = np.rint(work[:, column])
        error = (work[:, column] - rounded[:, column]) / upper[column, column]
        work[:, column + 1 :] -= error[:, None] * upper[column, column + 1 :][None]
    out = np.empty_like(rounded)
    out[:, order] = rounded
    return out


def _patches(plane: torch.Tensor, count: int, generator: torch.Generator) -> NDArray[np.float64]:
    """Random 3 x 3 neighbourhoods of all channels: (count, channels * 9)."""
    n, channels, rows, cols = plane.shape
    padded = functional.pad(plane, (1, 1, 1, 1))
    which = torch.randint(0, n, (count,), generator=generator)
    top = torch.randint(0, rows, (count,), generator=generator)
    left = torch.randint(0, cols, (count,), generator=generator)
    taps = [padded[which, :, top + y, left + x] for y in range(3) for x in range(3)]
    return torch.stack(taps, dim=2).reshape(count, channels * 9).double().numpy()


def _round_layer(
    in_units: NDArray[np.float64],
    bias: NDArray[np.float64],
    unit: NDArray[np.float64],
    places: NDArray[np.int64],
    minimum: NDArray[np.int64],
    maximum: NDArray[np.int64],
    samples: NDArray[np.float64],
    shuffle: bool,
    last: bool,
) -> IntegerLayer:
    """Round one layer.

    Parameters
    ----------
    in_units : ndarray, shape (outputs, inputs, 3, 3)
        Trained weights for whole-numbered inputs and outputs in the trained units.
    bias, unit, places, minimum, maximum : ndarray, shape (outputs,)
        Trained bias, whole-numbered units for each trained one, binary places kept
        below the unit, and both clamps.
    samples : ndarray, shape (n, inputs * 9)
        Neighbourhoods of real inputs.
    shuffle, last : bool
        As in `IntegerLayer`.
    """
    gain = unit * np.exp2(places)
    hessian = samples.T @ samples / len(samples)
    wanted = (in_units * gain[:, None, None, None]).reshape(len(bias), -1)
    rounded = _round_weights(wanted, hessian)
    # The bias takes up the mean of what rounding the weights has changed.
    drift = (wanted - rounded) @ samples.mean(axis=0)
    return IntegerLayer(
        rounded.reshape(in_units.shape).astype(np.int64),
        np.rint(bias * gain + drift).astype(np.int64),
        np.zeros(len(bias), np.int64) if last else places,
        minimum,
        maximum,
        shuffle,
        last,
    )


def quantise_decompressor(
    net: Decompressor,
    latents: torch.Tensor,
    *,
    input_bits: int = 13,
    activation_bits: int = 10,
    margin: float = 2.5,
    seed: int = 0,
    positions: int = 40000,
) -> IntegerDecompressor:
    """Make a trained decompressor whole-numbered.

    Parameters
    ----------
    net : Decompressor
        Trained network, float32 on the CPU.
    latents : tensor (n, latents, r, c)
        Dequantised latents of real images over all modalities and levels, in the trained
        network's units.
    input_bits, activation_bits : int
        Bits of an input's magnitude and of an activation.
    margin : float
        Room above the largest value seen, before clamping.
    seed, positions : int
        Of the neighbourhoods that the rounding is weighted with.

    Returns
    -------
    IntegerDecompressor
        Its bounds checked.
    """
    generator = torch.Generator().manual_seed(seed)
    top = latents.abs().amax(dim=(0, 2, 3)).double().numpy() * margin + 1e-6
    input_limit = (1 << input_bits) - 1
    input_scale = input_limit / top
    input_limits = np.full(len(top), input_limit, np.int64)
    scaled = torch.round(latents.double() * torch.from_numpy(input_scale)[:, None, None])
    whole = scaled.clamp(-input_limit, input_limit).float()
    exact = latents
    scale, limits = input_scale, input_limits
    layers: list[IntegerLayer] = []
    convs = net.convolutions
    fraction_bits = 0
    for number, conv in enumerate(convs):
        last, shuffle = number == len(convs) - 1, number > 0
        signed = number == 0 and net.architecture.wide
        assert conv.bias is not None
        weight = conv.weight.detach().double().numpy()
        bias = conv.bias.detach().double().numpy()
        with torch.no_grad():
            exact = functional.conv2d(exact, conv.weight, conv.bias, padding=1)
            exact = exact if last or signed else exact.relu()
        in_units = weight / scale[None, :, None, None]
        # Sum of one output in real units at worst, the bias and half a unit included.
        reach = np.abs(in_units).sum(axis=(2, 3)) @ limits.astype(np.float64) + np.abs(bias)
        budget = EXACT * 0.97
        samples = _patches(whole, positions, generator)
        if last:
            places = np.full(len(bias), np.floor(np.log2(budget / reach.max())))
            maximum = np.zeros(len(bias), np.int64)
            unit = np.ones(len(bias))
        else:
            peak = exact.abs().amax(dim=(0, 2, 3)).double().numpy() * margin
            if shuffle:
                # The four channels that one shuffle joins share their unit.
                peak = peak.reshape(-1, 4).max(axis=1).repeat(4)
            limit = (1 << activation_bits) - 1
            # A channel that hardly ever wakes must not ask for more places than there are.
            room = budget / (16 * reach)
            room = room.reshape(-1, 4).min(axis=1).repeat(4) if shuffle else room
            unit = np.minimum(limit / np.maximum(peak, 1e-3), room)
            maximum = np.full(len(bias), limit, np.int64)
            places = np.clip(np.floor(np.log2(budget / (reach * unit + 1))), 1, 20)
        minimum = -maximum if signed else np.zeros_like(maximum)
        while True:
            layer = _round_layer(
                in_units,
                bias,
                unit,
                places.astype(np.int64),
                minimum,
                maximum,
                samples,
                shuffle,
                last,
            )
            # Making up for rounding errors can lengthen a row beyond its budget; such a row
            # gives up one binary place and is rounded again.
            over = layer.worst_sum(limits) >= EXACT
            if not over.any():
                break
            places = places - (over.any() if last else over)
            if places.min() < 1:
                raise ValueError(f"layer {number} does not fit into the exact range")
        if last:
            fraction_bits = int(places[0])
        layers.append(layer)
        single = IntegerDecompressor(
            net.architecture, [layer], input_scale, input_limits, fraction_bits
        )
        with torch.no_grad():
            whole = single.run(whole)
            exact = functional.pixel_shuffle(exact, 2) if shuffle else exact
        scale = unit[::4] if shuffle else unit
        limits = maximum[::4] if shuffle else maximum
    result = IntegerDecompressor(net.architecture, layers, input_scale, input_limits, fraction_bits)
    result.check_bounds()
    return result
