"""The two convolutional networks, as torch modules.

``c`` kernels of width ``w``, stride ``s`` and padding ``p`` are written ``<c>c<w>w<s>s<p>p``.

Compressor, depth d, one for each modality::

    64c3w1s1p-relu, 64c3w2s1p-relu, d x (64c3w1s1p-relu, 64c3w2s1p-relu), 16c3w1s1p

Decompressor, depth d, one for all modalities::

    64c3w1s1p-relu, d x (256c3w1s1p-relu-PixelShuffle(2)), 4c3w1s1p-PixelShuffle(2)

An image of M x N pixels becomes a latent of 16 x M/2**(d+1) x N/2**(d+1).

Wide networks have as many latents as features.  Behind a ReLU a number of either sign takes two
features, so there the narrowest layers, the compressor's last but one and the decompressor's
first, go without it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class Architecture:
    """Size of the two networks.

    Attributes
    ----------
    depth : int
        Number of digest units, 1 to 4.
    width : int
        Feature channels.
    latents : int
        Latent channels.
    """

    depth: int
    width: int = 64
    latents: int = 16

    def __post_init__(self) -> None:
        if not 1 <= self.depth <= 4:
            raise ValueError(f"depth must be 1 to 4, not {self.depth}")

    @property
    def block(self) -> int:
        """Pixels along one side of the block that one latent position stands for."""
        return int(2 ** (self.depth + 1))

    @property
    def wide(self) -> bool:
        """Whether latents are so many that the layers next to them go without ReLU."""
        return 2 * self.latents > self.width

    @property
    def name(self) -> str:
        """Name of folders and files: the depth, and the number of latents of a wide one."""
        return f"d{self.depth}" + (f"-{self.latents}" if self.wide else "")

    def as_dict(self) -> dict[str, int]:
        """Return the fields as a plain dictionary."""
        return asdict(self)


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=1)


class Compressor(nn.Module):
    """netC(d): image (n, 1, rows, columns) in [0, 1] to latent (n, latents, r, c).

    Rows and columns must be multiples of ``architecture.block``.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width = architecture.width
        layers: list[nn.Module] = [_conv(1, width), nn.ReLU(), _conv(width, width, 2), nn.ReLU()]
        for _ in range(architecture.depth):
            layers += [_conv(width, width), nn.ReLU(), _conv(width, width, 2), nn.ReLU()]
        if architecture.wide:
            layers[-1] = nn.Identity()
        layers.append(_conv(width, architecture.latents))
        self.layers = nn.Sequential(*layers)
        self.architecture = architecture

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the latent, not yet scaled by gains.

        The first layer takes the mid-grey off; bfloat16 would round fine detail away before.
        """
        with torch.autocast(image.device.type, enabled=False):
            features = self.layers[0](image.float())
        out: torch.Tensor = self.layers[1:](features)
        return out

    @property
    def convolutions(self) -> list[nn.Conv2d]:
        """The convolutions in order."""
        return [m for m in self.layers if isinstance(m, nn.Conv2d)]


class Decompressor(nn.Module):
    """netD(d): scaled latent (n, latents, r, c) to image (n, 1, rows, columns)."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width = architecture.width
        first = nn.Identity() if architecture.wide else nn.ReLU()
        layers: list[nn.Module] = [_conv(architecture.latents, width), first]
        for _ in range(architecture.depth):
            layers += [_conv(width, 4 * width), nn.ReLU(), nn.PixelShuffle(2)]
        layers += [_conv(width, 4), nn.PixelShuffle(2)]
        self.layers = nn.Sequential(*layers)
        self.architecture = architecture

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        """Return the image; nominally in [0, 1], not clamped.

        The last convolution adds the mid-grey, so it has to be as exact as the first.
        """
        features = self.layers[:-2](latent)
        with torch.autocast(latent.device.type, enabled=False):
            out: torch.Tensor = self.layers[-2:](features.float())
        return out

    @property
    def convolutions(self) -> list[nn.Conv2d]:
        """The convolutions in order."""
        return [m for m in self.layers if isinstance(m, nn.Conv2d)]
