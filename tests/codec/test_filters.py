"""Files with a filter: parts, reductions, damage, and sizes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from radcodec.codec import Area, BaseEncoder, Encoder, Plan, View, check, decode_plane, prepare
from radcodec.codec.decoder import checksum_of
from radcodec.codec.lossless import Coded, over_networks
from radcodec.container import DIGEST_LENGTH, Plane, Quality, write_rcz
from radcodec.container.planes import pack_plane
from radcodec.errors import CorruptError, RadcodecError, VerificationError
from radcodec.network.store import ModelStore
from tests import independent_decoder
from tests.codec.samples import grey, scene
from tests.container.made import Nets, data_of, header_for, networks_plane
from tests.container.networks import RandomNetwork, table_sets
from tests.hostile.attempts import joined, split

#: Of the small image that random networks decode to: corners, borders of its tiles of 64 pixels,
#: rows and columns, and single pixels.
AREAS = [
    Area(0, 0, 1, 1),
    Area(70, 84, 71, 85),
    Area(0, 80, 4, 85),
    Area(62, 62, 66, 66),
    Area(64, 64, 71, 85),
    Area(30, 0, 31, 85),
    Area(0, 41, 71, 42),
    Area(11, 13, 57, 71),
    Area(0, 0, 71, 85),
]


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> Nets:
    """Return networks of random integers."""
    folder = tmp_path_factory.mktemp("bundles")
    sets = table_sets(np.random.default_rng(5))
    return Nets(RandomNetwork(folder / "2", 2, sets, 7), RandomNetwork(folder / "1", 1, sets, 8))


@pytest.mark.parametrize("refined", [False, True])
@pytest.mark.parametrize(
    ("step", "residual"), [(None, None), (3, None), (None, 5), (9, 800)], ids=str
)
def test_a_region_is_that_part_of_the_whole(
    nets: Nets, refined: bool, step: int | None, residual: int | None
) -> None:
    header = header_for(12)
    plane = networks_plane(
        nets,
        header,
        masked=step is not None,
        refined=refined,
        filtered=True,
        step=step,
        residual=residual,
    ).plane
    whole = decode_plane(plane, header, 0, nets.store)
    filtered, plain = (
        decode_plane(replace(plane, residual=None, filter=one), header, 0, nets.store)
        for one in (plane.filter, None)
    )
    assert np.mean(filtered != plain) > 0.1
    for area in AREAS:
        part = decode_plane(plane, header, 0, nets.store, View(area))
        assert np.array_equal(part, whole[area.slices]), area


@pytest.mark.parametrize("refined", [False, True])
@pytest.mark.parametrize("factor", [2, 4, 8])
def test_reduced_views_do_without(nets: Nets, refined: bool, factor: int) -> None:
    header = header_for(12)
    plane = networks_plane(nets, header, refined=refined, filtered=True, step=3).plane
    for area in (None, AREAS[7]):
        view = View(area, factor)
        plain = decode_plane(replace(plane, filter=None), header, 0, nets.store, view)
        assert np.array_equal(decode_plane(plane, header, 0, nets.store, view), plain)
        # They do not even look at it.
        broken = replace(plane, filter=b"\xff" * 4)
        assert np.array_equal(decode_plane(broken, header, 0, nets.store, view), plain)
    with pytest.raises(CorruptError, match="filter"):
        decode_plane(broken, header, 0, nets.store, View(area))


def test_tiles_do_not_matter(nets: Nets) -> None:
    """A filter looks across their borders."""
    found = []
    for tile_log2, count in ((6, 4), (10, 1)):
        header = header_for(12, tile_log2=tile_log2)
        plane = networks_plane(nets, header, refined=True, filtered=True).plane
        assert len(plane.tiles) == count
        found.append(decode_plane(plane, header, 0, nets.store))
    assert np.array_equal(found[0], found[1])


def test_threads_do_not_matter(nets: Nets) -> None:
    header = header_for(12)
    planes = [
        networks_plane(nets, header, refined=seed % 2 == 0, filtered=True, seed=seed).plane
        for seed in range(4)
    ]
    wanted = [decode_plane(plane, header, 0, nets.store) for plane in planes]
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda plane: decode_plane(plane, header, 0, nets.store), 4 * planes)
        for n, one in enumerate(found):
            assert np.array_equal(one, wanted[n % 4])


def test_every_damaged_byte_is_told_or_harmless(nets: Nets) -> None:
    header = header_for(12)
    plane = networks_plane(nets, header, refined=True, filtered=True).plane
    assert plane.filter is not None
    good = decode_plane(plane, header, 0, nets.store)
    chunks = split(data_of(nets, header, plane))
    told = 0
    for at in range(len(plane.filter)):
        changed = bytearray(plane.filter)
        changed[at] ^= 1 << at % 8
        broken = replace(plane, filter=bytes(changed))
        data = joined([(kind, bytes(changed) if kind == b"FILT" else p) for kind, p in chunks])
        try:
            values = decode_plane(broken, header, 0, nets.store)
        except CorruptError:
            with pytest.raises(CorruptError, match="filter"):
                check(data, models=nets.store)
            told += 1
            continue
        if np.array_equal(values, good):
            check(data, models=nets.store)
            continue
        with pytest.raises(VerificationError):
            check(data, models=nets.store)
        told += 1
    # Weights of classes that the image has no pixel of do no harm.
    assert told > 0.7 * len(plane.filter)


def test_a_missing_or_needless_filter_is_told(nets: Nets) -> None:
    header = header_for(12)
    plane = networks_plane(nets, header, refined=True, filtered=True).plane
    with_filter = split(data_of(nets, header, plane))
    without = split(data_of(nets, header, replace(plane, filter=None)))
    assert [kind for kind, _ in with_filter if kind != b"FILT"] == [kind for kind, _ in without]
    (weights,) = [chunk for chunk in with_filter if chunk[0] == b"FILT"]
    for chunks in ([c for c in with_filter if c[0] != b"FILT"], [*without, weights]):
        with pytest.raises(VerificationError):
            check(joined(chunks), models=nets.store)


# From here on with the shipped models.
ROWS, COLUMNS, LEVEL = 96, 110, 115


@pytest.fixture(scope="module")
def encoders(models: ModelStore) -> dict[str, Encoder]:
    """Encoders of an image with background and a hard edge, of depth 2 alone and refined."""
    if not {1, 2} <= set(models.depths("ct")):
        pytest.skip("there are no models of depths 1 and 2 for CT")
    stored = scene(1, 1, ROWS, COLUMNS, 12)[0, 0] + 1
    stored[40:44, 20:70] = 4095
    stored[:, 80:104] = 0
    base = BaseEncoder(prepare(grey(stored, 12)), "ct", 2, models)
    return {"alone": Encoder(base, Plan(2)), "refined": Encoder(base, Plan(2, 0.7))}


@pytest.fixture(scope="module")
def coded(encoders: dict[str, Encoder]) -> dict[str, Coded]:
    """What they make of it, and one with a residual on top."""
    found = {name: Coded(one.plane(LEVEL), one.decoded(LEVEL)) for name, one in encoders.items()}
    base = encoders["refined"].base
    found["bounded"] = over_networks(found["refined"], base.prepared, 2, base.header)
    return found


@pytest.mark.parametrize("kind", ["alone", "refined", "bounded"])
def test_both_decoders_filter_alike(
    models: ModelStore, encoders: dict[str, Encoder], coded: dict[str, Coded], kind: str
) -> None:
    plane: Plane = coded[kind].plane
    assert plane.filter and plane.mask is not None and plane.pixels is not None
    header = encoders["refined"].base.header
    assert np.array_equal(decode_plane(plane, header, 0, models), coded[kind].decoded)
    whole = replace(plane, checksum=checksum_of(coded[kind].decoded))
    data = write_rcz(replace(encoders["refined"].file(LEVEL), planes=[whole]))
    assert np.array_equal(check(data, models=models).stored, coded[kind].decoded)
    folders = [bundle.path for bundle in models.decompressors()]
    assert np.array_equal(independent_decoder.decode(data, folders)[0], coded[kind].decoded)


@pytest.mark.parametrize("kind", ["alone", "refined"])
def test_sizes_are_those_of_the_files(encoders: dict[str, Encoder], kind: str) -> None:
    encoder = encoders[kind]
    header = encoder.base.header
    quality = Quality(40.0, 1, bytes(DIGEST_LENGTH))
    for level in (LEVEL, 200, 255):
        plane, plain = encoder.plane(level), encoder.plane(level, plain=True)
        assert plain == replace(plane, filter=None)
        assert encoder.plane_size(level) == len(pack_plane(plane, header, 0))
        assert encoder.plane_size(level, plain=True) == len(pack_plane(plain, header, 0))
        file = replace(encoder.file(level), quality=quality)
        assert encoder.size(level) == len(write_rcz(file))
    assert encoder.plane_size(LEVEL) > encoder.plane_size(LEVEL, plain=True)


@pytest.mark.parametrize("kind", ["alone", "refined"])
def test_a_filter_makes_the_image_better(
    models: ModelStore, encoders: dict[str, Encoder], coded: dict[str, Coded], kind: str
) -> None:
    stored = encoders[kind].prepared.image.stored
    plane = coded[kind].plane
    without = decode_plane(replace(plane, filter=None), encoders[kind].base.header, 0, models)
    errors = [((values - stored) ** 2.0).mean() for values in (coded[kind].decoded, without)]
    assert errors[0] < errors[1]


def test_a_damaged_filter_of_a_real_file_is_told(
    models: ModelStore, encoders: dict[str, Encoder], coded: dict[str, Coded]
) -> None:
    plane = coded["refined"].plane
    assert plane.filter is not None
    whole = replace(plane, checksum=checksum_of(coded["refined"].decoded))
    chunks = split(write_rcz(replace(encoders["refined"].file(LEVEL), planes=[whole])))
    for changed in (b"", b"\xff" * 4, plane.filter + b"\0", plane.filter[::-1]):
        data = joined([(kind, changed if kind == b"FILT" else p) for kind, p in chunks])
        with pytest.raises(RadcodecError, match=r"filter|pixels"):
            check(data, models=models)
