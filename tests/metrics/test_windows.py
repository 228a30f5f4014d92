"""PSNR within display windows."""

from __future__ import annotations

import math

import numpy as np
import pytest

from radcodec.metrics.quality import psnr
from radcodec.metrics.windows import CT_WINDOWS, Window, window_psnr


def test_errors_outside_a_window_do_not_count() -> None:
    original = np.array([[-1000, -1000, 40, 900]], np.int32)
    restored = np.array([[-900, -1000, 60, 3000]], np.int32)
    # Soft tissue shows -160 to 240: only the error of 20 is left, in one pixel of four.
    expected = 20 * math.log10(400 / 20) + 10 * math.log10(4)
    assert window_psnr(original, restored, CT_WINDOWS["soft_tissue"]) == pytest.approx(expected)
    assert window_psnr(original[:, 3:], restored[:, 3:], CT_WINDOWS["soft_tissue"]) == math.inf


def test_values_are_cut_at_the_edges() -> None:
    # Lung shows -1350 to 150: of the step from 100 to 300 only 50 can be seen.
    value = window_psnr(np.array([[100]]), np.array([[300]]), CT_WINDOWS["lung"])
    assert value == pytest.approx(20 * math.log10(1500 / 50))


def test_a_window_over_everything_is_plain_psnr() -> None:
    random = np.random.default_rng(1)
    original = random.integers(-1000, 1000, (9, 7))
    restored = original + random.integers(-30, 31, original.shape)
    assert window_psnr(original, restored, Window(0, 4000)) == psnr(original, restored, 4000)


def test_unsigned_types_do_not_wrap() -> None:
    value = window_psnr(np.array([[0]], np.uint16), np.array([[5]], np.uint16), Window(0, 20))
    assert value == pytest.approx(20 * math.log10(4))


def test_impossible_width() -> None:
    with pytest.raises(ValueError, match="peak"):
        window_psnr(np.zeros((2, 2)), np.ones((2, 2)), Window(0, 0))
