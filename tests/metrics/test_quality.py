"""PSNR, maximum error, SSIM and MS-SSIM against their definitions and other packages."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from radcodec.metrics.quality import MS_WEIGHTS, gaussian_window, max_error, ms_ssim, psnr, ssim


def _pair(rows: int, columns: int, seed: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """A smooth 12-bit image around -500 and a noisy copy of it."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:rows, 0:columns]
    image = 1500.0 + 900.0 * np.sin(x / 7.0) * np.cos(y / 5.0) - 2000.0
    noisy = image + rng.normal(0.0, 40.0, image.shape)
    return image.astype(np.int32), noisy.astype(np.int32)


def test_psnr_of_known_error() -> None:
    original = np.zeros((4, 5), dtype=np.int32)
    assert psnr(original, original + 1, 255) == pytest.approx(20 * math.log10(255))
    assert psnr(original, original - 10, 4095) == pytest.approx(20 * math.log10(409.5))


def test_psnr_of_equal_images_is_infinite() -> None:
    original = np.full((3, 3), -2000, dtype=np.int32)
    assert psnr(original, original.copy(), 4095) == math.inf


def test_psnr_does_not_wrap_in_the_images_own_type() -> None:
    assert psnr(np.array([[0]], np.uint8), np.array([[255]], np.uint8), 255) == 0.0
    assert max_error(np.array([[0]], np.uint16), np.array([[65535]], np.uint16)) == 65535


def test_max_error() -> None:
    assert max_error(np.array([[-5, 7]]), np.array([[-9, 8]])) == 4


def test_window_sums_to_one_and_is_even() -> None:
    window = gaussian_window()
    assert window.shape == (11,)
    assert window.sum() == pytest.approx(1.0)
    assert np.array_equal(window, window[::-1])


@pytest.mark.parametrize("shape", [(11, 11), (11, 40), (64, 47), (75, 33)])
def test_ssim_agrees_with_scikit_image(shape: tuple[int, int]) -> None:
    metrics = pytest.importorskip("skimage.metrics")
    original, restored = _pair(*shape, seed=shape[1])
    expected = metrics.structural_similarity(
        original.astype(np.float64),
        restored.astype(np.float64),
        data_range=4095.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert ssim(original, restored, 4095.0) == pytest.approx(expected, abs=1e-10)


def test_psnr_agrees_with_scikit_image() -> None:
    metrics = pytest.importorskip("skimage.metrics")
    original, restored = _pair(31, 45, seed=1)
    expected = metrics.peak_signal_noise_ratio(original, restored, data_range=4095)
    assert psnr(original, restored, 4095) == pytest.approx(expected)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_ssim_of_any_shape(rows: int, columns: int, seed: int) -> None:
    original, restored = _pair(rows, columns, seed)
    value = ssim(original, restored, 4095.0)
    assert -1.0 <= value <= 1.0
    assert value == pytest.approx(ssim(restored, original, 4095.0), abs=1e-12)
    assert ssim(original, original, 4095.0) == pytest.approx(1.0, abs=1e-12)


def test_ssim_falls_with_noise() -> None:
    original, restored = _pair(60, 60, seed=3)
    worse = original + 3 * (restored - original)
    assert ssim(original, worse, 4095.0) < ssim(original, restored, 4095.0) < 1.0


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_impossible_ranges_are_refused(bad: float) -> None:
    image = np.zeros((12, 12))
    with pytest.raises(ValueError, match="peak"):
        psnr(image, image, bad)
    with pytest.raises(ValueError, match="data_range"):
        ssim(image, image, bad)


def test_unlike_or_empty_images_are_refused() -> None:
    with pytest.raises(ValueError, match="shapes"):
        psnr(np.zeros((2, 3)), np.zeros((3, 2)), 1.0)
    with pytest.raises(ValueError, match="empty"):
        max_error(np.zeros((0, 3)), np.zeros((0, 3)))
    with pytest.raises(ValueError, match="dimensions"):
        ssim(np.zeros((2, 12, 12)), np.zeros((2, 12, 12)), 1.0)


def _texture() -> NDArray[np.float64]:
    y, x = np.mgrid[0:192, 0:256].astype(np.float64)
    waves = 900 * np.sin(x / 7) * np.cos(y / 5) + 600 * np.sin(x * y / 900)
    return np.asarray(np.rint(2000 + waves))


def test_ms_ssim_known_answers() -> None:
    # From pytorch-msssim 1.0.0, given the window in float64.
    y, x = np.mgrid[0:192, 0:256].astype(np.float64)
    image = _texture()
    waves = np.rint(image + 120 * np.sin(1.7 * x + 0.3 * y) + 60 * np.cos(0.11 * x - 0.05 * y))
    blocks = image + np.where((x // 16 + y // 16) % 2 == 0, 300.0, -300.0)
    assert ms_ssim(image, waves, 4095.0) == pytest.approx(0.9892869286814603, abs=1e-12)
    assert ms_ssim(image, blocks, 4095.0) == pytest.approx(0.8174758064100042, abs=1e-12)


def _plain_half(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Every second pixel of a 2 x 2 mean, mirrored at the end, as the paper's authors do."""
    padded = np.pad(image, ((0, 1), (0, 1)), mode="symmetric")
    mean = (padded[:-1, :-1] + padded[1:, :-1] + padded[:-1, 1:] + padded[1:, 1:]) / 4
    return np.asarray(mean[::2, ::2])


def _plain_ms_ssim(x: NDArray[np.float64], y: NDArray[np.float64], scales: int) -> float:
    """The paper's formula with two-dimensional convolutions and 2 x 2 means."""
    signal = pytest.importorskip("scipy.signal")
    window = np.outer(gaussian_window(), gaussian_window())

    def mean(image: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(signal.convolve2d(image, window, mode="valid"))

    value = 1.0
    weights = np.array(MS_WEIGHTS[:scales])
    if scales < 5:
        weights /= weights.sum()
    for scale in range(scales):
        c1, c2 = (0.01 * 4095) ** 2, (0.03 * 4095) ** 2
        mx, my = mean(x), mean(y)
        vx, vy, vxy = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
        term = (2 * vxy + c2) / (vx + vy + c2)
        if scale + 1 == scales:
            term = term * (2 * mx * my + c1) / (mx**2 + my**2 + c1)
        value *= max(float(term.mean()), 0.0) ** weights[scale]
        x, y = _plain_half(x), _plain_half(y)
    return value


@pytest.mark.parametrize(
    ("shape", "scales"),
    [((161, 190), 5), ((160, 190), 4), ((75, 101), 3), ((21, 40), 2), ((11, 20), 1)],
)
def test_ms_ssim_of_small_and_odd_images(shape: tuple[int, int], scales: int) -> None:
    original, restored = _pair(*shape, seed=4)
    expected = _plain_ms_ssim(original.astype(float), restored.astype(float), scales)
    assert ms_ssim(original, restored, 4095.0) == pytest.approx(expected, abs=1e-9)


def test_ms_ssim_at_one_scale_is_ssim() -> None:
    original, restored = _pair(20, 16, seed=9)
    assert ms_ssim(original, restored, 4095.0) == pytest.approx(ssim(original, restored, 4095.0))


def test_ms_ssim_of_equal_and_of_inverted_images() -> None:
    image = _texture()
    assert ms_ssim(image, image, 4095.0) == pytest.approx(1.0)
    assert ms_ssim(image, 4000.0 - image, 4095.0) == 0.0


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_ms_ssim_of_any_shape(rows: int, columns: int, seed: int) -> None:
    original, restored = _pair(rows, columns, seed)
    assert 0.0 <= ms_ssim(original, restored, 4095.0) <= 1.0
