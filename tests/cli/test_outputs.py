"""Files are written whole or not at all, and never over others by accident."""

from __future__ import annotations

import errno
import hashlib
import os
import sys
from pathlib import Path

import pytest

from radcodec.cli.outputs import (
    Destination,
    Place,
    compressed_name,
    open_output,
    restored_name,
    write_file,
)
from radcodec.cli.sources import Source
from radcodec.errors import InputError, OutputError, UsageError


def _left_over(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("scan.dcm", "scan.rcz"),
        ("SCAN.DCM", "SCAN.rcz"),
        ("scan.png", "scan.rcz"),
        ("IM0001", "IM0001.rcz"),
        ("1.2.840.10008.5", "1.2.840.10008.5.rcz"),
    ],
)
def test_compressed_name(source: str, expected: str) -> None:
    assert compressed_name(Path("folder") / source) == expected


def test_restored_name() -> None:
    assert restored_name(Path("a/scan.rcz"), ".dcm") == "scan.dcm"
    assert restored_name(Path("a/1.2.840.rcz"), ".png") == "1.2.840.png"
    assert restored_name(Path("a/1.2.840"), ".png") == "1.2.840.png"


def test_write_new_file(tmp_path: Path) -> None:
    write_file(tmp_path / "a.rcz", b"new", force=False)
    assert (tmp_path / "a.rcz").read_bytes() == b"new"
    assert _left_over(tmp_path) == ["a.rcz"]


@pytest.mark.parametrize("links", [True, False])
def test_existing_file_is_kept_even_if_it_came_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:
        _forbid_links(monkeypatch)
        _forbid_nameless(monkeypatch)
    path = tmp_path / "a.rcz"
    path.write_bytes(b"old")
    with pytest.raises(OutputError, match="-f"):
        write_file(path, b"new", force=False)
    assert path.read_bytes() == b"old"
    write_file(path, b"new", force=True)
    assert path.read_bytes() == b"new"
    assert _left_over(tmp_path) == ["a.rcz"]


def _forbid_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)


def test_file_system_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _forbid_links(monkeypatch)
    _forbid_nameless(monkeypatch)
    write_file(tmp_path / "a.rcz", b"new", force=False)
    assert (tmp_path / "a.rcz").read_bytes() == b"new"
    assert _left_over(tmp_path) == ["a.rcz"]


def test_dangling_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "a.rcz").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError):
        write_file(tmp_path / "a.rcz", b"new", force=False)
    assert _left_over(tmp_path) == ["a.rcz"]


@pytest.mark.parametrize("force", [True, False])
def test_failed_write_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, force: bool
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        write_file(tmp_path / "a.rcz", b"new", force=force)
    assert _left_over(tmp_path) == []


def test_missing_folder_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        write_file(tmp_path / "no" / "a.rcz", b"new", force=False)


def test_destination_beside_in_folder_and_by_name(tmp_path: Path) -> None:
    source = tmp_path / "scan.dcm"
    out = tmp_path / "out"
    out.mkdir()
    beside = Destination(None, None, several=False, force=False)
    assert beside.place(source, "scan.rcz").path == tmp_path / "scan.rcz"
    inside = Destination(out, None, several=True, force=False)
    assert inside.place(source, "scan.rcz").path == out / "scan.rcz"
    named = Destination(tmp_path / "b.rcz", None, several=False, force=False)
    assert named.place(source, "scan.rcz").path == tmp_path / "b.rcz"


def test_several_files_need_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="folder"):
        Destination(tmp_path / "b.rcz", None, several=True, force=False)


def test_two_sources_never_share_an_output(tmp_path: Path) -> None:
    place = Destination(tmp_path, None, several=True, force=True).place
    place(Path("a/scan.dcm"), "scan.rcz")
    with pytest.raises(OutputError, match="also the output"):
        place(Path("b/scan.dcm"), "scan.rcz")


def test_source_is_never_the_output(tmp_path: Path) -> None:
    source = tmp_path / "a.rcz"
    source.write_bytes(b"x")
    with pytest.raises(UsageError, match="itself"):
        Destination(source, None, several=False, force=True).place(source, "a.dcm")


def test_mirror_keeps_the_folders(tmp_path: Path) -> None:
    destination = Destination(None, tmp_path, several=True, force=False)
    place = destination.place(Path("in/deep/scan.dcm"), "scan.rcz")
    assert place.path == tmp_path / "in" / "deep" / "scan.rcz"
    original = tmp_path / "scan.dcm"
    original.write_bytes(b"source")
    with place.open(Source(original)) as file:
        file.write(b"result")
    assert place.path.read_bytes() == b"result"
    absolute = destination.place(Path("/data/scan.dcm"), "scan.rcz").path
    assert absolute == tmp_path / "data" / "scan.rcz"
    with pytest.raises(UsageError, match=r"\.\."):
        destination.place(Path("../scan.dcm"), "scan.rcz")


def test_two_folders_that_are_one(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "a").symlink_to(tmp_path / "out")
    (tmp_path / "b").symlink_to(tmp_path / "out")
    place = Destination(None, None, several=True, force=True).place
    place(tmp_path / "a" / "scan.dcm", "scan.rcz")
    with pytest.raises(OutputError, match="also the output"):
        place(tmp_path / "b" / "scan.png", "scan.rcz")


def test_no_source_of_the_run_is_written_over(tmp_path: Path) -> None:
    sources = [tmp_path / "IM1", tmp_path / "IM1.rcz"]
    place = Destination(None, None, sources=sources, several=True, force=True).place
    with pytest.raises(UsageError, match="a source of this run"):
        place(sources[0], "IM1.rcz")


def test_no_device_is_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OutputError, match="no ordinary file"):
        write_file(tmp_path / "pipe", b"new", force=True)
    assert (tmp_path / "pipe").is_fifo()


def test_what_is_written_must_read_back(tmp_path: Path) -> None:
    place = Place(tmp_path / "a.rcz")
    digest = hashlib.sha256(b"result").digest()
    with pytest.raises(OutputError, match="source is kept"):
        place.read_back(digest)
    place.path.write_bytes(b"not the result")
    with pytest.raises(OutputError, match="source is kept"):
        place.read_back(digest)
    place.path.write_bytes(b"result")
    place.read_back(digest)


@pytest.mark.parametrize("change", ["bytes", "time", "other file", "gone"])
def test_a_source_that_changes_is_no_source(tmp_path: Path, change: str) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(b"source")
    source = Source(path)
    source.check()
    if change == "bytes":
        path.write_bytes(b"longer source")
    elif change == "time":
        os.utime(path, ns=(0, 1))
    elif change == "other file":
        facts = path.stat()
        (tmp_path / "new").write_bytes(b"SOURCE")
        os.replace(tmp_path / "new", path)
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    else:
        path.unlink()
    with (
        pytest.raises(InputError, match="changed while it was read"),
        Place(tmp_path / "a.rcz").open(source) as file,
    ):
        file.write(b"result")
    assert not (tmp_path / "a.rcz").exists()
    with pytest.raises(OutputError, match="changed after it was read"):
        source.remove(tmp_path / "a.rcz")
    assert path.exists() == (change != "gone")


def test_removing_a_source(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(b"source")
    Source(path).remove(tmp_path / "a.rcz")
    assert _left_over(tmp_path) == []


@pytest.mark.parametrize("nameless", [True, False])
@pytest.mark.parametrize("force", [True, False])
def test_output_can_be_sought_and_read_before_it_has_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nameless: bool, force: bool
) -> None:
    if not nameless:
        _forbid_nameless(monkeypatch)
    path = tmp_path / "a.rcz"
    with open_output(path, force=force) as file:
        file.write(b"0123456789")
        file.seek(2)
        file.write(b"ab")
        file.seek(0)
        assert file.read() == b"01ab456789"
        assert not path.exists()
        # What has no name cannot be left behind.
        assert bool(_left_over(tmp_path)) != (nameless and sys.platform == "linux")
    assert path.read_bytes() == b"01ab456789"
    assert _left_over(tmp_path) == ["a.rcz"]
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


@pytest.mark.parametrize("nameless", [True, False])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_output_that_is_given_up_leaves_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    nameless: bool,
    error: type[BaseException],
) -> None:
    if not nameless:
        _forbid_nameless(monkeypatch)
    with pytest.raises(error), open_output(tmp_path / "a.rcz", force=True) as file:
        file.write(b"half")
        raise error
    assert _left_over(tmp_path) == []


def _forbid_nameless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
