"""Files are written whole or not at all, and never over others by accident."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from radcodec.cli.outputs import (
    Destination,
    compressed_name,
    remove_source,
    restored_name,
    write_file,
)
from radcodec.errors import OutputError, UsageError


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
    assert beside.place(source, "scan.rcz") == tmp_path / "scan.rcz"
    inside = Destination(out, None, several=True, force=False)
    assert inside.place(source, "scan.rcz") == out / "scan.rcz"
    named = Destination(tmp_path / "b.rcz", None, several=False, force=False)
    assert named.place(source, "scan.rcz") == tmp_path / "b.rcz"


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
    path = destination.place(Path("in/deep/scan.dcm"), "scan.rcz")
    assert path == tmp_path / "in" / "deep" / "scan.rcz"
    destination.prepare(path)
    assert path.parent.is_dir()
    absolute = destination.place(Path("/data/scan.dcm"), "scan.rcz")
    assert absolute == tmp_path / "data" / "scan.rcz"
    with pytest.raises(UsageError, match=r"\.\."):
        destination.place(Path("../scan.dcm"), "scan.rcz")


def test_source_is_removed_only_if_the_result_reads_back(tmp_path: Path) -> None:
    source, written = tmp_path / "a.dcm", tmp_path / "a.rcz"
    source.write_bytes(b"source")
    written.write_bytes(b"not the result")
    with pytest.raises(OutputError, match="kept"):
        remove_source(source, written, b"result")
    assert source.exists()
    written.write_bytes(b"result")
    remove_source(source, written, b"result")
    assert not source.exists()
