"""The whole way of a pixel with the shipped models: round trips, layers, damage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from radcodec.codec import (
    BaseEncoder,
    Encoder,
    Plan,
    check,
    compress,
    decompress,
    prepare,
    prepared,
)
from radcodec.codec import base as base_module
from radcodec.codec import encoder as encoder_module
from radcodec.codec import layered as layered_module
from radcodec.codec.decoder import checksum_of
from radcodec.codec.layer import LayerEncoder
from radcodec.container.planes import Plane
from radcodec.container.rcz import RczFile, list_chunks, read_rcz, write_rcz
from radcodec.entropy.latents import set_of
from radcodec.entropy.mask import encode_mask
from radcodec.errors import (
    CorruptError,
    LimitError,
    ModelNotFoundError,
    RadcodecError,
    VerificationError,
)
from radcodec.network.store import ModelStore
from radcodec.quantising.levels import MID_GREY
from radcodec.rate import Target
from radcodec.reading.image import GreyImage
from tests.codec.samples import grey, images
from tests.independent_decoder import decode as decode_independently


def _pair(models: ModelStore, depth: int, refine: bool) -> tuple[int, bool]:
    """Depth and refinement as the models allow."""
    return depth, refine and depth > 1 and 1 in models.depths("xr")


@settings(
    max_examples=45, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(image=images(), data=st.data(), refine=st.booleans(), level=st.integers(0, 255))
def test_round_trip(
    models: ModelStore, image: GreyImage, data: st.DataObject, refine: bool, level: int
) -> None:
    depth, refine = _pair(models, data.draw(st.sampled_from(models.depths("xr"))), refine)
    target = Target("level", level)
    packed = compress(image, depth=depth, refine=refine, target=target, models=models)
    assert (packed.depth, packed.refined, packed.level) == (depth, refine, level)
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


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 3), (33, 65)])
@pytest.mark.parametrize("refine", [False, True])
def test_odd_shapes(models: ModelStore, deepest: int, shape: tuple[int, int], refine: bool) -> None:
    stored = np.random.default_rng(6).integers(-500, 500, shape)
    image = grey(stored, signed=True, inverted=True)
    for depth in {deepest, models.depths("xr")[1]}:
        packed = compress(
            image, depth=depth, refine=refine, target=Target("level", 40), models=models
        )
        assert packed.refined == refine
        assert np.abs(check(packed.data, models=models).stored - stored).max() == packed.max_error


@pytest.mark.parametrize("refine", [False, True])
def test_background_comes_back_exactly(models: ModelStore, deepest: int, refine: bool) -> None:
    random = np.random.default_rng(4)
    stored = random.normal(1000, 200, (200, 180)).astype(np.int32)
    rows, cols = np.indices(stored.shape)
    outside = (rows - 100) ** 2 + (cols - 90) ** 2 > 80**2
    stored[outside] = -2000
    packed = compress(
        grey(stored, signed=True),
        depth=deepest,
        refine=refine,
        target=Target("level", 200),
        models=models,
    )
    restored = decompress(packed.data, models=models).stored
    assert np.array_equal(restored[outside], stored[outside])
    kinds = [chunk.type for chunk in list_chunks(packed.data)]
    assert "MASK" in kinds and ("REFN" in kinds) == refine


def _plane(data: bytes) -> Plane:
    """The only plane of a file."""
    (plane,) = read_rcz(data).planes
    return plane


def _folder(models: ModelStore, model_id: bytes) -> Path:
    return models.decompressor(model_id.hex()).bundle.path


def _decode_independently(data: bytes, models: ModelStore) -> NDArray[np.int32]:
    out: NDArray[np.int32]
    (out,) = decode_independently(data, [bundle.path for bundle in models.decompressors()])
    return out


@pytest.mark.parametrize("refine", [False, True])
def test_independent_decoder_agrees(models: ModelStore, scan: GreyImage, refine: bool) -> None:
    part = replace(scan, stored=scan.stored[20:97, 31:117].copy())
    for depth in models.depths("ct"):
        if _pair(models, depth, refine) != (depth, refine):
            continue
        packed = compress(
            part, depth=depth, refine=refine, target=Target("level", 120), models=models
        )
        assert packed.refined == refine
        independent = _decode_independently(packed.data, models)
        assert np.array_equal(independent, decompress(packed.data, models=models).stored)


def test_independent_decoder_agrees_on_tiles_and_background(
    models: ModelStore, deepest: int
) -> None:
    random = np.random.default_rng(12)
    stored = np.cumsum(random.normal(0, 30, (40, 1100)), axis=1).astype(np.int32) + 3000
    stored[:, 300:700] = -5
    packed = compress(
        grey(stored, signed=True),
        depth=deepest,
        refine=True,
        target=Target("level", 130),
        models=models,
    )
    plane = _plane(packed.data)
    assert plane.refinement is not None and plane.mask is not None
    assert len(plane.tiles) == len(plane.refinement.tiles) == 2
    restored = decompress(packed.data, models=models).stored
    assert np.array_equal(_decode_independently(packed.data, models), restored)
    assert (restored[:, 300:700] == -5).all()


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("refine", [False, True])
def test_independent_decoder_agrees_on_pixel_blocks(
    models: ModelStore, scan: GreyImage, deepest: int, refine: bool, masked: bool
) -> None:
    stored = scan.stored[20:97, 31:117].copy()
    stored[30:33, 10:60] = stored[50:60, 70] = 3000
    if masked:
        stored[:, :24] = -3000
    packed = compress(
        replace(scan, stored=stored),
        depth=deepest,
        refine=refine,
        target=Target("level", 120),
        models=models,
    )
    plane = _plane(packed.data)
    assert plane.pixels is not None and any(plane.pixels.tiles)
    assert (plane.mask is not None) == masked
    restored = decompress(packed.data, models=models).stored
    assert np.array_equal(_decode_independently(packed.data, models), restored)


@pytest.mark.usefixtures("no_pixel_blocks")
def test_a_refinement_brings_the_image_nearer(
    models: ModelStore, bare: GreyImage, deepest: int
) -> None:
    prepared = prepare(bare)
    for depth in (depth for depth in models.depths("ct") if depth > 1):
        base = BaseEncoder(prepared, "ct", depth, models)
        for level, least in ((60, 3.0), (120, 1.0)):
            plan = Plan(depth, 0.5)
            alone = Encoder(base, Plan(depth)).psnr(plan.levels(level)[0])
            assert Encoder(base, plan).psnr(level) > alone + least


def test_each_layer_uses_the_tables_made_for_it(
    models: ModelStore, bare: GreyImage, deepest: int
) -> None:
    for level in (30, 120, 220):
        target = Target("level", level)
        packed = compress(bare, depth=deepest, refine=True, target=target, models=models)
        plane = _plane(packed.data)
        assert plane.refinement is not None
        first = models.compressor("ct", deepest).table_sets(refining=False)
        second = models.compressor("ct", plane.refinement.depth).table_sets(refining=True)
        assert {set_of(tile) for tile in plane.tiles} <= set(first)
        assert {set_of(tile) for tile in plane.refinement.tiles} <= set(second)


@pytest.mark.usefixtures("no_pixel_blocks")
def test_a_refinement_has_nothing_to_say_of_the_background(
    models: ModelStore, deepest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    planes: list[NDArray[np.float32]] = []

    class Noting(LayerEncoder):
        def __init__(self, plane: NDArray[np.float32], *others: Any, **options: Any) -> None:
            planes.append(plane)
            super().__init__(plane, *others, **options)

    for module in (base_module, layered_module):
        monkeypatch.setattr(module, "LayerEncoder", Noting)
    stored = np.random.default_rng(9).integers(100, 900, (60, 70))
    stored[:, 33:] = 0
    prepared = prepare(grey(stored))
    encoder = Encoder(BaseEncoder(prepared, "ct", deepest, models), Plan(deepest, 0.5))
    encoder.file(150)
    first, *_, second = planes
    np.testing.assert_array_equal(first, prepared.unit)
    assert (second[stored == 0] == MID_GREY).all()
    seen = second[stored > 0]
    assert seen.std() > 0.01 and abs(float(seen.mean()) - MID_GREY) < 0.1


def test_a_refinement_gets_finer_with_its_level(
    models: ModelStore, bare: GreyImage, deepest: int
) -> None:
    encoder = Encoder(BaseEncoder(prepare(bare), "ct", deepest, models), Plan(deepest, 0.5))
    levels = (255, 200, 150, 100, 50, 0)
    sizes = [encoder.size(level) for level in levels]
    quality = [encoder.psnr(level) for level in levels]
    assert sizes == sorted(sizes)
    assert quality == sorted(quality)


def test_an_encoder_decodes_as_the_decoder_does(
    models: ModelStore, scan: GreyImage, deepest: int
) -> None:
    base = BaseEncoder(prepare(scan), "ct", deepest, models)
    for plan in (Plan(deepest), Plan(deepest, 0.7)):
        encoder = Encoder(base, plan)
        # Back and forth, as what an encoder keeps from one level must not serve another.
        for level in (140, 20, 140, 139):
            decoded = encoder.decoded(level)
            plane = replace(encoder.plane(level), checksum=checksum_of(decoded))
            data = write_rcz(replace(encoder.file(level), planes=[plane]))
            assert np.array_equal(decompress(data, models=models).stored, decoded)
            assert encoder.size(level) > len(data)
            # A plane that does not say the right checksum is not believed.
            with pytest.raises(VerificationError):
                decompress(write_rcz(encoder.file(level)), models=models)


def test_reported_figures_are_those_of_the_file(models: ModelStore, scan: GreyImage) -> None:
    for refine in (False, True):
        packed = compress(scan, refine=refine, target=Target("level", 80), models=models)
        restored = decompress(packed.data, models=models).stored
        error = (restored - scan.stored).astype(np.float64)
        peak = scan.stored.max() - scan.stored.min()
        assert packed.psnr == pytest.approx(10 * np.log10(peak**2 / np.mean(error**2)))
        assert packed.max_error == np.abs(error).max()
        assert packed.ratio == scan.stored.size * 2 / len(packed.data)
        assert packed.bpp == pytest.approx(8 * len(packed.data) / scan.stored.size)
        assert read_rcz(packed.data).dataset == scan.dataset
        plane = _plane(packed.data)
        layer = plane.refinement or plane
        assert (packed.refined, packed.level) == (plane.refinement is not None, layer.level)
        assert (packed.coding, packed.depth) == (plane.coding, plane.depth)


def test_without_verification_nothing_is_measured(models: ModelStore, bare: GreyImage) -> None:
    packed = compress(bare, target=Target("level", 150), verify=False, models=models)
    assert packed.psnr is None and packed.max_error is None
    assert read_rcz(packed.data).quality is None
    assert check(packed.data, models=models).stored.shape == bare.stored.shape


@pytest.fixture
def no_pixel_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave everything to the networks, for tests of what they do."""
    monkeypatch.setattr(encoder_module, "choose_blocks", lambda *_: None)


@pytest.fixture(scope="module")
def refined(models: ModelStore, deepest: int) -> bytes:
    """A small refined file, without pixel blocks."""
    stored = np.add.outer(np.arange(24), np.arange(20)) % 31
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoder_module, "choose_blocks", lambda *_: None)
        packed = compress(
            grey(stored, 8), depth=deepest, refine=True, target=Target("level", 90), models=models
        )
    plane = _plane(packed.data)
    assert plane.refinement is not None and min(map(len, plane.refinement.tiles)) > 10
    return packed.data


@pytest.fixture(scope="module")
def with_blocks(models: ModelStore, deepest: int) -> bytes:
    """A small refined file of an image with a hard edge in it, and background."""
    stored = np.add.outer(np.arange(24), np.arange(40)) + 100
    stored[5:8, 3:12], stored[:, 24:] = 255, 0
    packed = compress(
        grey(stored, 8), depth=deepest, refine=True, target=Target("level", 120), models=models
    )
    kinds = {chunk.type for chunk in list_chunks(packed.data)}
    assert {"MASK", "PIXL", "REFN"} <= kinds
    return packed.data


@pytest.mark.parametrize("kind", ["refined", "with_blocks"])
def test_every_damaged_byte_gives_an_error_or_the_same_pixels(
    models: ModelStore, request: pytest.FixtureRequest, kind: str
) -> None:
    data: bytes = request.getfixturevalue(kind)
    wanted = decompress(data, models=models).stored
    for place in range(len(data)):
        broken = bytearray(data)
        broken[place] ^= 0x55
        try:
            got = decompress(bytes(broken), models=models).stored
        except RadcodecError:
            continue
        assert np.array_equal(got, wanted), f"byte {place}"


def _with_refinement(data: bytes, **changes: object) -> bytes:
    """The file with other fields in its refinement, its checksums fitting."""
    file, plane = read_rcz(data), _plane(data)
    assert plane.refinement is not None
    refinement = replace(plane.refinement, **changes)  # type: ignore[arg-type]
    changed: RczFile = replace(file, planes=[replace(plane, refinement=refinement)])
    return write_rcz(changed)


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        # Zeros follow a stream of the range coder: one that ends early has other values, which
        # their checksum tells.
        (lambda tile: tile[: len(tile) // 2], VerificationError, "pixels"),
        (lambda tile: tile + bytes(4) + b"\1", CorruptError, "tile"),
        (lambda tile: b"\xff" + tile[1:], CorruptError, "tile"),
    ],
)
def test_a_damaged_tile_of_the_refinement_is_told(
    models: ModelStore,
    refined: bytes,
    change: Callable[[bytes], bytes],
    error: type[Exception],
    told: str,
) -> None:
    refinement = _plane(refined).refinement
    assert refinement is not None
    broken = _with_refinement(refined, tiles=[change(tile) for tile in refinement.tiles])
    with pytest.raises(error, match=told):
        decompress(broken, models=models)


def test_a_refinement_by_a_network_of_another_depth_is_told(
    models: ModelStore, refined: bytes
) -> None:
    own = _plane(refined).model_id
    with pytest.raises(CorruptError, match="depth"):
        decompress(_with_refinement(refined, model_id=own), models=models)


def test_an_unknown_network_is_told(models: ModelStore, refined: bytes) -> None:
    with pytest.raises(ModelNotFoundError, match="01234567"):
        decompress(_with_refinement(refined, model_id=b"\x01\x23\x45\x67"), models=models)


@pytest.mark.parametrize("layer", ["first", "refinement"])
def test_a_missing_network_is_told(
    models: ModelStore, refined: bytes, tmp_path: Path, layer: str
) -> None:
    plane = _plane(refined)
    assert plane.refinement is not None
    needed = plane.model_id if layer == "first" else plane.refinement.model_id
    missing = _folder(models, needed).parent
    for folder in models.root.glob("d?"):
        if folder.name != missing.name:
            (tmp_path / folder.name).symlink_to(folder.resolve())
    with pytest.raises(ModelNotFoundError, match=needed.hex()):
        decompress(refined, models=ModelStore(tmp_path))


def test_images_of_too_many_pixels_are_refused(models: ModelStore) -> None:
    huge = np.broadcast_to(np.int32(0), (1 << 15, (1 << 13) + 1))
    image = replace(grey(np.zeros((1, 1), np.int32)), stored=huge)
    with pytest.raises(LimitError, match="pixels"):
        compress(image, target=Target("level", 100), models=models)


def test_decoding_is_the_same_in_tiles(models: ModelStore) -> None:
    random = np.random.default_rng(1)
    for bundle in models.decompressors():
        net = models.decompressor(bundle.id)
        latent = random.normal(0, 2, (bundle.latents, 40, 33)).astype(np.int32)
        whole = net.fixed_image(latent, 100)
        assert np.array_equal(net.fixed_image(latent, 100, tile=64), whole)


def test_verification_sees_a_mask_that_was_miscoded(
    models: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(4)
    stored = random.normal(1000, 200, (120, 90)).astype(np.int32)
    stored[:60] = -2000
    image = grey(stored, signed=True)
    monkeypatch.setattr(prepared, "encode_mask", lambda m: encode_mask(np.roll(m, 3, axis=0)))
    with pytest.raises(VerificationError):
        compress(image, depth=3, target=Target("level", 200), models=models)
