"""Killed at any moment, a full disk, no permission, rivals: nothing half-written or lost."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pydicom
import pytest
from PIL import Image

from radcodec import codec
from radcodec.cli.outputs import Place
from radcodec.codec import Decoder, Summary
from radcodec.reading.image import Frame, ImageSource
from tests.cli.processes import command, environment, needs_models, run
from tests.cli.running import done, invoke, sample

pytestmark = [
    needs_models,
    pytest.mark.skipif(sys.platform != "linux", reason="kills and mounts as Linux does"),
]

#: For each number read, runs a command that kills itself just before its n-th step in the
#: file system: the opening of something in a folder, a link, a renaming, a deletion.  What is
#: slow to import or to load is there before the commands part from this process: it has run
#: the command once, elsewhere.  Networks had better have no part in it, for their threads do
#: not survive the parting.
_KILLED_AT = """
import os, signal, sys
elsewhere, nameless = sys.argv[1:3]
folder = os.getcwd()
if nameless == "named":
    del os.O_TMPFILE
seen = 0

def watch(event, arguments):
    global seen
    if event == "open":
        path = os.path.abspath(os.fsdecode(arguments[0])) if isinstance(
            arguments[0], (str, bytes, os.PathLike)) else ""
        if not path.startswith(folder):
            return
    elif event not in ("os.link", "os.rename", "os.remove"):
        return
    seen += 1
    if seen == step:
        os.kill(os.getpid(), signal.SIGKILL)

from radcodec.cli import main
os.chdir(elsewhere)
main(sys.argv[3:], prog_name="radcodec", standalone_mode=False)
os.chdir(folder)
for line in sys.stdin:
    step = int(line)
    process = os.fork()
    if process == 0:
        sys.addaudithook(watch)
        main(sys.argv[3:], prog_name="radcodec")
    print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
"""
#: Nothing need be searched for with it, so that runs are short.
_QUICK = ["--max-error", "2"]


class Scene:
    """A source, the targets of a command over it, and what a run that is let be writes.

    Parameters
    ----------
    original : Path
        Image, alone in its folder.
    action : str
        "compress" or "decompress".
    older : bytes or None
        What is in the place of the target, or of the first of several, beforehand.
    options : sequence of str
        What the command is given besides.
    """

    def __init__(
        self, original: Path, action: str, older: bytes | None, options: Sequence[str]
    ) -> None:
        self.folder = original.parent
        self.older: dict[str, bytes] = {}
        self.whole: dict[str, bytes] = {}
        self.source = original
        if action == "decompress":
            self.source = original.with_suffix(".rcz")
            done("compress", original, *_QUICK)
            done("test", self.source)
        self.bytes = self.source.read_bytes()
        self.reset()
        done(action, self.source, *(word for word in options if word != "--rm"))
        for path in self.folder.iterdir():
            if path != self.source:
                self.whole[path.name] = path.read_bytes()
        if older is not None:
            self.older[min(self.whole)] = older
        self.reset()

    def reset(self) -> None:
        """Lay out the source and what was in the target's place."""
        for path in self.folder.iterdir():
            path.unlink()
        self.source.write_bytes(self.bytes)
        for name, data in self.older.items():
            (self.folder / name).write_bytes(data)

    def check(self, moment: object) -> int:
        """Assert that nothing is half-written or lost; return how many targets are whole."""
        found = {
            name: (self.folder / name).read_bytes()
            for name in self.whole
            if (self.folder / name).exists()
        }
        for name in self.whole:
            assert found.get(name) in (self.older.get(name), self.whole[name]), (moment, name)
        complete = sum(found.get(name) == data for name, data in self.whole.items())
        if self.source.exists():
            assert self.source.read_bytes() == self.bytes, moment
        else:
            assert complete == len(self.whole), moment
        return complete

    def litter(self) -> list[bytes]:
        """Return what else is in the folder."""
        own = {self.source, *(self.folder / name for name in self.whole)}
        return [path.read_bytes() for path in self.folder.iterdir() if path not in own]


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """Return the path of a copy of a real MR series of 10 frames of 64 x 64 pixels."""
    folder = tmp_path / "series"
    folder.mkdir()
    path = folder / "mr.dcm"
    path.write_bytes(sample("emri_small.dcm").read_bytes())
    return path


@pytest.fixture
def palette(tmp_path: Path) -> Path:
    """Return the path of a part of a real image with a palette, which is coded exactly."""
    image = pydicom.dcmread(sample("examples_palette.dcm"))
    indices = image.pixel_array[:96, :96]
    image.Rows, image.Columns = indices.shape
    image.PixelData = indices.tobytes()
    folder = tmp_path / "palette"
    folder.mkdir()
    path = folder / "us.dcm"
    image.save_as(path)
    return path


@pytest.mark.parametrize(
    ("kind", "action", "older", "options", "nameless"),
    [
        ("palette", "compress", None, ["--rm"], "nameless"),
        ("palette", "compress", b"older", ["-f", "--rm"], "nameless"),
        ("palette", "compress", b"older", ["-f", "--rm"], "named"),
        ("dicom", "decompress", b"older", ["-f", "--rm"], "nameless"),
        ("frames", "decompress", b"older", ["-f", "--rm"], "named"),
        ("frames", "decompress", b"older", ["-f", "--frames", "2-4", "--raw"], "nameless"),
    ],
)
def test_killed_before_each_step_in_the_file_system(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    kind: str,
    action: str,
    older: bytes | None,
    options: list[str],
    nameless: str,
) -> None:
    scene = Scene(request.getfixturevalue(kind), action, older, options)
    held, gone = [], []
    elsewhere = shutil.copytree(scene.folder, tmp_path_factory.mktemp("elsewhere") / "copy")
    arguments = [str(elsewhere), nameless, action, scene.source.name, *options, "-q"]
    with subprocess.Popen(
        [sys.executable, "-c", _KILLED_AT, *arguments],
        cwd=scene.folder,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as runs:
        assert runs.stdin is not None and runs.stdout is not None
        for step in range(1, 60):
            runs.stdin.write(f"{step}\n")
            runs.stdin.flush()
            code = int(runs.stdout.readline())
            held.append(scene.check(f"before step {step}"))
            gone.append(not scene.source.exists())
            if nameless == "nameless":
                # Only a whole file ever has a name: while it takes the place of another.
                assert all(left in scene.whole.values() for left in scene.litter())
            if code == 0:
                break
            assert code == -signal.SIGKILL
            assert not gone[-1], f"deleted, and the run went on to step {step}"
            scene.reset()
    # There were moments before, between and after the targets came; a deletion is the last step.
    assert held == sorted(held) and set(held) == set(range(len(scene.whole) + 1))
    assert held[-2] == len(scene.whole) and gone[-1] == ("--rm" in options)
    assert scene.litter() == []


@pytest.mark.parametrize(
    ("kind", "action", "older", "options"),
    [
        ("dicom", "compress", b"older", ["-f", "--rm", "--quality", "60"]),
        ("frames", "decompress", None, []),
    ],
)
def test_killed_at_any_time(
    request: pytest.FixtureRequest,
    kind: str,
    action: str,
    older: bytes | None,
    options: list[str],
) -> None:
    scene = Scene(request.getfixturevalue(kind), action, older, options)
    words = command(action, scene.source.name, *options)
    begin = time.monotonic()
    ran = subprocess.run(
        words, cwd=scene.folder, env=environment(), capture_output=True, check=False
    )
    seconds = time.monotonic() - begin
    assert ran.returncode == 0 and scene.check("at the end") == 1
    kills = 3
    for kill in range(kills):
        scene.reset()
        process = subprocess.Popen(
            words, cwd=scene.folder, env=environment(), stderr=subprocess.DEVNULL
        )
        # Whatever the moment is, all must be well; the last part of a run writes the files.
        moment = seconds * (0.5 + 0.5 * kill / kills)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(moment)
        process.kill()
        process.wait()
        scene.check(f"after {moment:.3f} s")
        assert all(left in scene.whole.values() for left in scene.litter())


def _written(process: int, folder: Path) -> int:
    """Bytes that a process has written into files of a folder that have no name yet."""
    size = 0
    for descriptor in Path(f"/proc/{process}/fd").glob("*"):
        with contextlib.suppress(OSError):
            if os.readlink(descriptor).startswith(f"{folder}/#"):
                size += descriptor.stat().st_size
    return size


@pytest.mark.parametrize("action", ["compress", "decompress"])
def test_killed_amid_the_frames(frames: Path, action: str) -> None:
    options = ["--max-error", "0"] if action == "compress" else []
    scene = Scene(frames, action, None, options)
    process = subprocess.Popen(
        command(action, scene.source.name, *options),
        cwd=scene.folder,
        env=environment(),
        stderr=subprocess.DEVNULL,
    )
    caught = 0
    while process.poll() is None and not caught:
        caught = _written(process.pid, scene.folder)
    # Stopped rather than killed at once, so that it is certain where it was.
    process.send_signal(signal.SIGSTOP)
    amid = process.poll() is None and scene.check("while stopped") == 0
    process.kill()
    code = process.wait()
    if not amid:
        pytest.skip("the machine was too busy to catch it amid the frames")
    assert code == -signal.SIGKILL and caught > 0
    assert list(scene.folder.iterdir()) == [scene.source]
    assert scene.source.read_bytes() == scene.bytes
    # What was begun hinders nobody.
    done(action, scene.source, *options)
    assert scene.check("another time") == 1


def _noise(path: Path, seed: int, side: int = 64) -> Path:
    values = np.random.default_rng(seed).integers(0, 4096, (side, side), dtype=np.uint16)
    Image.fromarray(values).save(path)
    return path


def test_a_full_disk(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a file system of 16 KiB needs root")
    try:
        source = _noise(tmp_path / "noise.png", 1, 256)
        target = small / "noise.rcz"
        target.write_bytes(b"older")
        words = ("compress", "noise.png", "-o", "small", "--rm", "-f", *_QUICK)
        ran = run(tmp_path, *words)
        assert ran.returncode == 8, ran.stderr
        assert "No space left" in ran.stderr and "Traceback" not in ran.stderr
        assert target.read_bytes() == b"older"
        assert source.exists() and list(small.iterdir()) == [target]
        subprocess.run(["mount", "-o", "remount,size=50m", str(small)], check=True)
        ran = run(tmp_path, *words)
        assert ran.returncode == 0, ran.stderr
        assert not source.exists()
        done("test", target)
    finally:
        subprocess.run(["umount", str(small)], check=True)


def _run_bound_by_permissions(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run radcodec so that permissions apply to it, as they do not to root."""
    if os.getuid() != 0:
        return run(folder, *words)
    # Another user would hardly come as far as this Python, so root itself loses its privilege.
    rights = "-dac_override,-dac_read_search"
    prefix = ("setpriv", f"--inh-caps={rights}", f"--bounding-set={rights}")
    with contextlib.suppress(FileNotFoundError):
        if run(folder, "--version", prefix=prefix).returncode == 0:
            return run(folder, *words, prefix=prefix)
    pytest.skip("root ignores permissions, and setpriv cannot change that")


@contextlib.contextmanager
def _locked(path: Path, mode: int) -> Iterator[None]:
    """Change the permissions of a file or folder for a while."""
    before = path.stat().st_mode & 0o7777
    path.chmod(mode)
    try:
        yield
    finally:
        path.chmod(before)


@pytest.mark.parametrize("words", [[], ["-f"]])
def test_no_permission_for_the_result(dicom: Path, words: list[str]) -> None:
    folder = dicom.parent
    older = folder / "ct.rcz"
    if words:
        older.write_bytes(b"older")
    with _locked(folder, 0o555):
        ran = _run_bound_by_permissions(folder, "compress", dicom.name, *_QUICK, *words)
    assert ran.returncode == 8, ran.stderr
    assert "Permission denied" in ran.stderr and "Traceback" not in ran.stderr
    assert sorted(folder.iterdir()) == ([dicom, older] if words else [dicom])
    assert not words or older.read_bytes() == b"older"


def test_no_permission_to_read_a_source(dicom: Path, palette: Path) -> None:
    folder = dicom.parent
    with _locked(dicom, 0):
        alone = _run_bound_by_permissions(folder, "info", dicom.name)
        ran = _run_bound_by_permissions(folder, "compress", dicom.name, str(palette))
    assert alone.returncode == 3
    for said in (alone.stderr, ran.stderr):
        assert "Permission denied" in said and "Traceback" not in said
    # The other one is done all the same.
    assert ran.returncode == 1 and "1 of 2 files failed" in ran.stderr
    assert palette.with_suffix(".rcz").exists() and not dicom.with_suffix(".rcz").exists()


def test_no_permission_to_delete_the_source(dicom: Path) -> None:
    folder = dicom.parent
    (folder / "out").mkdir()
    with _locked(folder, 0o555):
        words = ("compress", dicom.name, "--rm", "-o", "out", *_QUICK)
        ran = _run_bound_by_permissions(folder, *words)
    assert ran.returncode == 8, ran.stderr
    assert "delete it by hand" in ran.stderr
    assert dicom.exists()
    done("test", folder / "out" / "ct.rcz")


@pytest.mark.parametrize("words", [[], ["--rm"], ["-c"]])
def test_a_source_that_changes_meanwhile(
    dicom: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    original = codec.compress_source

    def meanwhile(source: ImageSource, out: BinaryIO, **options: Any) -> Summary:
        with dicom.open("ab") as file:
            file.write(b"\0\0")
        return original(source, out, **options)

    # The real codec, in the middle of whose work the file grows.
    monkeypatch.setattr(codec, "compress_source", meanwhile)
    ran = invoke("compress", dicom, *_QUICK, *words)
    assert ran.exit_code == 3
    assert "changed while it was read" in ran.stderr
    assert ran.stdout == "" and list(dicom.parent.iterdir()) == [dicom]


def test_a_series_that_changes_amid_its_frames(frames: Path) -> None:
    process = subprocess.Popen(
        command("compress", frames.name, "--max-error", "0", "--rm"),
        cwd=frames.parent,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and not _written(process.pid, frames.parent):
        pass
    process.send_signal(signal.SIGSTOP)
    if process.poll() is not None or not _written(process.pid, frames.parent):
        process.kill()
        process.communicate()
        pytest.skip("the machine was too busy to catch it amid the frames")
    frames.write_bytes(b"something else")
    process.send_signal(signal.SIGCONT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 3, said
    assert "mr.dcm" in said and "Traceback" not in said
    assert frames.read_bytes() == b"something else"
    assert list(frames.parent.iterdir()) == [frames]


def test_an_rcz_file_that_changes_meanwhile(dicom: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done("compress", dicom, *_QUICK)
    dicom.unlink()
    compressed = dicom.with_suffix(".rcz")
    original = Decoder.frames

    def meanwhile(self: Decoder) -> Iterator[Frame]:
        yield from original(self)
        os.utime(compressed, ns=(0, 1))

    monkeypatch.setattr(Decoder, "frames", meanwhile)
    ran = invoke("decompress", compressed, "--rm")
    assert ran.exit_code == 3
    assert "changed while it was read" in ran.stderr
    assert list(dicom.parent.iterdir()) == [compressed]


def test_a_source_that_changes_once_it_is_written(
    dicom: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Decoder.frames

    def meanwhile(self: Decoder) -> Iterator[Frame]:
        dicom.write_bytes(b"another image")
        return original(self)

    # The check of what was written is the last thing before the source is deleted.
    monkeypatch.setattr(Decoder, "frames", meanwhile)
    ran = invoke("compress", dicom, "--rm", *_QUICK)
    assert ran.exit_code == 8
    assert "changed after it was read" in ran.stderr
    assert dicom.read_bytes() == b"another image"


def test_a_result_that_is_not_what_was_written(
    dicom: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Place.reading

    def damaged(self: Place) -> contextlib.AbstractContextManager[BinaryIO]:
        data = bytearray(self.path.read_bytes())
        data[len(data) // 2] ^= 1
        self.path.write_bytes(data)
        return original(self)

    # As if a disk gave back something else.
    monkeypatch.setattr(Place, "reading", damaged)
    ran = invoke("compress", dicom, "--rm", *_QUICK)
    assert ran.exit_code == 4
    assert dicom.exists()


@pytest.mark.parametrize("words", [[], ["-f"]])
def test_rivals_for_one_target(tmp_path: Path, words: list[str]) -> None:
    sources = [_noise(tmp_path / f"{seed}.png", seed) for seed in range(3)]
    out = tmp_path / "out"
    out.mkdir()
    results = []
    for source in sources:
        done("compress", source, *_QUICK)
        results.append(source.with_suffix(".rcz").read_bytes())
    assert len(set(results)) == 3
    rivals = [
        subprocess.Popen(
            command("compress", source.name, "-o", "out/one.rcz", *_QUICK, *words),
            cwd=tmp_path,
            env=environment(),
            stderr=subprocess.DEVNULL,
        )
        for source in sources
    ]
    codes = [rival.wait(300) for rival in rivals]
    written = (out / "one.rcz").read_bytes()
    assert list(out.iterdir()) == [out / "one.rcz"]
    if words:
        assert codes == [0, 0, 0] and written in results
    else:
        assert sorted(codes) == [0, 8, 8]
        assert written == results[codes.index(0)]
