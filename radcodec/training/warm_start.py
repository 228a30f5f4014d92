"""Initial weights that make the pair of networks a block DCT.

Weights drawn at random take hours to reach the level of a classical codec.  A block
DCT is within reach of the same layers, so training starts there:

* a linear functional u goes through ReLU as the pair relu(u), relu(-u);
* every stride-2 convolution merges the coefficients of four sub-blocks into those of
  the block of twice the side;
* the last convolution keeps the lowest frequencies as latents;
* the decompressor is the transpose, its pixel shuffles putting sub-blocks in place.

Channels that the transform does not need keep small random features, with weights of
zero into the structured ones, so that the start is exactly the transform and training
can still recruit them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from radcodec.quantising.levels import MID_GREY
from radcodec.training.networks import Architecture, Compressor, Decompressor

#: Taps of a 3 x 3 kernel, stride 2 and padding 1, that see the 2 x 2 cell of an output.
CELL_TAPS = ((1, 1), (1, 2), (2, 1), (2, 2))
CENTRE_TAP = (1, 1)
#: Share of the channels that carries the transform.
SHARE = 0.75


@dataclass(frozen=True)
class Level:
    """Block size and kept DCT functions after one stride-2 convolution."""

    block: int
    functions: NDArray[np.float64]  # (kept, block * block), orthonormal rows

    @property
    def kept(self) -> int:
        return int(self.functions.shape[0])


def dct_matrix(size: int) -> NDArray[np.float64]:
    """Orthonormal DCT-II matrix, shape (size, size); row k holds frequency k."""
    k = np.arange(size)
    matrix = np.cos(np.pi * (2 * k[None] + 1) * k[:, None] / (2 * size)) * np.sqrt(2 / size)
    matrix[0] /= np.sqrt(2)
    out: NDArray[np.float64] = matrix
    return out


def low_frequencies(block: int, count: int) -> NDArray[np.float64]:
    """The `count` lowest 2-D DCT functions, by u + v, of a `block`-sided block."""
    matrix = dct_matrix(block)
    order = sorted(
        ((u, v) for u in range(block) for v in range(block)), key=lambda f: (sum(f), max(f), f)
    )
    return np.stack([np.outer(matrix[u], matrix[v]).ravel() for u, v in order[:count]])


def levels(architecture: Architecture, share: float = SHARE) -> list[Level]:
    """Levels from 2 x 2 blocks to the latent's blocks.

    The last level is the DCT of the latent.  A level before it must span what the next
    level's functions look like in each of their four quarters.  Where the block is small
    enough that is the whole DCT; where it is not, the subspace is the best one in the
    least-squares sense, from the singular value decomposition of those quarters.

    Parameters
    ----------
    architecture : Architecture
        Depth, width and number of latents.
    share : float
        Largest share of the channels that carries the transform, 0 to 1; every function
        takes two.  At 1 the start is the DCT to 1e-4; at the default 3/4 it is within
        5e-3 at depths 3 and 4 and leaves a quarter of the channels free.
    """
    limit = int(share * architecture.width) // 2
    coarse = Level(architecture.block, low_frequencies(architecture.block, architecture.latents))
    out = [coarse]
    while coarse.block > 2:
        half = coarse.block // 2
        if half * half <= limit:
            functions = low_frequencies(half, half * half)
        else:
            quarters = np.concatenate([coarse.functions[:, q] for q in _sub_blocks(half)])
            functions = np.linalg.svd(quarters, full_matrices=False)[2][:limit]
        coarse = Level(half, functions)
        out.append(coarse)
    return out[::-1]


def _sub_blocks(half: int) -> list[NDArray[np.int64]]:
    """Flat indices of the four `half`-sided quarters of a block, in raster order."""
    index = np.arange(4 * half * half).reshape(2 * half, 2 * half)
    return [
        index[r * half : (r + 1) * half, c * half : (c + 1) * half].ravel()
        for r in (0, 1)
        for c in (0, 1)
    ]


def _set_linear(
    conv: nn.Conv2d,
    matrices: list[NDArray[np.float64]],
    taps: tuple[tuple[int, int], ...],
    *,
    paired_in: bool,
    paired_out: bool,
) -> None:
    """Write linear maps, one a tap, into the leading channels; zero what they replace.

    `matrices[t]` has shape (outputs, inputs).  Paired channels hold relu(u) in the
    first and relu(-u) in the second group.
    """
    outputs, inputs = matrices[0].shape
    weight, bias = conv.weight.data, conv.bias
    assert bias is not None
    rows = 2 * outputs if paired_out else outputs
    weight[:rows] = 0
    bias.data[:rows] = 0
    for (ty, tx), matrix in zip(taps, matrices, strict=True):
        block = torch.tensor(matrix, dtype=torch.float32)
        for out_group, out_sign in ((0, 1), (1, -1))[: 2 if paired_out else 1]:
            for in_group, in_sign in ((0, 1), (1, -1))[: 2 if paired_in else 1]:
                weight[
                    out_group * outputs : (out_group + 1) * outputs,
                    in_group * inputs : (in_group + 1) * inputs,
                    ty,
                    tx,
                ] += out_sign * in_sign * block


def _randomise(module: nn.Module, generator: torch.Generator, scale: float) -> None:
    for conv in module.modules():
        if isinstance(conv, nn.Conv2d):
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu", generator=generator)
            conv.weight.data *= scale
            if conv.bias is not None:
                nn.init.zeros_(conv.bias)


def _start_compressor(net: Compressor, plan: list[Level]) -> None:
    convs = net.convolutions
    _set_linear(convs[0], [np.eye(1)], (CENTRE_TAP,), paired_in=False, paired_out=True)
    assert convs[0].bias is not None
    convs[0].bias.data[0] = -MID_GREY
    convs[0].bias.data[1] = MID_GREY
    first = plan[0]
    columns = [first.functions[:, [position]] for position in range(4)]
    _set_linear(convs[1], columns, CELL_TAPS, paired_in=True, paired_out=True)
    for step in range(1, len(plan)):
        fine, coarse = plan[step - 1], plan[step]
        _set_linear(
            convs[2 * step], [np.eye(fine.kept)], (CENTRE_TAP,), paired_in=True, paired_out=True
        )
        merge = [
            coarse.functions[:, quarter] @ fine.functions.T for quarter in _sub_blocks(fine.block)
        ]
        _set_linear(convs[2 * step + 1], merge, CELL_TAPS, paired_in=True, paired_out=True)
    _set_linear(convs[-1], [np.eye(plan[-1].kept)], (CENTRE_TAP,), paired_in=True, paired_out=False)


def _start_decompressor(net: Decompressor, plan: list[Level]) -> None:
    convs = net.convolutions
    _set_linear(convs[0], [np.eye(plan[-1].kept)], (CENTRE_TAP,), paired_in=False, paired_out=True)
    for step in range(len(plan) - 1, 0, -1):
        coarse, fine = plan[step], plan[step - 1]
        conv = convs[len(plan) - step]
        weight = conv.weight.data
        assert conv.bias is not None
        for position, quarter in enumerate(_sub_blocks(fine.block)):
            split = torch.tensor(
                fine.functions @ coarse.functions[:, quarter].T, dtype=torch.float32
            )
            for out_group, out_sign in ((0, 1), (1, -1)):
                rows = [(out_group * fine.kept + k) * 4 + position for k in range(fine.kept)]
                weight[rows] = 0
                conv.bias.data[rows] = 0
                for in_group, in_sign in ((0, 1), (1, -1)):
                    start = in_group * coarse.kept
                    weight[rows, start : start + coarse.kept, 1, 1] = out_sign * in_sign * split
    last = convs[-1]
    assert last.bias is not None
    last.weight.data[:] = 0
    last.bias.data[:] = MID_GREY
    kept = plan[0].kept
    pixels = torch.tensor(plan[0].functions.T, dtype=torch.float32)  # (4 positions, kept)
    last.weight.data[:, :kept, 1, 1] = pixels
    last.weight.data[:, kept : 2 * kept, 1, 1] = -pixels


def warm_start(
    architecture: Architecture, seed: int = 0, spare_scale: float = 0.7, share: float = SHARE
) -> tuple[Compressor, Decompressor]:
    """Build both networks so that together they are a truncated block DCT.

    Parameters
    ----------
    architecture : Architecture
        `latents` must not exceed 3/8 of `width`, nor the pixels of a block.
    seed : int
        For the features of the spare channels.
    spare_scale : float
        Their scale against Kaiming initialisation.
    share : float
        See `levels`.

    Returns
    -------
    (Compressor, Decompressor)
        The compressor's latent equals the lowest `latents` coefficients of the
        orthonormal DCT of each block of the image minus 0.5; the decompressor is the
        inverse of that truncated transform.
    """
    if 2 * architecture.latents > architecture.width:
        raise ValueError(
            f"the warm start needs a width of at least twice the latents, "
            f"not {architecture.width} for {architecture.latents}"
        )
    generator = torch.Generator().manual_seed(seed)
    compressor, decompressor = Compressor(architecture), Decompressor(architecture)
    _randomise(compressor, generator, spare_scale)
    _randomise(decompressor, generator, spare_scale)
    plan = levels(architecture, share)
    _start_compressor(compressor, plan)
    _start_decompressor(decompressor, plan)
    return compressor, decompressor
