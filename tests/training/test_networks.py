"""The two networks are those that the format names: layers, shapes, sizes."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from radcodec.training.networks import Architecture, Compressor, Decompressor

DEPTHS = (1, 2, 3, 4)
#: Millions of parameters at width 64, for depths 1 to 4.
COMPRESSOR_MILLIONS = (0.12, 0.19, 0.27, 0.34)
DECOMPRESSOR_MILLIONS = (0.16, 0.31, 0.45, 0.60)


def _notation(layers: nn.Sequential) -> list[str]:
    """Write layers as `<c>c<w>w<s>s<p>p`, `relu` and `PixelShuffle(2)`."""
    out = []
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            assert layer.kernel_size[0] == layer.kernel_size[1]
            assert layer.stride[0] == layer.stride[1]
            assert isinstance(layer.padding, tuple) and layer.padding[0] == layer.padding[1]
            assert layer.bias is not None
            out.append(
                f"{layer.out_channels}c{layer.kernel_size[0]}w{layer.stride[0]}s{layer.padding[0]}p"
            )
        elif isinstance(layer, nn.PixelShuffle):
            out.append(f"PixelShuffle({layer.upscale_factor})")
        elif not isinstance(layer, nn.Identity):
            assert isinstance(layer, nn.ReLU)
            out.append("relu")
    return out


def _parameters(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


@pytest.mark.parametrize("depth", DEPTHS)
def test_compressor_has_the_layers_of_its_depth(depth: int) -> None:
    unit = ["64c3w1s1p", "relu", "64c3w2s1p", "relu"]
    assert _notation(Compressor(Architecture(depth)).layers) == (depth + 1) * unit + ["16c3w1s1p"]


@pytest.mark.parametrize("depth", DEPTHS)
def test_decompressor_has_the_layers_of_its_depth(depth: int) -> None:
    unit = ["256c3w1s1p", "relu", "PixelShuffle(2)"]
    expected = ["64c3w1s1p", "relu", *(depth * unit), "4c3w1s1p", "PixelShuffle(2)"]
    assert _notation(Decompressor(Architecture(depth)).layers) == expected


@pytest.mark.parametrize("depth", DEPTHS)
def test_wide_networks_are_linear_next_to_their_latents(depth: int) -> None:
    architecture = Architecture(depth, latents=64)
    assert architecture.wide and not Architecture(depth, latents=32).wide
    assert architecture.name == f"d{depth}-64" and Architecture(depth).name == f"d{depth}"
    unit = ["64c3w1s1p", "relu", "64c3w2s1p", "relu"]
    compressor = [*((depth + 1) * unit)[:-1], "64c3w1s1p"]
    assert _notation(Compressor(architecture).layers) == compressor
    unit = ["256c3w1s1p", "relu", "PixelShuffle(2)"]
    decompressor = ["64c3w1s1p", *(depth * unit), "4c3w1s1p", "PixelShuffle(2)"]
    assert _notation(Decompressor(architecture).layers) == decompressor


@pytest.mark.parametrize("depth", DEPTHS)
def test_parameter_counts(depth: int) -> None:
    architecture = Architecture(depth)
    compressor = _parameters(Compressor(architecture)) / 1e6
    decompressor = _parameters(Decompressor(architecture)) / 1e6
    assert abs(compressor - COMPRESSOR_MILLIONS[depth - 1]) <= 0.0051
    assert abs(decompressor - DECOMPRESSOR_MILLIONS[depth - 1]) <= 0.0051


@pytest.mark.parametrize("depth", DEPTHS)
def test_shapes(depth: int) -> None:
    architecture = Architecture(depth, width=8, latents=4)
    assert architecture.block == 2 ** (depth + 1)
    image = torch.zeros(2, 1, 3 * architecture.block, 2 * architecture.block)
    latent = Compressor(architecture)(image)
    assert latent.shape == (2, 4, 3, 2)
    assert Decompressor(architecture)(latent).shape == image.shape


@pytest.mark.parametrize("depth", [0, 5])
def test_other_depths_are_refused(depth: int) -> None:
    with pytest.raises(ValueError, match="depth"):
        Architecture(depth)
