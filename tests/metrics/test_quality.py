"""PSNR, maximum error and SSIM against their definitions and against scikit-image."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from radcodec.metrics.quality import gaussian_window, max_error, psnr, ssim


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
