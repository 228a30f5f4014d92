"""Wide networks from trained ones of one depth less.

A trained pair of depth d, with 16 latents for every block of 2**(d+1) pixels along a side, becomes
a pair of depth d + 1 whose 64 latents for every block of twice the side say just the same: an
orthogonal matrix turns the latents of four neighbouring blocks into those of one.  Its rows are
the principal components of what images give, so that most of them are small.

* Compressor: the layer that gave latents gives them as pairs relu(u), relu(-u), and the new
  stride-2 convolution turns those of four blocks.
* Decompressor: the first layer is the identity, and the second one turns back and goes on with
  what was the first layer, whose neighbours at 3 x 3 lie within 3 x 3 of the larger blocks.

So training starts where that of the smaller depth has stopped.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from radcodec.training.loop import Codec
from radcodec.training.networks import Architecture

#: Latents that take the place of those of four blocks.
FOLD = 4
#: Scale of the random features of spare channels against Kaiming initialisation.
SPARE_SCALE = 0.3
#: Position on the scale of quality where both pairs are to do the same.
FINE = 0.3
#: Steps and learning rate of the rate model's own training, before all else.
FITTING_STEPS = 300
FITTING_RATE = 0.02


def synthesis_norms(codec: Codec) -> NDArray[np.float64]:
    """Norm of what one unit of each latent adds to a decoded image, shape (latents,).

    Measured around the latents of mid-grey, small enough for the network to be linear.
    """
    channels, side, size = codec.architecture.latents, 9, 0.05
    rest = torch.zeros(1, channels, side, side)
    one = torch.zeros(channels, channels, side, side)
    one[range(channels), range(channels), side // 2, side // 2] = size
    with torch.no_grad():
        added = codec.decompressor(one) - codec.decompressor(rest)
    norms: NDArray[np.float64] = (added.double().square().sum((1, 2, 3)).sqrt() / size).numpy()
    return norms


def restoring_gains(codec: Codec) -> NDArray[np.float64]:
    """Gains of the decompressor over those of the compressor at fine steps, shape (latents,)."""
    position = torch.tensor([FINE])
    with torch.no_grad():
        ratio = codec.decode_gains.log_step(position) - codec.encode_gains.log_step(position)
    gains: NDArray[np.float64] = ratio.exp()[0, :, 0, 0].double().numpy()
    return gains


def four_blocks(latent: NDArray[np.float64]) -> NDArray[np.float64]:
    """Latents (n, k, 2r, 2c) of four neighbouring blocks as one vector: (n * r * c, 4 * k)."""
    n, k, rows, cols = latent.shape
    cells = latent.reshape(n, k, rows // 2, 2, cols // 2, 2)
    return cells.transpose(0, 2, 4, 3, 5, 1).reshape(-1, FOLD * k)


def merging_matrix(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Principal components (4 * k, 4 * k) of `four_blocks`, largest first.

    Channel 0 is predicted from its neighbours, and so has to be the mean, near enough: its signs
    are chosen for that.  No mean is taken off, as latents of mid-grey are near 0.
    """
    _, components = np.linalg.eigh(vectors.T @ vectors / len(vectors))
    rows: NDArray[np.float64] = components.T[::-1].copy()
    rows[rows.sum(axis=1) < 0] *= -1
    return rows


def grown(narrow: Codec, images: torch.Tensor, seed: int = 0) -> Codec:
    """Build the wide pair of one depth more that does what a trained pair does.

    Parameters
    ----------
    narrow : Codec
        Trained, with at most a quarter as many latents as features, as 16 of 64.
    images : tensor (n, 1, rows, columns) in [0, 1]
        Real patches, sides multiples of the new block, that principal components are taken of.
    seed : int
        For the features of spare channels.

    Returns
    -------
    Codec
        It decodes to what `narrow` does, but for rounding.

    Raises
    ------
    ValueError
        If there are too many latents for that.
    """
    old = narrow.architecture
    new = Architecture(old.depth + 1, old.width, FOLD * old.latents)
    if new.latents > new.width:
        raise ValueError(
            f"{old.latents} latents become {new.latents}, too many for a width of {new.width}"
        )
    torch.manual_seed(seed)
    codec = Codec(new, seed)
    with torch.no_grad():
        latent = narrow.compressor(images).double().numpy()
    norms = synthesis_norms(narrow)
    scales = norms * restoring_gains(narrow)
    turn = merging_matrix(four_blocks(latent * scales[:, None, None]))
    merge = turn * np.tile(scales, FOLD)  # (new latents, 4 * k): from old latents
    split = turn.T / np.tile(norms, FOLD)[:, None]  # (4 * k, new latents): to old latents
    with torch.no_grad():
        _grow_compressor(codec, narrow, torch.from_numpy(merge).float())
        _grow_decompressor(codec, narrow, torch.from_numpy(split).float())
    _fit_rate_model(codec, images)
    return codec


def _identity(conv: torch.nn.Conv2d) -> None:
    torch.nn.init.dirac_(conv.weight)
    assert conv.bias is not None
    conv.bias.zero_()


def _grow_compressor(codec: Codec, narrow: Codec, merge: torch.Tensor) -> None:
    ours, theirs = codec.compressor.convolutions, narrow.compressor.convolutions
    for mine, other in zip(ours, theirs[:-1], strict=False):
        mine.load_state_dict(other.state_dict())
    last, k = theirs[-1], narrow.architecture.latents
    pairs, turning = ours[len(theirs) - 1], ours[len(theirs)]
    assert pairs.bias is not None and turning.bias is not None and last.bias is not None
    pairs.weight.mul_(SPARE_SCALE)
    for group, sign in ((0, 1), (1, -1)):
        pairs.weight[group * k : (group + 1) * k] = sign * last.weight
        pairs.bias[group * k : (group + 1) * k] = sign * last.bias
    turning.weight.zero_()
    turning.bias.zero_()
    for cell in range(FOLD):
        part = merge[:, cell * k : (cell + 1) * k]
        # Stride 2 and padding 1: taps 1 and 2 see the two blocks of an output.
        turning.weight[:, :k, 1 + cell // 2, 1 + cell % 2] = part
        turning.weight[:, k : 2 * k, 1 + cell // 2, 1 + cell % 2] = -part
    _identity(ours[-1])


def _grow_decompressor(codec: Codec, narrow: Codec, split: torch.Tensor) -> None:
    ours, theirs = codec.decompressor.convolutions, narrow.decompressor.convolutions
    _identity(ours[0])
    first, k = theirs[0], narrow.architecture.latents
    assert first.bias is not None and ours[1].bias is not None
    ours[1].weight.zero_()
    for cell in range(FOLD):
        row, col = divmod(cell, 2)
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                # The old neighbour lies in this larger block, and is this one of its four.
                (above, at_row), (beside, at_col) = divmod(row + down, 2), divmod(col + right, 2)
                source = split[(2 * at_row + at_col) * k :][:k]
                weight = first.weight[:, :, 1 + down, 1 + right] @ source
                ours[1].weight[cell::FOLD, :, 1 + above, 1 + beside] += weight
        ours[1].bias[cell::FOLD] = first.bias
    for mine, other in zip(ours[2:], theirs[1:], strict=True):
        mine.load_state_dict(other.state_dict())


def _fit_rate_model(codec: Codec, images: torch.Tensor, steps: int = FITTING_STEPS) -> None:
    """Teach the rate model what the latents are like, which takes large steps of its own."""
    with torch.no_grad():
        latent = codec.compressor(images)
    optimiser = torch.optim.Adam(codec.rate_model.parameters(), lr=FITTING_RATE)
    generator = torch.Generator().manual_seed(0)
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = FITTING_RATE * (1 - step / steps)
        position = torch.rand(len(images), generator=generator)
        exact = latent / codec.encode_gains.log_step(position).exp().detach()
        noise = torch.rand(exact.shape, generator=generator) - 0.5
        bits = codec.rate_model(exact + noise, exact.round(), position)
        loss = bits.sum(dim=(1, 2, 3)).log().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
