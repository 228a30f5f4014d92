"""Bundles written by training are those that the codec loads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("imagecodecs")

import torch

from radcodec.bench.own import whole_file
from radcodec.codec import BaseEncoder, Encoder, Plan, check, compress, prepare
from radcodec.network.bundle import Bundle
from radcodec.network.store import ModelStore
from radcodec.quantising.levels import LEVELS, nominal_step
from radcodec.quantising.quantise import LIMIT
from radcodec.rate import Target
from radcodec.training.bundles import write_bundles
from radcodec.training.data import IndexedImage, read_index
from radcodec.training.grow import grown
from radcodec.training.loop import Codec
from radcodec.training.networks import Architecture
from radcodec.training.tables import BANDS, refining_table_sets_of, table_sets_of, trimmed
from tests.codec.samples import grey
from tests.independent_decoder import decode as decode_independently
from tests.training.samples import write_images

TUNED = ("xr", "mg")


def _wide() -> Codec:
    torch.manual_seed(9)
    narrow = Codec(Architecture(1, width=16, latents=4), 1).eval()
    return grown(narrow, torch.rand(4, 1, 16, 16))


def _codec(depth: int) -> Codec:
    torch.manual_seed(depth)
    return Codec(Architecture(depth, width=16, latents=6), depth).eval()


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[IndexedImage]:
    return read_index(write_images(tmp_path_factory.mktemp("data") / "images"), "train")


@pytest.fixture(scope="module")
def root(images: list[IndexedImage], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder of depth 2, of depth 1 that refines it, and of depth 2 with many latents."""
    root = tmp_path_factory.mktemp("models")
    base = _codec(2)
    for codec, bases in ((base, []), (_codec(1), [base]), (_wide(), [])):
        tuned = dict.fromkeys(TUNED, codec)
        bundles = write_bundles(root, codec, tuned, images, {"note": "test"}, bases)
        assert [bundle.kind for bundle in bundles] == ["decompressor"] + 2 * ["compressor"]
    return root


@pytest.fixture(scope="module")
def store(root: Path) -> ModelStore:
    return ModelStore(root)


def _decompressor(store: ModelStore, depth: int, *, wide: bool = False) -> Bundle:
    found = (bundle for bundle in store.decompressors() if bundle.wide == wide)
    return next(bundle for bundle in found if bundle.depth == depth)


def test_the_folder_is_complete_and_tests_itself(store: ModelStore) -> None:
    assert [(b.depth, b.latents, b.kind, b.modality) for b in store.bundles] == [
        (depth, latents, kind, modality)
        for depth, latents in ((1, 6), (2, 6), (2, 16))
        for kind, modality in (("compressor", "mg"), ("compressor", "xr"), ("decompressor", None))
    ]
    assert all(good for _, good, _ in store.self_test()), store.self_test()
    assert store.depths("xr") == [1, 2] and store.depths("xr", wide=True) == [2]
    assert {bundle.path.parent.name for bundle in store.bundles} == {"d1", "d2", "d2-16"}


def test_manifests_name_the_tables_of_images_and_of_what_is_left(store: ModelStore) -> None:
    for depth in (1, 2):
        sets = store.decompressor(_decompressor(store, depth).id).table_sets
        named: list[int] = []
        for modality in TUNED:
            compressor = store.compressor(modality, depth)
            assert compressor.bundle.manifest["decompressor"] == _decompressor(store, depth).id
            plain = compressor.table_sets(refining=False)
            refining = compressor.table_sets(refining=True)
            assert len(plain) == len(BANDS)
            assert len(refining) == (len(BANDS) if depth == 1 else 0)
            assert all(sets[number].predicted for number in plain)
            assert not any(sets[number].predicted for number in refining)
            named += plain + refining
        assert sorted(named) == list(range(len(sets)))


def test_steps_and_gains_are_those_of_the_scale(store: ModelStore) -> None:
    for depth in (1, 2):
        steps = store.compressor("xr", depth).steps
        assert steps.shape == (LEVELS, 6) and steps.dtype == np.float32
        wanted = [nominal_step(level, depth) for level in range(LEVELS)]
        np.testing.assert_allclose(steps[:, 0], wanted, rtol=1e-4)
        gains = store.decompressor(_decompressor(store, depth).id).gains
        assert gains.gains.shape == (LEVELS, 6)
        assert (np.diff(gains.gains, axis=0) >= 0).all() and gains.gains.min() >= 1
        assert gains.limits.min() > 0 and gains.limits.max() < LIMIT


def test_what_was_written_compresses(store: ModelStore) -> None:
    random = np.random.default_rng(5)
    stored = np.cumsum(random.normal(0, 40, (45, 50)), axis=1).astype(np.int32) + 2000
    stored[:20, :30] = 0
    errors = []
    for refine in (False, True):
        packed = compress(
            grey(stored), depth=2, refine=refine, target=Target("level", 60), models=store
        )
        assert packed.refined == refine
        restored = check(packed.data, models=store).stored
        bundles = [_decompressor(store, depth).path for depth in (1, 2)]
        (again,) = decode_independently(packed.data, bundles)
        np.testing.assert_array_equal(restored, again)
        errors.append(float(np.square(restored - stored).mean()))
    # Even untrained, it starts from a transform that refines.
    assert errors[1] < errors[0]


def test_wide_networks_compress(store: ModelStore) -> None:
    random = np.random.default_rng(5)
    stored = np.cumsum(random.normal(0, 40, (45, 50)), axis=1).astype(np.int32) + 2000
    image = grey(stored)
    sizes, errors = [], []
    for level in (40, 120):
        encoder = Encoder(
            BaseEncoder(prepare(image), "xr", 2, store, wide=True), Plan(2, wide=True)
        )
        data = whole_file(encoder, level)
        wide = _decompressor(store, 2, wide=True)
        (again,) = decode_independently(data, [wide.path])
        np.testing.assert_array_equal(encoder.decoded(level), again)
        sizes.append(len(data))
        errors.append(float(np.square(again - stored).mean()))
    assert sizes[0] > sizes[1] and errors[0] < errors[1]


def test_table_sets_follow_their_bands(images: list[IndexedImage]) -> None:
    samples = [trimmed(image) for image in images]
    codec, base = _codec(1), _codec(2)
    plain = table_sets_of(codec, samples)
    refining = refining_table_sets_of(codec, samples, [base])
    assert len(plain) == len(refining) == len(BANDS)
    assert all(one.predicted for one in plain) and not any(one.predicted for one in refining)
    for sets in (plain, refining):
        # Coarser bands have more empty positions: a 0 of the first decision is likelier.
        first = [float(one.decisions[0].mean()) for one in sets]
        assert first[-1] > first[0]
    again = refining_table_sets_of(codec, samples, [base])
    for one, other in zip(refining, again, strict=True):
        np.testing.assert_array_equal(one.lengths, other.lengths)


def test_a_modality_without_images_does_not_stop_the_export(
    images: list[IndexedImage], tmp_path: Path
) -> None:
    # `stages.tune` leaves such a modality out and says so.
    codec = _codec(2)
    some = [image for image in images if image.modality == "xr"]
    bundles = write_bundles(tmp_path, codec, {"xr": codec, "mg": codec}, some, {}, [])
    assert "xr" in {bundle.modality for bundle in bundles}
