"""Random patches of training images, augmented, on the device that trains.

All pixels lie in one buffer, on the GPU where that trains: what is drawn is decided by numpy on
the CPU, a few numbers a patch, and cut, scaled and augmented by torch on the device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from radcodec.training.data import MODALITIES, Sample

#: Images with both sides above this are drawn at half and quarter scale more often.
LARGE = 1500
#: Parts of an image that are looked at for one with less background than `MOSTLY`.
TRIES, MOSTLY = 6, 0.6
#: Places along each side of a part where it is looked at.
PROBES = 12
#: Largest value in the buffer, which keeps 15 bits of a pixel and one for the background.
TOP = 32767


@dataclass(frozen=True)
class Cuts:
    """Where patches are cut, arrays of shape (count,): see `PatchSource`.

    Attributes
    ----------
    sample : int64
        Number of the image.
    scale : int64
        1, 2 or 4: pixels along each side that are averaged.
    top, left : int64
        Corner, in pixels of the image.
    """

    sample: NDArray[np.int64]
    scale: NDArray[np.int64]
    top: NDArray[np.int64]
    left: NDArray[np.int64]


def _stored(sample: Sample) -> NDArray[np.int16]:
    """Pixels in 15 bits, those of background as their complement."""
    values = (sample.unit >> 1).astype(np.int16)
    return values if sample.mask is None else np.where(sample.mask, ~values, values)


def _turned(patches: torch.Tensor, flags: torch.Tensor) -> torch.Tensor:
    """Mirror along either side, then swap both sides, of those (n, size, size) that (3, n) say."""
    down, across, swapped = flags[..., None, None]
    patches = torch.where(down, patches.flip(1), patches)
    patches = torch.where(across, patches.flip(2), patches)
    return torch.where(swapped, patches.transpose(1, 2), patches)


class PatchSource:
    """Endless random patches, augmented.

    Parameters
    ----------
    samples : list of Sample
        Where patches come from; a modality with fewer images is drawn as often as
        `weights` says all the same.
    size : int
        Side of a patch in pixels.
    weights : dict
        Modality to relative frequency.
    seed : int
        For reproducible draws.
    device : str
        "cpu" or "cuda": where patches are made.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        size: int,
        weights: dict[str, float],
        seed: int,
        device: str = "cpu",
    ) -> None:
        self.size = size
        self.device = device
        self.random = np.random.default_rng(seed)
        self.noise = torch.Generator(device).manual_seed(seed)
        kinds = [sample.modality for sample in samples]
        used = [m for m in MODALITIES if m in kinds and weights.get(m, 0) > 0]
        if not used:
            raise ValueError("no image of any modality that the weights name")
        self.groups = [np.flatnonzero([kind == m for kind in kinds]) for m in used]
        self.shares = np.array([weights[m] for m in used]) / sum(weights[m] for m in used)
        numbers = {kind: number for number, kind in enumerate(MODALITIES)}
        self.modality = np.array([numbers.get(kind, -1) for kind in kinds])
        self.rows, self.cols = np.array([sample.unit.shape for sample in samples]).T
        self.step = np.array([sample.step for sample in samples])
        self.begin = np.concatenate([[0], np.cumsum(self.rows * self.cols)[:-1]])
        self.host = np.concatenate([_stored(sample).ravel() for sample in samples])
        self.pixels = torch.from_numpy(self.host).to(device)

    def _cuts(self, count: int) -> Cuts:
        """Draw where to cut: halved in scale at times, parts that are not background by choice."""
        draw = self.random
        group = draw.choice(len(self.groups), count, p=self.shares)
        sample = np.array([draw.choice(self.groups[n]) for n in group])
        rows, cols = self.rows[sample], self.cols[sample]
        least = np.minimum(rows, cols)
        large = least > LARGE
        scale = np.ones(count, np.int64)
        halved = draw.random(count) < np.where(large, 0.5, 0.25)
        scale[halved & (least >= 2 * self.size)] = 2
        scale[(draw.random(count) < 0.3) & large & (least >= 4 * self.size)] = 4
        side = scale * self.size
        top, left = (
            (draw.random((TRIES, count)) * (np.maximum(length - side, 0) + 1)).astype(np.int64)
            for length in (rows, cols)
        )
        probes = np.arange(PROBES)
        ys, xs = (
            corner[..., None] + (np.minimum(side, length)[:, None] - 1) * probes // (PROBES - 1)
            for corner, length in ((top, rows), (left, cols))
        )
        begin, cols = self.begin[sample][:, None, None], cols[:, None, None]
        covered = (self.host[begin + ys[..., None] * cols + xs[..., None, :]] < 0).mean(axis=(2, 3))
        fit = covered < MOSTLY
        # The first that fits, else the last one.
        chosen = np.where(fit.any(axis=0), fit.argmax(axis=0), TRIES - 1)
        at = np.arange(count)
        return Cuts(sample, scale, top[chosen, at], left[chosen, at])

    def _cut(
        self, cuts: Cuts, which: NDArray[np.int64], scale: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Cut patches of one scale: values in [0, 1] and background, each (n, size, size)."""
        sample = cuts.sample[which]
        of_image = self.begin[sample], self.rows[sample], self.cols[sample]
        numbers = np.stack([*of_image, cuts.top[which], cuts.left[which]])
        begin, rows, cols, top, left = torch.from_numpy(numbers).to(self.device)[..., None]
        along = torch.arange(self.size * scale, device=self.device)
        y, x = top + along, left + along
        # Where an image is smaller than a patch its edge goes on, as background.
        outside = (y >= rows)[:, :, None] | (x >= cols)[:, None, :]
        line = begin + torch.minimum(y, rows - 1) * cols
        stored = self.pixels[line[:, :, None] + torch.minimum(x, cols - 1)[:, None, :]]
        hidden = (stored < 0) | outside
        patch = torch.where(stored < 0, ~stored, stored).float() / TOP
        if scale > 1:
            patch = functional.avg_pool2d(patch[:, None], scale)[:, 0]
            hidden = functional.max_pool2d(hidden[:, None].float(), scale)[:, 0] > 0
        return patch, hidden

    def _augment(self, patch: torch.Tensor, step: NDArray[np.float64]) -> torch.Tensor:
        """Vary the contrast, so that 8-bit sources stand for deeper ones too."""
        draw, count = self.random, len(step)
        gain = np.where(draw.random(count) < 0.5, np.exp(draw.uniform(np.log(0.35), 0, count)), 1)
        lift = draw.random(count) * (1 - gain)
        power = np.where(draw.random(count) < 0.25, np.exp(draw.normal(0, 0.3, count)), 1)
        negative = draw.random(count) < 0.08
        # Values of shallow sources are spread over their quantising step.
        spread = np.where(step > 1 / 1024, step, 0)
        drawn = np.stack([gain, lift, power, negative, spread]).astype(np.float32)
        numbers = torch.from_numpy(drawn).to(self.device)[..., None, None]
        gain_, lift_, power_, negative_, spread_ = numbers
        noise = torch.rand(patch.shape, generator=self.noise, device=self.device) - 0.5
        patch = ((patch + noise * spread_) * gain_ + lift_).clamp(0, 1) ** power_
        return torch.where(negative_ > 0, 1 - patch, patch)

    def batch(self, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Draw patches.

        Returns
        -------
        images : float32, (count, 1, size, size), in [0, 1]
        weights : float32, same shape
            0 in the background, which is restored exactly and so counts for nothing.
        modalities : int64, (count,)
            Index into `MODALITIES`.
        """
        cuts = self._cuts(count)
        images = torch.empty(count, self.size, self.size, device=self.device)
        hidden = torch.empty(count, self.size, self.size, device=self.device, dtype=torch.bool)
        for scale in (1, 2, 4):
            which = np.flatnonzero(cuts.scale == scale)
            if which.size:
                into = torch.from_numpy(which).to(self.device)
                images[into], hidden[into] = self._cut(cuts, which, scale)
        images = self._augment(images, self.step[cuts.sample] / cuts.scale)
        flags = torch.from_numpy(self.random.random((3, count)) < 0.5).to(self.device)
        images, hidden = _turned(images, flags), _turned(hidden, flags)
        modalities = torch.from_numpy(self.modality[cuts.sample]).to(self.device)
        return images[:, None], (~hidden).float()[:, None], modalities
