"""What a patch costs, made comparable over modalities, rates and measures of loss."""

from __future__ import annotations

import torch
from torch.nn import functional

from radcodec.metrics.quality import K1, K2, MS_WEIGHTS, WINDOW, gaussian_window
from radcodec.training.data import MODALITIES


class CostBook:
    """Running mean cost for each modality and part of the quality scale.

    Costs span two orders of magnitude over rates and modalities.  Dividing each by its
    running mean lets every one of them pull alike, which is what BD-rate asks for.
    """

    BINS = 8
    #: Share of a mean that one more cost takes.
    PACE = 0.03

    def __init__(self, device: str = "cpu") -> None:
        self.means = torch.zeros(len(MODALITIES), self.BINS, device=device)

    def usual(
        self, costs: torch.Tensor, modalities: torch.Tensor, position: torch.Tensor
    ) -> torch.Tensor:
        """Take costs (n,) into the running means, and return those of their cells, (n,)."""
        cells = modalities * self.BINS + (position * self.BINS).long().clamp(max=self.BINS - 1)
        means = self.means.flatten()
        counts = torch.zeros_like(means).index_add(0, cells, torch.ones_like(position))
        sums = torch.zeros_like(means).index_add(0, cells, costs.detach())
        mean = sums / counts.clamp_min(1)
        share = torch.where(means == 0, 1, 1 - (1 - self.PACE) ** counts)
        means = torch.where(counts > 0, means + share * (mean - means), means)
        self.means = means.reshape(self.means.shape)
        return means[cells].clamp_min(1e-6)

    def normalise(
        self, costs: torch.Tensor, modalities: torch.Tensor, position: torch.Tensor
    ) -> torch.Tensor:
        """Divide costs (n,) by the running means of their cells, updating these."""
        return costs / self.usual(costs, modalities, position)


def _smooth(image: torch.Tensor) -> torch.Tensor:
    """Filter (n, c, rows, columns) by the window of SSIM, only where it fits as a whole."""
    channels = image.shape[1]
    window = torch.as_tensor(gaussian_window(), dtype=image.dtype, device=image.device)
    down = window.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
    tall = functional.conv2d(image, down, groups=channels)
    return functional.conv2d(tall, down.transpose(2, 3), groups=channels)


def ms_ssim(image: torch.Tensor, decoded: torch.Tensor) -> torch.Tensor:
    """MS-SSIM of patches, as `metrics.quality.ms_ssim` has it, with gradients.

    Parameters
    ----------
    image, decoded : float32 tensor (n, 1, rows, columns)
        In [0, 1], which is the range; sides of at least `WINDOW`, and even as often as they are
        halved.

    Returns
    -------
    tensor (n,)
        1 for equal patches.  The mean of a scale counts as 0.001 at least, below which its
        power has no gradient to speak of.
    """
    c1, c2 = K1**2, K2**2
    means: list[torch.Tensor] = []
    for scale in range(len(MS_WEIGHTS)):
        together = torch.cat([image, decoded, image**2 + decoded**2, image * decoded], 1)
        mean, other, squares, products = torch.split(_smooth(together), 1, dim=1)
        both, sums = mean * other, mean**2 + other**2
        structure = (2 * (products - both) + c2) / (squares - sums + c2)
        last = scale + 1 == len(MS_WEIGHTS) or min(image.shape[-2:]) // 2 < WINDOW
        similar = structure * (2 * both + c1) / (sums + c1) if last else structure
        means.append(similar.mean((1, 2, 3)).clamp_min(1e-3))
        if last:
            break
        image, decoded = functional.avg_pool2d(image, 2), functional.avg_pool2d(decoded, 2)
    weights = torch.tensor(MS_WEIGHTS[: len(means)], device=image.device)
    if len(means) < len(MS_WEIGHTS):
        weights = weights / weights.sum()
    return torch.stack(means, 1).pow(weights).prod(1)


class Distortion:
    """What is lost of patches: squared error, part of it in the place of which 1 - MS-SSIM stands.

    That is brought to the scale of the squared error by the running means of both, so that the
    share says how much of the gradient it gives, whatever the rate.

    Parameters
    ----------
    share : float
        Of 1 - MS-SSIM, 0 to 1.
    device : str
        "cpu" or "cuda".
    """

    def __init__(self, share: float, device: str = "cpu") -> None:
        self.share = share
        self.errors, self.losses = CostBook(device), CostBook(device)

    def __call__(
        self,
        error: torch.Tensor,
        image: torch.Tensor,
        decoded: torch.Tensor,
        modalities: torch.Tensor,
        position: torch.Tensor,
    ) -> torch.Tensor:
        """Return the distortion of patches on the scale of `error`, all (n,).

        Parameters
        ----------
        error : tensor (n,)
            Squared error for each pixel.
        image, decoded : tensor (n, 1, rows, columns)
            As for `ms_ssim`; the background is to be the same in both.
        modalities, position : tensor (n,)
            As for `CostBook.usual`.
        """
        loss = self.losses.normalise(1 - ms_ssim(image, decoded), modalities, position)
        usual = self.errors.usual(error, modalities, position)
        return (1 - self.share) * error + self.share * usual * loss
