"""What is measured in a folder, and what is not."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from radcodec.bench.display import Display, display_of, lossy_before
from radcodec.bench.images import has_index
from radcodec.bench.survey import Selection, Subject, digest, sources_of, survey
from radcodec.metrics.windows import Window
from tests.bench.samples import sample_path, stored_values


def _copy(folder: Path, *names: str) -> list[Path]:
    folder.mkdir(exist_ok=True)
    return [Path(shutil.copy(sample_path(name), folder / name)) for name in names]


def _names(subjects: list[Subject]) -> list[str]:
    return [subject.source.name for subject in subjects]


def test_images_are_described(tmp_path: Path) -> None:
    files = _copy(tmp_path / "in", "CT_small.dcm", "MR_small.dcm")
    subjects, left_out = survey(sources_of(files, tmp_path, None), Selection())
    assert left_out == []
    assert _names(subjects) == ["in/CT_small.dcm", "in/MR_small.dcm"]
    ct = subjects[0]
    assert (ct.rows, ct.columns, ct.bits_allocated, ct.bits_stored) == (128, 128, 16, 16)
    assert ct.uncompressed_bytes == 2 * 128 * 128
    assert ct.pixels == digest(stored_values("CT_small.dcm"))
    assert ct.source.modality == "ct"
    assert ct.display == Display(1.0, -1024.0, "HU", None)
    assert subjects[1].display == Display(1.0, 0.0, "", Window(600, 1600))


def test_what_is_left_out_says_why(tmp_path: Path) -> None:
    names = ("CT_small.dcm", "MR_small.dcm", "MR_small_RLE.dcm", "693_J2KI.dcm", "SC_rgb.dcm")
    files = _copy(tmp_path / "in", *names, "liver_1frame.dcm")
    cut = tmp_path / "in" / "cut.dcm"
    cut.write_bytes(files[0].read_bytes()[:900])
    empty = tmp_path / "in" / "empty.dcm"
    empty.touch()
    sources = sources_of([*files, cut, empty], tmp_path / "in", None)
    subjects, left_out = survey(sources, Selection())
    assert _names(subjects) == ["CT_small.dcm", "MR_small.dcm"]
    reasons = {item.image: (item.failed, item.reason) for item in left_out}
    assert set(reasons) == {source.name for source in sources} - set(_names(subjects))
    for name, failed, word in (
        ("MR_small_RLE.dcm", False, "same pixels as MR_small.dcm"),
        ("693_J2KI.dcm", False, "LossyImageCompression 01"),
        ("SC_rgb.dcm", True, "colour"),
        ("liver_1frame.dcm", True, "labels, no picture"),
        ("cut.dcm", True, "ends before"),
        ("empty.dcm", True, "neither"),
    ):
        assert reasons[name][0] is failed, name
        assert word in reasons[name][1], reasons[name]
        assert str(tmp_path) not in reasons[name][1]


def test_lossy_images_on_demand(tmp_path: Path) -> None:
    files = _copy(tmp_path / "in", "693_J2KI.dcm")
    sources = sources_of(files, tmp_path / "in", None)
    assert survey(sources, Selection())[0] == []
    assert len(survey(sources, Selection(include_lossy=True))[0]) == 1


def test_lossless_flag_outweighs_a_doubtful_syntax() -> None:
    dataset = pydicom.dcmread(sample_path("JPEG2000.dcm"), stop_before_pixels=True)
    assert "LossyImageCompression 01" in (lossy_before(dataset) or "")
    del dataset.LossyImageCompression
    assert "JPEG 2000" in (lossy_before(dataset) or "")
    dataset.LossyImageCompression = "00"
    assert lossy_before(dataset) is None


def test_groups_and_sizes(tmp_path: Path) -> None:
    files = _copy(tmp_path / "in", "CT_small.dcm", "MR_small.dcm", "examples_palette.dcm")
    png = tmp_path / "in" / "plain.png"
    Image.fromarray(np.arange(900, dtype=np.uint8).reshape(30, 30)).save(png)
    sources = sources_of([*files, png], tmp_path / "in", None)
    assert [source.modality for source in sources] == ["ct", "mr", "generic", "generic"]
    named = sources_of([png], tmp_path / "in", "xr")
    assert named[0].modality == "xr"
    assert _names(survey(sources, Selection(["mr"]))[0]) == ["MR_small.dcm"]
    subjects, left_out = survey(sources, Selection(max_pixels=5000))
    assert _names(subjects) == ["MR_small.dcm", "plain.png"]
    assert "--max-pixels 5000" in left_out[0].reason and not left_out[0].failed


def test_a_limit_draws_by_seed_and_skips_what_cannot_be_read(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    files = []
    random = np.random.default_rng(1)
    for number in range(9):
        path = folder / f"{number}.png"
        pixels = random.integers(0, 255, (20, 20), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
        files.append(path)
    broken = folder / "broken.png"
    broken.write_bytes(files[0].read_bytes()[:60])
    sources = sources_of([broken, *files], folder, None)
    draws = [
        _names(survey(sources, Selection(limit=4, seed=seed))[0]) for seed in (1, 1, 2, 3, 4, 5)
    ]
    assert all(len(draw) == 4 and draw == sorted(draw) for draw in draws)
    assert draws[0] == draws[1]
    assert len({tuple(draw) for draw in draws}) > 2
    everything = _names(survey(sources, Selection(limit=100))[0])
    assert everything == [f"{number}.png" for number in range(9)]


@pytest.mark.parametrize("width", ["0", "", "many"])
def test_windows_that_are_none(width: str) -> None:
    dataset = pydicom.Dataset()
    dataset.add_new("WindowCenter", "LO", "40")
    dataset.add_new("WindowWidth", "LO", width)
    assert display_of(dataset, "ct") == Display()


def test_first_window_and_rescale() -> None:
    dataset = pydicom.Dataset()
    dataset.WindowCenter, dataset.WindowWidth = [40, 400], [350, 1500]
    dataset.RescaleSlope, dataset.RescaleIntercept = "2", "-1000"
    assert display_of(dataset, "ct") == Display(2, -1000, "HU", Window(40, 350))
    assert display_of(dataset, "mr") == Display(2, -1000, "", Window(40, 350))
    dataset.ModalityLUTSequence = [pydicom.Dataset()]
    assert display_of(dataset, "ct") == Display()


def test_an_image_of_one_value_is_left_out(tmp_path: Path) -> None:
    Image.fromarray(np.full((40, 40), 7, np.uint8)).save(tmp_path / "flat.png")
    subjects, (left,) = survey(sources_of([tmp_path / "flat.png"], tmp_path, None), Selection())
    assert subjects == []
    assert "same value" in left.reason and not left.failed


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_no_utf8_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xe4.png")
    with path.open("wb") as handle:
        Image.fromarray(np.arange(1600, dtype=np.uint16).reshape(40, 40)).save(handle, "png")
    ((subject,), _) = survey(sources_of([path], tmp_path, None), Selection())
    assert subject.source.name == r"\xe4.png"
    assert subject.source.read().stored.max() == 1599


def test_another_programs_index_is_none(tmp_path: Path) -> None:
    assert not has_index(tmp_path)
    (tmp_path / "index.csv").write_text("patient;study;file\n1;2;3\n")
    assert not has_index(tmp_path)
    (tmp_path / "index.csv").write_bytes(b"")
    assert not has_index(tmp_path)
    (tmp_path / "index.csv").write_text("file,split,modality,offset\n")
    assert has_index(tmp_path)
