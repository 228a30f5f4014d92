"""Whole runs over small images: sizes, figures, interruptions, and a codec that cheats."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("imagecodecs")
pytest.importorskip("scipy")

from radcodec.bench import session as module
from radcodec.bench.codecs import CODECS
from radcodec.bench.codecs.base import Scaling
from radcodec.bench.codecs.match import TOLERANCE
from radcodec.bench.coders import make_coder
from radcodec.bench.rows import Row
from radcodec.bench.session import ROWS, Request, Session, Store
from radcodec.bench.showing import chosen_images, shown_targets, viewer_images, worst_corner
from radcodec.bench.survey import Selection, Subject, sources_of, survey
from radcodec.container.rcz import read_rcz
from radcodec.errors import OutputError, UsageError
from radcodec.metrics.quality import psnr
from tests.bench.samples import row, sample_path, stored_values

CHEAT = "tests.bench.cheating_codec"
REQUEST = Request(ratios=(6, 12), rates=(0.7,), runs=1)


@pytest.fixture
def subjects(tmp_path: Path) -> list[Subject]:
    """A CT and an MR image."""
    folder = tmp_path / "in"
    folder.mkdir()
    names = ("CT_small.dcm", "MR_small.dcm")
    files = [Path(shutil.copy(sample_path(name), folder / name)) for name in names]
    return survey(sources_of(files, folder, None), Selection())[0]


def _versions(*names: str) -> dict[str, str]:
    return {name: make_coder(name).version() for name in names}


def _timeless(rows: list[Row]) -> list[Row]:
    """Rows without what differs from run to run."""
    return [
        replace(r, encode_seconds=0, decode_seconds=0, encode_memory=0, decode_memory=0, jobs=1)
        for r in rows
    ]


def test_every_codec_meets_the_sizes_and_is_measured(
    subjects: list[Subject], tmp_path: Path
) -> None:
    store = Store(tmp_path / "out")
    names = ("radcodec", "jpeg2000", "jpegxl", "htj2k", "jpeg")
    session = Session(REQUEST, subjects, _versions(*names), store)
    done: list[float] = []
    session.run(lambda image, codec, weight: done.append(weight))
    assert session.failures == []
    assert len(done) == len(names) * 2 and sum(done) == pytest.approx(session.work)
    rows = session.rows()
    assert [(r.image, r.codec, r.target) for r in rows] == [
        (subject.source.name, name, label)
        for subject in subjects
        for name in names
        for label in ("ratio 6", "ratio 12", "0.7 bpp")
    ]
    for each in rows:
        stored = stored_values(each.image)
        data = store.path(each).read_bytes()
        assert len(data) == each.bytes
        assert each.ratio == pytest.approx(2 * stored.size / each.bytes)
        scaling = None if each.scaling is None else Scaling(*each.scaling)
        decoded = make_coder(each.codec).decode(data, scaling)
        peak = int(stored.max()) - int(stored.min())
        assert each.psnr == pytest.approx(psnr(stored, decoded, peak))
        assert each.max_error == np.abs(stored - decoded).max()
        assert each.encode_seconds and each.decode_seconds
        # A CT of 128 x 128 pixels is large enough for fine steps of size.
        if each.image == "CT_small.dcm" and each.codec in ("radcodec", "jpegxl", "htj2k"):
            assert abs(each.bytes / each.target_bytes - 1) <= TOLERANCE, each


def test_own_files_are_those_of_the_command_line(subjects: list[Subject], tmp_path: Path) -> None:
    store = Store(tmp_path / "out")
    session = Session(Request(ratios=(12,), runs=1), subjects, _versions("radcodec"), store)
    session.run()
    for each in session.rows():
        file = read_rcz(store.path(each).read_bytes())
        assert file.dataset is None
        assert file.quality is not None
        assert file.quality.max_error == each.max_error
        assert each.decoded.startswith(file.quality.sha256.hex())


def test_a_codec_that_keeps_the_pixels_to_itself_is_caught(
    subjects: list[Subject], tmp_path: Path
) -> None:
    names = (CHEAT, "jpeg")
    session = Session(REQUEST, subjects, _versions(*names), Store(tmp_path / "out"))
    session.run()
    assert {row.codec for row in session.rows()} == {"jpeg"}
    assert [(f.image, f.codec) for f in session.failures] == [
        (subject.source.name, CHEAT) for subject in subjects
    ]


def test_a_resumed_run_measures_what_is_missing_and_gives_the_same(
    subjects: list[Subject], tmp_path: Path
) -> None:
    versions = _versions("radcodec", "jpeg2000")
    whole = Session(REQUEST, subjects, versions, Store(tmp_path / "whole"))
    whole.run()
    lines = (tmp_path / "whole" / ROWS).read_text().splitlines(keepends=True)
    assert len(lines) == 12
    out = tmp_path / "part"
    shutil.copytree(tmp_path / "whole", out)
    # Three whole lines, and one that was being written when the run was stopped.
    (out / ROWS).write_text("".join(lines[:3]) + lines[3][:40])
    resumed = Session(REQUEST, subjects, versions, Store(out))
    assert sum(len(task.targets) for task in resumed.tasks) == 9
    resumed.run()
    assert _timeless(resumed.rows()) == _timeless(whole.rows())
    assert (out / ROWS).read_text().splitlines(keepends=True)[:3] == lines[:3]
    again = Session(REQUEST, subjects, versions, Store(out))
    assert again.tasks == [] and again.rows() == resumed.rows()


def test_several_jobs_give_the_same(subjects: list[Subject], tmp_path: Path) -> None:
    versions = _versions("jpeg2000", "jpeg")
    one = Session(REQUEST, subjects, versions, Store(tmp_path / "one"))
    one.run()
    two = Session(replace(REQUEST, jobs=2), subjects, versions, Store(tmp_path / "two"))
    two.run()
    assert _timeless(one.rows()) == _timeless(two.rows())


def test_measurements_of_other_versions_pixels_or_lost_files_do_not_count(
    subjects: list[Subject], tmp_path: Path
) -> None:
    versions = _versions("jpeg")
    store = Store(tmp_path / "out")
    session = Session(REQUEST, subjects, versions, store)
    session.run()
    count = len(session.rows())
    assert count == 6
    newer = Session(REQUEST, subjects, {"jpeg": "another"}, store)
    assert sum(len(task.targets) for task in newer.tasks) == count
    # Another modality has other networks, and is another row of the tables.
    other = [replace(s, source=replace(s.source, modality="xr")) for s in subjects]
    elsewhere = Session(REQUEST, other, versions, store)
    assert len(elsewhere.tasks) == 2 and elsewhere.rows() == []
    changed = [replace(subject, pixels="0" * 64) for subject in subjects]
    assert len(Session(REQUEST, changed, versions, store).tasks) == 2
    store.path(session.rows()[0]).unlink()
    assert sum(len(task.targets) for task in Session(REQUEST, subjects, versions, store).tasks) == 1


def test_a_file_that_changes_or_goes_midway_fails_alone(
    subjects: list[Subject], tmp_path: Path
) -> None:
    ct, mr = subjects
    ct.source.path.write_bytes(ct.source.path.read_bytes()[:500])
    session = Session(REQUEST, subjects, _versions("jpeg"), Store(tmp_path / "out"))
    session.run()
    assert [(f.image, f.codec) for f in session.failures] == [("CT_small.dcm", "jpeg")]
    assert {row.image for row in session.rows()} == {"MR_small.dcm"}
    shutil.copy(sample_path("CT_small.dcm"), mr.source.path)
    session = Session(REQUEST, [mr], _versions("jpegls"), Store(tmp_path / "out2"))
    session.run()
    assert "changed" in session.failures[0].reason


def test_what_cannot_be_kept_ends_the_run(subjects: list[Subject], tmp_path: Path) -> None:
    store = Store(tmp_path / "out")
    (tmp_path / "out" / module.FILES).write_text("a file where a folder is to be")
    session = Session(REQUEST, subjects, _versions("jpeg"), store)
    with pytest.raises(OutputError, match="make room"):
        session.run()


def test_what_the_report_shows(subjects: list[Subject], tmp_path: Path) -> None:
    session = Session(REQUEST, subjects, _versions("radcodec", "jpeg"), Store(tmp_path / "out"))
    session.run()
    warnings: list[str] = []
    images = viewer_images(session, warnings.append)
    assert warnings == [] and [image.name for image in images] == ["CT_small.dcm", "MR_small.dcm"]
    ct = images[0]
    assert np.array_equal(ct.original, stored_values("CT_small.dcm"))
    assert (ct.slope, ct.intercept, ct.unit) == (1.0, -1024.0, "HU")
    assert (images[1].center, images[1].width) == (600, 1600)
    rows = {(r.codec, r.target): r for r in session.rows() if r.image == ct.name}
    assert {(r.codec, r.target) for r in ct.renditions} == {
        (codec, target) for codec, target in rows if target in shown_targets(REQUEST.labels)
    }
    for rendition in ct.renditions:
        found = rows[rendition.codec, rendition.target]
        assert (rendition.bytes, rendition.psnr) == (found.bytes, found.psnr)
        peak = int(ct.original.max()) - int(ct.original.min())
        assert psnr(ct.original, rendition.stored, peak) == pytest.approx(found.psnr)
    # A kept file that is not what was measured is not shown as if it were.
    store = session.store
    store.path(rows["jpeg", "ratio 6"]).write_bytes(
        store.path(rows["jpeg", "ratio 12"]).read_bytes()
    )
    names = [image.name for image in viewer_images(session, warnings.append)]
    assert names == ["MR_small.dcm"] and "CT_small.dcm" in warnings[0]


def test_worst_and_middle_images_are_shown() -> None:
    rows = []
    for number, gap in enumerate((1, 9, 4, 2, 3)):
        for rate in (0.1, 0.2, 0.4, 0.8):
            quality = 30 + 20 * rate
            rows.append(row(f"image{number}", "jpeg2000", rate, quality))
            rows.append(row(f"image{number}", "radcodec", rate, quality - gap))
    assert chosen_images(rows) == ["image1", "image4"]


def test_the_worst_part_is_shown() -> None:
    error = np.ones((700, 900), np.int64)
    error[610:650, 800:840] = 50
    top, left = worst_corner(error, 200)
    assert top <= 610 and top + 200 >= 650 and left <= 800 and left + 200 >= 840
    assert worst_corner(np.ones((50, 60), np.int64), 200) == (0, 0)


@pytest.mark.parametrize(
    ("labels", "shown"),
    [([], []), (["a"], ["a"]), (["a", "b", "c"], ["a", "b"]), (list("abcdef"), ["b", "d"])],
)
def test_some_sizes_are_shown(labels: list[str], shown: list[str]) -> None:
    assert shown_targets(labels) == shown


def test_unknown_codecs_are_named() -> None:
    with pytest.raises(UsageError, match=r"no codec 'no\.such'"):
        make_coder("no.such")
    with pytest.raises(UsageError, match="lacks SETTINGS"):
        make_coder("radcodec.errors")
    with pytest.raises(UsageError, match="no codec"):
        make_coder(".relative")
    assert make_coder(CHEAT).name == CHEAT
    assert all(make_coder(name).settings for name in CODECS)
