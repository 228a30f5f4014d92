"""Fixed-point images: layers are added in whole numbers, exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radcodec.codec import threads
from radcodec.codec.layer import FixedImage, LayerEncoder, decode_tiles, skip_map
from radcodec.codec.prepared import prepare
from radcodec.container.layers import Grid
from radcodec.network.store import ModelStore
from radcodec.quantising.levels import MID_GREY
from radcodec.reading.image import GreyImage

VALUES = st.integers(-(2**31), 2**31 - 1)


@given(
    own=st.lists(VALUES, min_size=1, max_size=8),
    other=st.lists(VALUES, min_size=8, max_size=8),
    bits=st.tuples(st.integers(8, 30), st.integers(8, 30)),
)
def test_layers_add_as_whole_numbers(
    own: list[int], other: list[int], bits: tuple[int, int]
) -> None:
    first = FixedImage(np.array([own], np.int32), bits[0])
    second = FixedImage(np.array([other[: len(own)]], np.int32), bits[1])
    joined = first.refined(second)
    most = max(bits)
    assert joined.fraction_bits == most
    sums = [
        a * 2 ** (most - bits[0]) + b * 2 ** (most - bits[1]) - 2 ** (most - 1)
        for a, b in zip(own, other, strict=False)
    ]
    assert joined.values[0].tolist() == [min(max(value, 0), 2**most) for value in sums]


@pytest.mark.parametrize("bits", [8, 12, 30])
def test_middle_grey_changes_nothing(bits: int) -> None:
    image = FixedImage(np.array([[0, 5, 4096]], np.int32), 12)
    middle = FixedImage(np.full((1, 3), int(MID_GREY * 2**bits), np.int32), bits)
    joined = image.refined(middle)
    assert (joined.values.astype(np.int64) * 2**12).tolist() == (
        image.values.astype(np.int64) * 2**joined.fraction_bits
    ).tolist()


def test_clamping_is_to_the_unit_interval() -> None:
    image = FixedImage(np.array([[-1, 0, 255, 256, 257, 9999]], np.int32), 8).clamped()
    assert image.values.tolist() == [[0, 0, 255, 256, 256, 256]]
    assert image.fraction_bits == 8


def test_skip_map_fits_the_grid() -> None:
    mask = np.zeros((40, 50), bool)
    mask[:, 24:] = True
    for depth in (1, 2, 3):
        grid = Grid(40, 50, depth, 10)
        assert skip_map(None, grid).shape == skip_map(mask, grid).shape == grid.latent_shape
        assert not skip_map(None, grid).any()
        # The neighbours of what is seen are needed still.
        first = -(-24 // grid.block) + 1
        assert skip_map(mask, grid)[:, first:].all()
        assert not skip_map(mask, grid)[:, :first].any()


def _encoder(models: ModelStore, image: GreyImage, *, foresight: bool = True) -> LayerEncoder:
    """A layer of depth 2 over 16 tiles of 32 x 32 pixels."""
    compressor = models.compressor("ct", 2)
    decompressor = models.decompressor(compressor.bundle.manifest["decompressor"])
    grid = Grid(image.stored.shape[0], image.stored.shape[1], 2, 5)
    unit = prepare(image).unit
    return LayerEncoder(
        unit, grid, skip_map(None, grid), compressor, decompressor, foresight=foresight
    )


def test_tiles_are_the_same_with_any_number_of_threads(
    models: ModelStore, bare: GreyImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for processors in (1, 2, 64):
        monkeypatch.setattr(threads, "processors", lambda n=processors: n)
        layer = _encoder(models, bare)
        found.append((layer.tiles(100), layer.latent(100).tolist()))
    assert len(found[0][0]) == 16 and len(set(found[0][0])) > 1
    assert found[0] == found[1] == found[2]


def test_foresight_makes_tiles_smaller(models: ModelStore, bare: GreyImage) -> None:
    with_it, without = (_encoder(models, bare, foresight=given) for given in (True, False))
    assert sum(map(len, with_it.tiles(60))) < sum(map(len, without.tiles(60)))
    latents = [
        decode_tiles(layer.tiles(60), layer.grid, layer.skip, layer.decompressor)
        for layer in (with_it, without)
    ]
    assert np.abs(latents[0]).sum() < np.abs(latents[1]).sum()
