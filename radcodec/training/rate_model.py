"""Gains that set the rate, and the model of the bits that training minimises.

The gains stand for a range of rates in one pair of networks: for every latent channel
the logarithm of its quantiser step is piecewise linear in the quality level between a
few knots.  Compressor and decompressor have their own, so that the reconstruction points
may differ from the middle of a step.

The rate model mirrors what the entropy coder does: every latent is judged by how active
its left and upper neighbours are, and channel 0 by its difference from a prediction.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

from radcodec.quantising.levels import SCALES

#: Knots of the piecewise linear gains.
KNOTS = 8
#: Smallest scale of a latent's distribution, in quantiser steps.
SMALLEST_SCALE = 0.04


def log_nominal_step(position: torch.Tensor, depth: int) -> torch.Tensor:
    """Natural logarithm of a depth's nominal step at a position 0 (finest) to 1 (coarsest)."""
    low, high = (math.log(step) for step in SCALES[depth])
    return low + (high - low) * position


def position_of_log_step(log_step: torch.Tensor, depth: int) -> torch.Tensor:
    """Position of a nominal step, the inverse of `log_nominal_step`, clamped to the scale."""
    low, high = (math.log(step) for step in SCALES[depth])
    return ((log_step - low) / (high - low)).clamp(0, 1)


def interpolate(knots: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
    """Linear interpolation of rows of `knots` (k, c) at positions (n,) in [0, 1]: (n, c)."""
    place = position.clamp(0, 1) * (knots.shape[0] - 1)
    low = place.floor().long().clamp(max=knots.shape[0] - 2)
    part = (place - low)[:, None]
    return knots[low] * (1 - part) + knots[low + 1] * part


class Gains(nn.Module):
    """Log correction of the nominal quantiser step, for each channel and knot."""

    def __init__(self, latents: int, depth: int) -> None:
        super().__init__()
        self.depth = depth
        self.knots = nn.Parameter(torch.zeros(KNOTS, latents))

    def log_step(self, position: torch.Tensor) -> torch.Tensor:
        """Natural logarithm of the step, (n, latents, 1, 1), for positions (n,)."""
        steps = log_nominal_step(position, self.depth)[:, None] + interpolate(self.knots, position)
        return steps[:, :, None, None]


def _shifted(latent: torch.Tensor, down: int, right: int) -> torch.Tensor:
    """The neighbour `down` rows above and `right` columns to the left; 0 outside."""
    rows, cols = latent.shape[-2:]
    padded = functional.pad(latent, (max(right, 0), max(-right, 0), down, 0))
    left = 0 if right >= 0 else -right
    return padded[..., :rows, left : left + cols]


def predict_mean(first: torch.Tensor) -> torch.Tensor:
    """MED prediction (LOCO-I) of channel 0, (n, 1, r, c), from left, up and upper left."""
    left = functional.pad(first, (1, 0))[..., :-1]
    up = functional.pad(first, (0, 0, 1, 0))[..., :-1, :]
    # Beside the edges a missing neighbour takes the value of the other one.
    left = torch.cat([up[..., :1], left[..., 1:]], -1)
    up = torch.cat([left[..., :1, :], up[..., 1:, :]], -2)
    corner = functional.pad(first, (1, 0, 1, 0))[..., :-1, :-1]
    corner = torch.cat([up[..., :1], corner[..., 1:]], -1)
    corner = torch.cat([left[..., :1, :], corner[..., 1:, :]], -2)
    return torch.maximum(
        torch.minimum(left, up),
        torch.minimum(torch.maximum(left, up), left + up - corner),
    )


class RateModel(nn.Module):
    """Bits of a quantised latent, with scales from causal neighbours.

    A latent follows a logistic distribution of mean 0 whose log scale is linear in
    log(1 + magnitude) of the left, upper, upper left and upper right neighbours and of the
    channels before it at the same place, in a bias for its channel and level, and in nothing
    that the decoder does not know.
    """

    NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))

    def __init__(self, latents: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.full((KNOTS, latents), -0.5))
        self.mix = nn.Conv2d(latents * len(self.NEIGHBOURS), latents, 1, bias=False)
        nn.init.constant_(self.mix.weight, 0.02)
        #: How channel i speaks of channel k > i, in row k; what is not below the diagonal is unused.
        self.within = nn.Parameter(torch.zeros(latents, latents))

    def forward(
        self,
        noisy: torch.Tensor,
        rounded: torch.Tensor,
        position: torch.Tensor,
        predicted: bool = True,
    ) -> torch.Tensor:
        """Bits of each latent.

        Parameters
        ----------
        noisy : tensor (n, latents, r, c)
            Latent in quantiser steps with uniform noise of one step added.
        rounded : tensor, same shape
            The same, rounded: what the decoder knows of the neighbours.
        position : tensor (n,)
            Quality, 0 (finest) to 1 (coarsest).
        predicted : bool
            Whether channel 0 is predicted from its neighbours: in an image's first layer,
            not in a refinement, whose means are zero on average.

        Returns
        -------
        tensor (n, latents, r, c)
            Non-negative.
        """
        prediction = predict_mean(rounded[:, :1]) if predicted else torch.zeros(())
        residual = torch.cat([noisy[:, :1] - prediction, noisy[:, 1:]], 1)
        known = torch.cat([rounded[:, :1] - prediction, rounded[:, 1:]], 1)
        activity = torch.log1p(known.abs())
        features = torch.cat([_shifted(activity, *shift) for shift in self.NEIGHBOURS], 1)
        before = self.within.tril(-1)[:, :, None, None]
        log_scale = self.mix(features) + functional.conv2d(activity, before)
        log_scale = log_scale + interpolate(self.bias, position)[:, :, None, None]
        scale = functional.softplus(log_scale) + SMALLEST_SCALE
        # Logistic mass of one step around |residual|, arranged to keep precision in tails.
        size = residual.abs()
        upper = torch.sigmoid((0.5 - size) / scale)
        lower = torch.sigmoid((-0.5 - size) / scale)
        return -torch.log2((upper - lower).clamp_min(1e-7))
