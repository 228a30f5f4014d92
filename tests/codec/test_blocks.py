"""Which blocks are coded as pixels, and what that is good for."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from radcodec.codec import BaseEncoder, Encoder, Plan, compress, decompress, prepare
from radcodec.codec import encoder as encoder_module
from radcodec.codec.blocks import choose_blocks, pixel_step
from radcodec.container.rcz import read_rcz
from radcodec.network.store import ModelStore
from radcodec.rate import Target
from radcodec.reading.image import GreyImage
from tests.codec.samples import grey


def _radiograph(rows: int = 160, columns: int = 200) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Smooth anatomy with letters burned in, and where these are."""
    wave = np.sin(np.arange(rows) / 40)[:, None] * np.cos(np.arange(columns) / 50)
    noise = np.random.default_rng(3).normal(0, 1.5, (rows, columns))
    image = np.rint(2000 + 900 * wave + 4 * noise)
    letters = np.zeros((rows, columns), bool)
    letters[40:52:3, 60:130] = letters[40:52, 60:130:5] = True
    image[38:54, 58:132] = 0
    image[letters] = 4095
    area = np.zeros((rows, columns), bool)
    area[38:54, 58:132] = True
    return image.astype(np.int64), area


def test_letters_are_taken_out_and_the_file_gets_better(
    models: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored, letters = _radiograph()
    image = grey(stored)
    target = Target("bpp", 0.5)
    with_blocks = compress(image, modality="xr", target=target, models=models)
    file = read_rcz(with_blocks.data)
    assert file.pixels is not None and with_blocks.psnr is not None
    monkeypatch.setattr(encoder_module, "choose_blocks", lambda *_: None)
    without = compress(image, modality="xr", target=target, models=models)
    assert read_rcz(without.data).pixels is None and without.psnr is not None
    assert with_blocks.psnr > without.psnr + 2
    error = np.abs(decompress(with_blocks.data, models=models).stored - stored)
    other = np.abs(decompress(without.data, models=models).stored - stored)
    assert error[letters].max() < other[letters].max()


def test_coded_pixels_are_off_by_half_the_step_at_most(models: ModelStore) -> None:
    stored, _ = _radiograph()
    base = BaseEncoder(prepare(grey(stored)), "xr", 2, models)
    for plan, level in ((Plan(2, 0.5), 150), (Plan(2), 120)):
        encoder = Encoder(base, plan)
        file = encoder.file(level)
        assert file.pixels is not None
        found = encoder._pass(level).chosen
        assert found is not None
        step = pixel_step(plan.step_of_level(level), base.prepared.mapping.span)
        assert file.pixels.step == step
        error = np.abs(encoder.decoded(level) - stored)
        assert error[found.coded].max() <= step >> 1


def test_anatomy_is_left_to_the_networks(models: ModelStore, scan: GreyImage) -> None:
    base = BaseEncoder(prepare(scan), "ct", 2, models)
    found = Encoder(base, Plan(2, 0.5))._pass(180).chosen
    assert found is None or found.coded.mean() < 0.1


def test_background_stays_exact_beside_blocks(models: ModelStore) -> None:
    stored, _ = _radiograph()
    stored[:, :40] = 0
    stored[36:56, 36:58] = 4095
    packed = compress(grey(stored), modality="xr", target=Target("bpp", 0.6), models=models)
    file = read_rcz(packed.data)
    assert file.mask is not None and file.pixels is not None
    assert (decompress(packed.data, models=models).stored[:, :36] == 0).all()


@pytest.mark.parametrize("shape", [(1, 1), (7, 9), (8, 8), (9, 64)])
def test_any_shape(shape: tuple[int, int]) -> None:
    stored = np.zeros(shape, np.int32)
    stored[::2] = 4000
    wrong = np.full(shape, 2000, np.int32)
    found = choose_blocks(stored, wrong, None, None, 0.01, 4000)
    assert found is None or (found.coded.shape == shape and found.coded.any())
    assert choose_blocks(stored, stored, None, None, 0.01, 4000) is None
    everything = np.ones(shape, bool)
    assert choose_blocks(stored, wrong, None, everything, 0.01, 4000) is None


@pytest.mark.parametrize(
    ("step", "span", "expected"), [(0.5, 4095, 1024), (1e-6, 255, 1), (2.0, 65535, 65535)]
)
def test_pixel_steps(step: float, span: int, expected: int) -> None:
    assert pixel_step(step, span) == expected
