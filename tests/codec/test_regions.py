"""Parts and reductions of an image equal those of the whole, for every coding."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from radcodec.codec import (
    Area,
    BaseEncoder,
    Decoder,
    Encoder,
    Plan,
    View,
    compress_source,
    decode_plane,
    prepare,
)
from radcodec.codec.area import REDUCTIONS, reduced
from radcodec.codec.lossless import Coded, as_jpegls, as_pixels, over_networks
from radcodec.container import Header
from radcodec.errors import UsageError
from radcodec.network.store import ModelStore
from radcodec.rate import Target
from tests.codec.samples import Frames, grey, scene

ROWS, COLUMNS = 150, 205
#: Small tiles, so that an image has several: 3 x 4.
TILE_LOG2 = 6
CODINGS = ["networks", "refined", "bounded", "pixels", "jpegls"]
#: Regions at the borders of tiles and images, within a tile, and across several.
AREAS = [
    Area(0, 0, 1, 1),
    Area(63, 127, 65, 129),
    Area(64, 64, 128, 128),
    Area(65, 1, 127, 63),
    Area(149, 204, 150, 205),
    Area(10, 0, 11, 205),
    Area(0, 191, 150, 193),
    Area(50, 30, 140, 200),
    Area(0, 0, ROWS, COLUMNS),
]


def image() -> NDArray[np.int32]:
    """Return a scene of 12 bits with a hard edge and background."""
    stored: NDArray[np.int32] = scene(1, 1, ROWS, COLUMNS, 12)[0, 0] + 1
    stored[40:44, 20:120] = stored[100:130, 70:73] = 4095
    stored[:, 160:200] = 0
    return stored


@pytest.fixture(scope="module")
def planes(models: ModelStore, deepest: int) -> dict[str, tuple[Header, Coded]]:
    """The image in tiles of 64 pixels by every coding."""
    prepared = prepare(grey(image(), 12))
    bases = {}
    for name, plan in (("networks", Plan(deepest)), ("refined", Plan(deepest, 0.7))):
        base = BaseEncoder(prepared, "ct", deepest, models)
        base.header = replace(base.header, tile_log2=TILE_LOG2)
        base.grid = base.header.grid(deepest)
        base.layer = base.layer_of(prepared.unit, prepared.mask)
        encoder = Encoder(base, plan)
        bases[name] = Coded(encoder.plane(140), encoder.decoded(140))
    header = replace(base.header, tile_log2=TILE_LOG2)
    refined = bases["refined"].plane
    assert refined.pixels is not None and refined.mask is not None
    jpegls = as_jpegls(prepared.image, 1, header, 0)
    assert jpegls is not None
    found = {
        **bases,
        "bounded": over_networks(bases["networks"], prepared, 2, header),
        "pixels": as_pixels(prepared, 3, header),
        "jpegls": jpegls,
    }
    return {name: (header, coded) for name, coded in found.items()}


@pytest.mark.parametrize("coding", CODINGS)
def test_a_region_is_that_part_of_the_whole(
    models: ModelStore, planes: dict[str, tuple[Header, Coded]], coding: str
) -> None:
    header, coded = planes[coding]
    whole = decode_plane(coded.plane, header, 0, models)
    assert np.array_equal(whole, coded.decoded)
    for area in AREAS:
        part = decode_plane(coded.plane, header, 0, models, View(area))
        assert np.array_equal(part, whole[area.slices]), area


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("factor", [2, 4, 8])
def test_a_reduced_region_is_that_part_of_the_reduced_whole(
    models: ModelStore, planes: dict[str, tuple[Header, Coded]], coding: str, factor: int
) -> None:
    header, coded = planes[coding]
    whole = decode_plane(coded.plane, header, 0, models, View(reduce=factor))
    assert whole.shape == (-(-ROWS // factor), -(-COLUMNS // factor))
    if coding in ("pixels", "jpegls"):
        assert np.array_equal(whole, reduced(coded.decoded, factor))
    for area in AREAS:
        view = View(area, factor)
        part = decode_plane(coded.plane, header, 0, models, view)
        assert part.shape == view.shape(ROWS, COLUMNS)
        down = slice(area.top // factor, -(-area.bottom // factor))
        across = slice(area.left // factor, -(-area.right // factor))
        assert np.array_equal(part, whole[down, across]), area


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_reduction_is_the_rounded_mean_of_squares(data: st.DataObject) -> None:
    rows, columns = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40))
    factor = data.draw(st.sampled_from(REDUCTIONS))
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    values = random.integers(-(2**15), 2**16, (rows, columns), dtype=np.int32)
    means, corners = reduced(values, factor), reduced(values, factor, mean=False)
    for y, x in np.ndindex(-(-rows // factor), -(-columns // factor)):
        square = values[y * factor : (y + 1) * factor, x * factor : (x + 1) * factor].tolist()
        flat = [value for row in square for value in row]
        assert means[y, x] == (2 * sum(flat) + len(flat)) // (2 * len(flat))
        assert corners[y, x] == flat[0]


@pytest.mark.parametrize(
    ("photometric", "samples"), [("MONOCHROME2", 1), ("PALETTE COLOR", 1), ("RGB", 3)]
)
@pytest.mark.parametrize("factor", REDUCTIONS)
def test_regions_of_frames(models: ModelStore, photometric: str, samples: int, factor: int) -> None:
    source = scene(2, samples, 70, 90)
    unused = np.zeros((2, 70, 90), np.uint16)
    unused[1, 20:50, 30:60] = 1 << 9 if samples == 1 else 0
    out = io.BytesIO()
    frames = Frames(source, 8, photometric, unused=unused if samples == 1 else None)
    compress_source(frames, out, target=Target("quality", 50), models=models)
    decoder = Decoder(out, models=models, check=False)
    area = Area(16, 24, 57, 90)
    for index in (1, 0):
        whole = decoder.frame(index, View(reduce=factor))
        part = decoder.frame(index, View(area, factor))
        down = slice(16 // factor, -(-57 // factor))
        across = slice(24 // factor, -(-90 // factor))
        assert np.array_equal(part.planes, whole.planes[:, down, across])
        if samples == 1 and index == 1 and factor == 1:
            assert part.unused is not None
            assert np.array_equal(part.unused, unused[1][area.slices])
    if photometric == "PALETTE COLOR":
        back = decoder.frame(0, View(reduce=factor)).planes
        assert np.array_equal(back, source[0, :, ::factor, ::factor])


@pytest.mark.parametrize(
    "area",
    [
        Area(0, 0, 0, 5),
        Area(5, 5, 5, 6),
        Area(-1, 0, 5, 5),
        Area(0, 0, 11, 5),
        Area(0, 0, 5, 21),
        Area(6, 0, 5, 5),
    ],
)
def test_regions_outside_are_refused(area: Area) -> None:
    with pytest.raises(UsageError, match="empty or not inside the image of 20 x 10 pixels"):
        View(area).area(10, 20)


@pytest.mark.parametrize("factor", [-1, 0, 3, 16])
def test_other_reductions_are_refused(factor: int) -> None:
    with pytest.raises(UsageError, match=f"not by {factor}"):
        View(reduce=factor)
