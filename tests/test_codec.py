"""The whole way of a pixel with the shipped models: round trips, targets, damage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom.data import get_testdata_file

from radcodec.codec import Compressed, check, compress, decompress
from radcodec.container.rcz import list_chunks, read_rcz
from radcodec.errors import RadcodecError, UsageError
from radcodec.network.store import ModelStore, default_root
from radcodec.rate import Target
from radcodec.reading import read_image
from radcodec.reading.image import GreyImage
from tests.independent_decoder import decode as decode_independently

pytestmark = pytest.mark.skipif(
    not list(default_root().glob("d?/*/manifest.json")), reason="there are no models"
)


@pytest.fixture(scope="module")
def models() -> ModelStore:
    return ModelStore()


@pytest.fixture(scope="module")
def scan() -> GreyImage:
    path = get_testdata_file("CT_small.dcm", download=False)
    assert path is not None
    return read_image(Path(str(path)))


def _image(stored: NDArray[np.int32], bits: int, signed: bool, inverted: bool) -> GreyImage:
    return GreyImage(
        stored=stored,
        bits_allocated=8 if bits == 8 else 16,
        bits_stored=bits,
        signed=signed,
        inverted=inverted,
        padding_value=None,
        modality=None,
        dataset=None,
    )


@st.composite
def images(draw: st.DrawFn) -> GreyImage:
    rows, cols = draw(st.integers(1, 300)), draw(st.integers(1, 300))
    bits, signed = draw(st.integers(8, 16)), draw(st.booleans())
    low = -(1 << (bits - 1)) if signed else 0
    high = low + (1 << bits) - 1
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(["constant", "noise", "ramp", "padded"]))
    if kind == "constant":
        stored = np.full((rows, cols), draw(st.integers(low, high)))
    elif kind == "noise":
        stored = random.integers(low, high + 1, (rows, cols))
    else:
        stored = np.linspace(low, high, rows * cols).reshape(rows, cols).astype(np.int64)
        if kind == "padded":
            stored[: rows // 2, : cols // 2] = low
    return _image(stored.astype(np.int32), bits, signed, draw(st.booleans()))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(image=images(), depth=st.sampled_from([2, 3]), level=st.integers(0, 255))
def test_round_trip(models: ModelStore, image: GreyImage, depth: int, level: int) -> None:
    packed = compress(image, depth=depth, target=Target("level", level), models=models)
    restored = check(packed.data, models=models)
    assert restored.stored.shape == image.stored.shape
    assert restored.stored.min() >= image.stored.min()
    assert restored.stored.max() <= image.stored.max()
    error = np.abs(restored.stored - image.stored).max()
    assert error == packed.max_error
    if image.stored.min() == image.stored.max():
        assert error == 0
    header = restored.header
    assert (header.bits_stored, header.signed, header.inverted) == (
        image.bits_stored,
        image.signed,
        image.inverted,
    )


def test_background_comes_back_exactly(models: ModelStore) -> None:
    random = np.random.default_rng(4)
    stored = random.normal(1000, 200, (200, 180)).astype(np.int32)
    rows, cols = np.indices(stored.shape)
    outside = (rows - 100) ** 2 + (cols - 90) ** 2 > 80**2
    stored[outside] = -2000
    packed = compress(_image(stored, 16, True, False), target=Target("level", 200), models=models)
    restored = decompress(packed.data, models=models).stored
    assert np.array_equal(restored[outside], stored[outside])
    assert "MASK" in [chunk.type for chunk in list_chunks(packed.data)]


@pytest.mark.parametrize("depth", [2, 3])
def test_independent_decoder_agrees(models: ModelStore, scan: GreyImage, depth: int) -> None:
    packed = compress(scan, depth=depth, target=Target("level", 120), models=models)
    bundle = next(b for b in models.decompressors() if b.depth == depth)
    independent = decode_independently(packed.data, bundle.path)
    assert np.array_equal(independent, decompress(packed.data, models=models).stored)


def _reach(scan: GreyImage, models: ModelStore, level: int) -> Compressed:
    return compress(scan, target=Target("level", level), models=models)


def test_targets_are_met(models: ModelStore, scan: GreyImage) -> None:
    middle = _reach(scan, models, 100)
    ratio = compress(scan, target=Target("ratio", middle.ratio), models=models).ratio
    assert ratio == pytest.approx(middle.ratio, rel=0.03)
    bpp = compress(scan, target=Target("bpp", middle.bpp), models=models).bpp
    assert bpp == pytest.approx(middle.bpp, rel=0.03)
    assert middle.psnr is not None
    psnr = compress(scan, target=Target("psnr", middle.psnr - 1), models=models).psnr
    assert psnr is not None
    assert psnr >= middle.psnr - 1


def test_unreachable_targets_name_the_range(models: ModelStore, scan: GreyImage) -> None:
    for target in (Target("ratio", 5000), Target("bpp", 15), Target("psnr", 150)):
        with pytest.raises(UsageError, match="reach"):
            compress(scan, target=target, models=models)


def test_reported_figures_are_those_of_the_file(models: ModelStore, scan: GreyImage) -> None:
    packed = _reach(scan, models, 80)
    restored = decompress(packed.data, models=models).stored
    error = (restored - scan.stored).astype(np.float64)
    peak = scan.stored.max() - scan.stored.min()
    assert packed.psnr == pytest.approx(10 * np.log10(peak**2 / np.mean(error**2)))
    assert packed.ratio == scan.stored.size * 2 / len(packed.data)
    assert read_rcz(packed.data).dataset == scan.dataset


def test_every_damaged_byte_gives_an_error_or_the_same_pixels(models: ModelStore) -> None:
    stored = np.add.outer(np.arange(24), np.arange(20)).astype(np.int32)
    data = compress(_image(stored, 8, False, False), target=Target("level", 90), models=models).data
    wanted = decompress(data, models=models).stored
    for place in range(len(data)):
        broken = bytearray(data)
        broken[place] ^= 0x55
        try:
            got = decompress(bytes(broken), models=models).stored
        except RadcodecError:
            continue
        assert np.array_equal(got, wanted), f"byte {place}"


def test_decoding_is_the_same_in_tiles(models: ModelStore) -> None:
    random = np.random.default_rng(1)
    for bundle in models.decompressors():
        net = models.decompressor(bundle.id)
        latent = random.normal(0, 2, (16, 40, 33)).astype(np.int32)
        whole = net.fixed_image(latent, 100)
        assert np.array_equal(net.fixed_image(latent, 100, tile=64), whole)
