"""Parts of training images in one file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from radcodec.training import pack
from radcodec.training.data import MODALITIES, Sample, load, prepare
from radcodec.training.pack import DEEPEST, read_pack, write_pack

EVEN = dict.fromkeys(MODALITIES, 1.0)
LARGE = 1 << 20


def _noise(rows: int, columns: int, top: int, seed: int = 0) -> NDArray[np.int32]:
    values = np.random.default_rng(seed).integers(0, top + 1, (rows, columns), dtype=np.int32)
    values.flat[:2] = 0, top
    return values


def _only(samples: list[Sample], modality: str) -> Sample:
    (found,) = (sample for sample in samples if sample.modality == modality)
    return found


def test_images_come_back_in_eleven_bits(tmp_path: Path) -> None:
    covered = _noise(40, 50, 4095, 1) + 100
    covered[:, :20] = -2000
    shallow = _noise(30, 31, 255, 2) + 1
    shallow[20:] = 0
    tops = {"ct": 4095, "mg": 255, "mr": DEEPEST, "xr": 1}
    images = [
        prepare("a", "ct", covered),
        prepare("b", "mg", shallow),
        prepare("c", "mr", _noise(17, 1, DEEPEST, 3)),
        prepare("d", "xr", _noise(8, 9, 1, 4)),
    ]
    path = tmp_path / "all.pack"
    assert write_pack(images, path, LARGE, EVEN) == dict.fromkeys(MODALITIES, 1)
    read = read_pack(path)
    assert len(read) == 4
    for image in images:
        back = _only(read, image.modality)
        assert back.unit.dtype == np.uint16 and back.unit.shape == image.unit.shape
        top = min(tops[image.modality], DEEPEST)
        assert back.step == pytest.approx(1 / top)
        # Nothing is off by more than half a step of what is kept, and rounding.
        error = np.abs(back.unit.astype(np.int64) - image.unit)
        assert error.max() <= 65535 / top / 2 + 1
        if image.mask is None:
            assert back.mask is None
        else:
            assert back.mask is not None and back.mask.dtype == np.bool_
            np.testing.assert_array_equal(back.mask, image.mask)
            error = error[~image.mask]
        # Of up to 11 bits all is kept, but for what is filled in behind the background.
        assert error.max() <= 1 or image.modality == "ct"
    assert _only(read, "mg").mask is not None


def test_large_images_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "TILE", 8)
    rows, cols = 20, 17
    place = np.arange(rows * cols, dtype=np.int32).reshape(rows, cols)
    image = prepare("a", "ct", place)
    path = tmp_path / "all.pack"
    assert write_pack([image], path, LARGE, EVEN)["ct"] == 4
    times = np.zeros((rows, cols), int)
    for tile in read_pack(path):
        assert tile.unit.shape == (8, 8)
        top, left = divmod(round(tile.unit[0, 0] * image.step**-1 / 65535), cols)
        area = (slice(top, top + 8), slice(left, left + 8))
        assert np.abs(tile.unit.astype(int) - image.unit[area]).max() <= 1
        times[area] += 1
    assert times.max() == 1


def test_parts_that_are_background_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack, "TILE", 10)
    mask = np.zeros((10, 30), bool)
    mask[:, 10:] = True
    mask[0, 20:] = False  # A tenth of the last part is enough, none of the middle one is not.
    unit = np.full(mask.shape, 30000, np.uint16)
    path = tmp_path / "all.pack"
    counts = write_pack([Sample("a", "mg", unit, mask, 1 / 255)], path, LARGE, EVEN)
    assert counts == {"xr": 0, "mg": 2, "ct": 0, "mr": 0}
    shown = [1.0 if tile.mask is None else 1 - tile.mask.mean() for tile in read_pack(path)]
    assert sorted(shown) == pytest.approx([0.1, 1.0])


def test_the_size_is_kept_and_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "TILE", 16)
    images = [
        prepare(f"{modality}{n}", modality, _noise(64, 64, 2000, n))
        for modality in ("xr", "ct")
        for n in range(10)
    ]
    path = tmp_path / "some.pack"
    sizes, tiles = (6000, 12000, 24000), []
    for size in sizes:
        counts = write_pack(images, path, size, {"xr": 3.0, "ct": 1.0, "mg": 0.0})
        # Noise of 11 bits: a part takes 352 bytes and a little.
        assert 0.85 * size < path.stat().st_size <= size
        assert 2 <= counts["xr"] / counts["ct"] <= 4.5
        assert counts["mg"] == counts["mr"] == 0
        assert len(read_pack(path)) == sum(counts.values())
        tiles.append(sum(counts.values()))
    assert tiles == sorted(set(tiles))
    path.unlink()
    with pytest.raises(ValueError, match="has room in 1100 bytes"):
        write_pack(images, path, 1100, EVEN)
    assert not path.exists()


def test_every_image_gives_a_part_before_one_gives_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack, "TILE", 16)
    # Steps tell which image a part is of.
    images = [prepare(f"{n}", "ct", _noise(64, 16 * (1 + n), 1000 + n, n)) for n in range(4)]
    path = tmp_path / "all.pack"
    assert write_pack(images, path, LARGE, EVEN)["ct"] == 4 * (1 + 2 + 3 + 4)
    origin = [round(1 / tile.step) - 1000 for tile in read_pack(path)]
    rounds = [origin[start : start + 4] for start in range(0, 16, 4)]
    assert all(sorted(numbers) == [0, 1, 2, 3] for numbers in rounds)
    assert [origin.count(n) for n in range(4)] == [4, 8, 12, 16]


def test_the_seed_chooses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "TILE", 16)
    images = [prepare("a", "ct", _noise(96, 96, 1000))]
    packs = []
    for seed in (1, 1, 2):
        path = tmp_path / "some.pack"
        write_pack(images, path, 8000, {"ct": 1.0}, seed)
        packs.append(np.stack([sample.unit for sample in read_pack(path)][:8]))
    assert np.array_equal(packs[0], packs[1])
    assert not np.array_equal(packs[0], packs[2])


def test_training_loads_a_pack_like_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "all.pack"
    write_pack([prepare("a", "mr", _noise(9, 9, 255))], path, LARGE, EVEN)
    (sample,) = load(path, "train")
    assert (sample.name, sample.modality) == ("all.pack 0", "mr")


@pytest.mark.parametrize("data", [b"", b"film", b"PK\3\4" + bytes(40)])
def test_other_files_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "film.png"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"film\.png is no pack of training images"):
        load(path, "train")


def test_other_arrays_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.zeros(3))
    np.savez(tmp_path / "some.npz", numbers=np.zeros((1, 6)))
    for name in ("one.npy", "some.npz"):
        with pytest.raises(ValueError, match=f"{name} is no pack of training images"):
            read_pack(tmp_path / name)


def test_damage_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "all.pack"
    write_pack([prepare("a", "ct", _noise(12, 9, 255))], path, LARGE, EVEN)
    whole, expected = path.read_bytes(), read_pack(path)[0].unit
    refused = 0
    for place in range(0, len(whole), 3):
        data = bytearray(whole)
        data[place] ^= 0x55
        path.write_bytes(data)
        try:
            (sample,) = read_pack(path)
        except ValueError as error:
            assert "all.pack is no pack of training images, or damaged" in str(error)
            refused += 1
        else:  # Times and other fields of a ZIP that nobody reads.
            np.testing.assert_array_equal(sample.unit, expected)
    assert refused > len(whole) / 3 / 2
    for length in range(0, len(whole), 9):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="damaged"):
            read_pack(path)


def test_a_changed_length_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "all.pack"
    write_pack([prepare("a", "ct", _noise(9, 9, 255, n)) for n in (1, 2)], path, LARGE, EVEN)
    whole = path.read_bytes()
    assert whole.count(b"(2, 6)") == 1
    path.write_bytes(whole.replace(b"(2, 6)", b"(1, 6)"))
    with pytest.raises(ValueError, match=r"damaged: checksum of numbers\.npy differs"):
        read_pack(path)
