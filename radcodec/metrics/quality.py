"""PSNR, maximum error, SSIM and MS-SSIM of grey images, in float64.

All of them take stored values or anything else on a linear scale, of any integer or
floating type.  What counts as full scale is the caller's to say: `peak` and `data_range`
have no defaults, because a 12-bit image held in 16 bits has no obvious one.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

#: Width and standard deviation of the Gaussian window, and the two constants, all from
#: Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to
#: structural similarity", IEEE Transactions on Image Processing 13(4), 2004.
WINDOW = 11
SIGMA = 1.5
K1 = 0.01
K2 = 0.03

#: Exponents of the scales of MS-SSIM, finest first, from Wang, Simoncelli and Bovik,
#: "Multiscale structural similarity for image quality assessment", Asilomar Conference on
#: Signals, Systems and Computers, 2003.
MS_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)

#: Rows of the SSIM map worked on at a time, so that the temporaries stay in the cache.
_BAND = 32

Real = NDArray[np.integer] | NDArray[np.floating]


def _check_pair(original: Real, restored: Real) -> None:
    if original.shape != restored.shape:
        raise ValueError(f"shapes differ: {original.shape} and {restored.shape}")
    if original.size == 0:
        raise ValueError("images are empty")


def _check_range(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be finite and above 0, not {value}")


def psnr(original: Real, restored: Real, peak: float) -> float:
    """Peak signal-to-noise ratio in dB.

    Parameters
    ----------
    original, restored : ndarray of int or float, any shape, the same for both
        Images on the same scale.
    peak : float
        Full scale, for instance ``2**bits_stored - 1``; above 0.

    Returns
    -------
    float
        ``10 * log10(peak**2 / mean squared error)``; infinity for equal images.

    Raises
    ------
    ValueError
        Where shapes differ, the images are empty, or `peak` is not above 0.
    """
    _check_pair(original, restored)
    _check_range("peak", peak)
    error = original.astype(np.float64) - restored.astype(np.float64)
    return decibels(float(np.mean(np.square(error))), peak)


def decibels(mean_square: float, peak: float) -> float:
    """PSNR in dB of a mean squared error, 0 or more; infinity for 0."""
    if mean_square == 0.0:
        return math.inf
    return 20.0 * math.log10(peak) - 10.0 * math.log10(mean_square)


def max_error(original: Real, restored: Real) -> float:
    """Largest absolute difference of any pixel; a whole number for integer images.

    Raises
    ------
    ValueError
        Where shapes differ or the images are empty.
    """
    _check_pair(original, restored)
    return float(np.max(np.abs(original.astype(np.float64) - restored.astype(np.float64))))


def gaussian_window() -> NDArray[np.float64]:
    """One side of the separable window: shape (`WINDOW`,), float64, summing to 1."""
    offsets = np.arange(WINDOW, dtype=np.float64) - WINDOW // 2
    weights = np.exp(-(offsets**2) / (2.0 * SIGMA**2))
    normalised: NDArray[np.float64] = weights / weights.sum()
    return normalised


def _smooth(image: NDArray[np.float64], window: NDArray[np.float64]) -> NDArray[np.float64]:
    """Filter (rows, columns) by the window, only where it fits as a whole."""
    rows = image.shape[0] - WINDOW + 1
    tall = window[0] * image[:rows]
    for k in range(1, WINDOW):
        tall += window[k] * image[k : k + rows]
    columns = image.shape[1] - WINDOW + 1
    out: NDArray[np.float64] = window[0] * tall[:, :columns]
    for k in range(1, WINDOW):
        out += window[k] * tall[:, k : k + columns]
    return out


def _band_sums(
    x: NDArray[np.float64], y: NDArray[np.float64], window: NDArray[np.float64], data_range: float
) -> NDArray[np.float64]:
    """Sums over one band of rows of the SSIM map and of its contrast-structure factor.

    The former is equation 13 of the paper of 2004, the latter its second fraction, which
    is the product of contrast and structure in the paper of 2003.
    """
    c1 = (K1 * data_range) ** 2
    c2 = (K2 * data_range) ** 2
    mean_x, mean_y = _smooth(x, window), _smooth(y, window)
    both, square_x, square_y = mean_x * mean_y, mean_x * mean_x, mean_y * mean_y
    # The sum of both variances is all that the formula needs, so one filtering serves both.
    variances = _smooth(x * x + y * y, window) - square_x - square_y
    covariance = _smooth(x * y, window) - both
    structure = (2.0 * covariance + c2) / (variances + c2)
    luminance = (2.0 * both + c1) / (square_x + square_y + c1)
    return np.array([np.sum(luminance * structure), np.sum(structure)])


def _similarity(
    x: NDArray[np.float64], y: NDArray[np.float64], data_range: float
) -> tuple[float, float]:
    """Mean SSIM and mean contrast-structure factor of two images at one scale."""
    margin = [(WINDOW // 2,) * 2 if side < WINDOW else (0, 0) for side in x.shape]
    if any(before for before, _ in margin):
        x, y = np.pad(x, margin, mode="symmetric"), np.pad(y, margin, mode="symmetric")
    window = gaussian_window()
    rows, columns = x.shape[0] - WINDOW + 1, x.shape[1] - WINDOW + 1
    total = np.zeros(2)
    for top in range(0, rows, _BAND):
        band = slice(top, min(top + _BAND, rows) + WINDOW - 1)
        total += _band_sums(x[band], y[band], window, data_range)
    whole, structure = total / (rows * columns)
    return float(whole), float(structure)


def _check_images(original: Real, restored: Real, data_range: float) -> None:
    _check_pair(original, restored)
    _check_range("data_range", data_range)
    if original.ndim != 2:
        raise ValueError(f"SSIM takes (rows, columns), not {original.ndim} dimensions")


def ssim(original: Real, restored: Real, data_range: float) -> float:
    """Mean structural similarity at one scale, with the 11 x 11 Gaussian window.

    Parameters
    ----------
    original, restored : ndarray of int or float, shape (rows, columns)
        Images on the same scale.
    data_range : float
        Full scale (L in the paper), above 0.

    Returns
    -------
    float
        Mean of the SSIM map over all positions where the window fits as a whole; at most
        1, and 1 for equal images.  An image narrower or lower than the window is first
        mirrored by half a window at each end of that side.

    Raises
    ------
    ValueError
        Where shapes differ, the images are empty or not two-dimensional, or `data_range`
        is not above 0.
    """
    _check_images(original, restored, data_range)
    return _similarity(original.astype(np.float64), restored.astype(np.float64), data_range)[0]


def _halve(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of 2 x 2 pixels; an odd last row or column is mirrored first."""
    odd = [(0, side % 2) for side in image.shape]
    even = np.pad(image, odd, mode="symmetric")
    rows, columns = even.shape
    halved: NDArray[np.float64] = even.reshape(rows // 2, 2, columns // 2, 2).mean(axis=(1, 3))
    return halved


def ms_ssim(original: Real, restored: Real, data_range: float) -> float:
    """Mean structural similarity over five scales (Wang, Simoncelli and Bovik, 2003).

    Parameters
    ----------
    original, restored : ndarray of int or float, shape (rows, columns)
        Images on the same scale.
    data_range : float
        Full scale, above 0.

    Returns
    -------
    float
        Product of the contrast-structure means of the finer scales and of the mean SSIM of
        the coarsest, each raised to its weight in `MS_WEIGHTS`; 1 for equal images, and 0
        where one of these means is negative.  Each scale halves the one before by means of
        2 x 2 pixels.  Images of fewer than 161 pixels on a side, where the window does not
        fit into the fifth scale, are measured at as many scales as it fits into, at least
        one, with the weights of these divided by their sum.

    Raises
    ------
    ValueError
        As for `ssim`.
    """
    _check_images(original, restored, data_range)
    x, y = original.astype(np.float64), restored.astype(np.float64)
    means: list[float] = []
    for scale in range(len(MS_WEIGHTS)):
        whole, structure = _similarity(x, y, data_range)
        means.append(structure)
        if scale + 1 == len(MS_WEIGHTS) or (min(x.shape) + 1) // 2 < WINDOW:
            means[-1] = whole
            break
        x, y = _halve(x), _halve(y)
    weights = np.array(MS_WEIGHTS[: len(means)])
    if len(means) < len(MS_WEIGHTS):
        # The five as published sum to 1.0001 and are used so by other implementations.
        weights /= weights.sum()
    return float(np.prod(np.maximum(means, 0.0) ** weights))
