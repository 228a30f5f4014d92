"""Measuring folders of images with other codecs and with our own."""

from __future__ import annotations

import math
import shutil
from collections.abc import Container, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("imagecodecs")

from radcodec.bench import measure as module
from radcodec.bench.codecs import CODECS, jpeg, jpegls
from radcodec.bench.display import Display
from radcodec.bench.images import choose, find_sources
from radcodec.bench.measure import background_errors, measure, measure_own, measure_peers
from radcodec.bench.rows import RowFile, load_rows
from radcodec.errors import InputError, OutputError
from radcodec.network.store import ModelStore
from radcodec.reading.image import GreyImage
from tests.bench.samples import sample_path, stored_values


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A CT and an MR image, and a file that is neither."""
    data = tmp_path / "data"
    data.mkdir()
    for name in ("CT_small.dcm", "MR_small.dcm"):
        shutil.copy(sample_path(name), data / name)
    (data / "notes.txt").write_text("no image")
    return data


def _quiet(line: str) -> None:
    pass


def test_sources_of_a_folder(folder: Path) -> None:
    warnings: list[str] = []
    sources = find_sources(folder, "val", None, warnings.append)
    assert [(s.name, s.modality) for s in sources] == [
        ("CT_small.dcm", "ct"),
        ("MR_small.dcm", "mr"),
    ]
    assert len(warnings) == 1 and "notes.txt" in warnings[0]
    assert np.array_equal(sources[0].read().stored, stored_values("CT_small.dcm"))


def test_sources_of_an_index(tmp_path: Path) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    pixels = stored_values("CT_small.dcm").astype(np.uint16)
    (tmp_path / "slice.jxl").write_bytes(imagecodecs.jpegxl_encode(pixels, lossless=True))
    (tmp_path / "index.csv").write_text(
        "file,split,modality,offset\nslice.jxl,val,CT,-1024\nslice.jxl,train,CT,0\n"
    )
    (source,) = find_sources(tmp_path, "val")
    assert (source.name, source.modality, source.split) == ("slice", "ct", "val")
    assert np.array_equal(source.read().stored, pixels.astype(np.int32) - 1024)
    assert source.display() == Display(1.0, 0.0, "HU", None)
    with pytest.raises(InputError, match="no usable image"):
        find_sources(tmp_path, "test")


def test_broken_index_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index.csv").write_text("name\nslice\n")
    with pytest.raises(InputError, match=r"index\.csv"):
        find_sources(tmp_path, "val")


def test_choice_is_spread_over_each_modality(folder: Path) -> None:
    (ct, mr) = find_sources(folder, "val", None, _quiet)
    assert choose([ct, ct, mr, ct, ct], limit=2) == [ct, ct, mr]
    assert choose([ct, mr], ["mr"]) == [mr]


def test_figures_of_a_row(folder: Path) -> None:
    ct = find_sources(folder, "val", None, _quiet)[0]
    stored = stored_values("CT_small.dcm")
    row = measure(ct, stored, "any", "7", 4096, stored + 10)
    assert row.bpp == 8 * 4096 / stored.size
    span = int(stored.max() - stored.min())
    assert row.psnr == pytest.approx(20 * math.log10(span / 10))
    assert row.max_error == 10
    assert 0.9 < row.ms_ssim < 1 and 0.9 < row.ssim < 1
    # Stored 1064 is 40 HU in this file, so the soft tissue window is 864 to 1264.
    low, high = (np.clip(stored + shift, 864, 1264) for shift in (0, 10))
    expected = 20 * math.log10(400) - 10 * math.log10(np.mean((high - low) ** 2))
    assert row.windows["soft_tissue"] == pytest.approx(expected)
    assert set(row.windows) == {"lung", "soft_tissue", "bone"}


def test_other_modalities_have_the_windows_of_their_files(folder: Path) -> None:
    mr = find_sources(folder, "val", None, _quiet)[1]
    stored = stored_values("MR_small.dcm")
    # WindowCenter 600, WindowWidth 1600: a change above 1400 is not seen.
    changed = np.where(stored == stored.max(), stored + 50, stored)
    assert stored.max() > 1400
    row = measure(mr, stored, "any", "7", 100, changed)
    assert row.windows == {"display": math.inf}
    row = measure(mr, stored, "any", "7", 100, stored + 16 * (stored < 1300))
    share = float((stored < 1300).mean())
    assert row.windows["display"] == pytest.approx(40 - 10 * math.log10(share))


def test_errors_inside_and_outside_the_background() -> None:
    stored = stored_values("CT_small.dcm").copy()
    stored[:40] = 0
    decoded = stored.copy()
    decoded[:40] += 3
    decoded[40:] -= 5
    assert background_errors(stored, decoded) == (5.0, 3.0)
    assert background_errors(stored_values("MR_small.dcm"), stored_values("MR_small.dcm") + 2) == (
        2.0,
        None,
    )


def test_a_stopped_run_goes_on(folder: Path, tmp_path: Path) -> None:
    sources = find_sources(folder, "val", None, _quiet)
    path = tmp_path / "rows.jsonl"
    assert measure_peers(["jpeg", "jpegls"], sources, RowFile(path), log=_quiet) == 0
    whole = path.read_text()
    rows = load_rows(path)
    assert len(rows) == 2 * (len(jpeg.KNOBS) + len(jpegls.KNOBS))
    assert len({row.key for row in rows}) == len(rows)
    lines = whole.splitlines(keepends=True)
    path.write_text("".join(lines[:20]) + lines[20][:9])
    measure_peers(["jpeg", "jpegls"], sources, RowFile(path), log=_quiet)
    assert path.read_text() == whole
    log: list[str] = []
    measure_peers(["jpeg", "jpegls"], sources, RowFile(path), log=log.append)
    assert path.read_text() == whole
    assert not any("CT_small" in line for line in log)


def test_several_processes_measure_the_same(folder: Path, tmp_path: Path) -> None:
    sources = find_sources(folder, "val", None, _quiet)
    found = []
    for jobs in (1, 2):
        path = tmp_path / f"rows{jobs}.jsonl"
        measure_peers(["jpegls"], sources, RowFile(path), jobs=jobs, log=_quiet)
        found.append(sorted(path.read_text().splitlines()))
    assert found[0] == found[1]


def test_what_cannot_be_measured_is_reported(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = find_sources(folder, "val", None, _quiet)
    monkeypatch.setattr(CODECS["hevc"], "available", lambda: "install it first")
    file = RowFile(tmp_path / "rows.jsonl")
    log: list[str] = []
    failed = measure_peers(["hevc", "jpeg"], sources, file, max_pixels=64 * 64, log=log.append)
    assert failed == 1
    assert "hevc left out: install it first" in log
    assert any("CT_small.dcm: 16384 pixels, more than 4096" in line for line in log)
    assert {row.image for row in load_rows(file.path)} == {"MR_small.dcm"}


def test_failures_of_an_image_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    def refuse(stored: NDArray[np.int32], knob: object) -> bytes:
        raise RuntimeError("too strange")

    data = tmp_path / "indexed"
    data.mkdir()
    (data / "index.csv").write_text("file,split,modality\nnone.jxl,val,ct\n")
    log: list[str] = []
    file = RowFile(tmp_path / "rows.jsonl")
    assert measure_peers(["jpeg"], find_sources(data, "val"), file, log=log.append) == 1
    assert "none.jxl: cannot be read" in log[-1]
    monkeypatch.setattr(jpegls, "encode", refuse)
    sources = find_sources(folder, "val", None, _quiet)
    assert measure_peers(["jpegls"], sources, file, log=log.append) == 2
    assert "failed at 255: too strange" in log[-1]


def test_a_file_that_cannot_be_written_ends_the_run(folder: Path, tmp_path: Path) -> None:
    file = RowFile(tmp_path / "rows.jsonl")
    file.path.unlink()
    file.path.mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        measure_peers(["jpegls"], find_sources(folder, "val", None, _quiet), file, log=_quiet)


def test_a_name_given_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index.csv").write_text("file,split,modality\na/x.jxl,val,ct\nb/x.jxl,val,ct\n")
    with pytest.raises(InputError, match="several images are named x"):
        find_sources(tmp_path, "val")


def test_own_rows(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def points(
        image: GreyImage, modality: str, models: ModelStore, known: Container[str]
    ) -> Iterator[tuple[str, int, NDArray[np.int32]]]:
        assert modality in ("ct", "mr")
        for number in (1, 2):
            if f"{number} bpp" not in known:
                yield f"{number} bpp: level {number}", 100 * number, image.stored + 3 - number

    monkeypatch.setattr(module, "own_points", points)
    sources = find_sources(folder, "val", None, _quiet)
    file = RowFile(tmp_path / "rows.jsonl")
    store = ModelStore(tmp_path)
    assert measure_own(sources, store, file, log=_quiet) == 0
    rows = load_rows(file.path)
    assert [(r.codec, r.knob, r.bytes) for r in rows] == 2 * [
        ("radcodec", "1 bpp: level 1", 100),
        ("radcodec", "2 bpp: level 2", 200),
    ]
    measure_own(sources, store, file, log=_quiet)
    assert load_rows(file.path) == rows
    # A run that was stopped in the last image measures what it lacks.
    lines = file.path.read_text().splitlines(keepends=True)
    file.path.write_text("".join(lines[:-1]))
    file = RowFile(file.path)
    measure_own(sources, store, file, log=_quiet)
    assert load_rows(file.path) == rows
    measure_own(sources[:1], store, file, codec="radcodec-new", log=_quiet)
    assert len(load_rows(file.path)) == len(rows) + 2


def test_background_of_the_padding_value() -> None:
    stored = np.arange(4096, dtype=np.int32).reshape(64, 64)
    stored[20:50, 20:50] = 100
    decoded = stored + 4
    decoded[20:50, 20:50] = 100
    assert background_errors(stored, decoded)[1] is None
    outside, inside = background_errors(stored, decoded, 100)
    assert (outside, inside) == (4.0, 0.0)
