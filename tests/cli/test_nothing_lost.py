"""Killed at any moment, a full disk, no permission, rivals: nothing half-written or lost."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from radcodec import codec
from radcodec.cli import main
from radcodec.codec import Compressed, Restored
from radcodec.reading.image import GreyImage
from tests.cli.processes import command, environment, needs_models, run

pytestmark = [
    needs_models,
    pytest.mark.skipif(sys.platform != "linux", reason="kills and mounts as Linux does"),
]

#: For each number read, runs a command that kills itself just before its n-th step in the
#: file system: the opening of something in a folder, a link, a renaming, a deletion.  What is
#: slow to import is imported once, before the commands part from this process.
_KILLED_AT = """
import os, signal, sys
folder, nameless = sys.argv[1:3]
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

import openvino, pydicom, radcodec.codec, radcodec.reading.dicom, radcodec.writing.dicom
from radcodec.cli import main
for line in sys.stdin:
    step = int(line)
    process = os.fork()
    if process == 0:
        sys.addaudithook(watch)
        main(sys.argv[3:], prog_name="radcodec")
    print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
"""


class Scene:
    """A source, the target of a command over it, and what a run that is let be writes."""

    def __init__(self, dicom: Path, action: str, older: bytes | None) -> None:
        self.folder, self.action, self.older = dicom.parent, action, older
        assert run(self.folder, "compress", "ct.dcm").returncode == 0
        assert run(self.folder, "test", "ct.rcz").returncode == 0
        if action == "compress":
            self.source, self.target = self.folder / "ct.dcm", self.folder / "ct.rcz"
        else:
            self.source, self.target = self.folder / "ct.rcz", self.folder / "ct.dcm"
        self.bytes = self.source.read_bytes()
        self.reset()
        begin = time.perf_counter()
        ran = run(self.folder, action, self.source.name, *(["-f"] if older else []))
        self.seconds = time.perf_counter() - begin
        assert ran.returncode == 0, ran.stderr
        self.whole = self.target.read_bytes()
        self.reset()

    def reset(self) -> None:
        """Lay out the source and what was in the target's place."""
        for path in self.folder.iterdir():
            path.unlink()
        self.source.write_bytes(self.bytes)
        if self.older is not None:
            self.target.write_bytes(self.older)

    def check(self, moment: object) -> bool:
        """Assert that nothing is half-written or lost; return whether the target is whole."""
        found = self.target.read_bytes() if self.target.exists() else None
        assert found in (self.older, self.whole), moment
        if self.source.exists():
            assert self.source.read_bytes() == self.bytes, moment
        else:
            assert found == self.whole, moment
        return found == self.whole

    def litter(self) -> list[bytes]:
        """Return what else is in the folder."""
        own = {self.source, self.target}
        return [path.read_bytes() for path in self.folder.iterdir() if path not in own]


@pytest.mark.parametrize(
    ("action", "older", "words", "nameless"),
    [
        ("compress", None, ["--rm"], "nameless"),
        ("compress", b"older", ["-f", "--rm"], "nameless"),
        ("compress", b"older", ["-f", "--rm"], "named"),
        ("decompress", b"older", ["-f", "--rm"], "nameless"),
    ],
)
def test_killed_before_each_step_in_the_file_system(
    dicom: Path, action: str, older: bytes | None, words: list[str], nameless: str
) -> None:
    scene = Scene(dicom, action, older)
    held, gone = [], []
    arguments = [str(scene.folder), nameless, action, scene.source.name, *words, "-q"]
    with subprocess.Popen(
        [sys.executable, "-c", _KILLED_AT, *arguments],
        cwd=scene.folder,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as runs:
        assert runs.stdin is not None and runs.stdout is not None
        for step in range(1, 50):
            runs.stdin.write(f"{step}\n")
            runs.stdin.flush()
            code = int(runs.stdout.readline())
            held.append(scene.check(f"before step {step}"))
            gone.append(not scene.source.exists())
            if nameless == "nameless":
                # Only a whole file ever has a name: while it takes the place of another.
                assert all(left == scene.whole for left in scene.litter())
            if code == 0:
                break
            assert code == -signal.SIGKILL
            assert not gone[-1], f"deleted, and the run went on to step {step}"
            scene.reset()
    # There were moments before and after the target came, and the last step is the deletion.
    assert held[0] is False and held[-2] is True and gone[-1]
    assert held == sorted(held)
    assert scene.litter() == []


@pytest.mark.parametrize(
    ("action", "older", "words"),
    [("compress", b"older", ["-f", "--rm"]), ("decompress", None, [])],
)
def test_killed_at_any_time(
    dicom: Path, action: str, older: bytes | None, words: list[str]
) -> None:
    scene = Scene(dicom, action, older)
    kills = 10
    for kill in range(kills):
        process = subprocess.Popen(
            command(action, scene.source.name, *words),
            cwd=scene.folder,
            env=environment(),
            stderr=subprocess.DEVNULL,
        )
        # The last part of a run is where files are written.
        moment = scene.seconds * (0.4 + 0.7 * kill / kills)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(moment)
        process.kill()
        process.wait()
        scene.check(f"after {moment:.3f} s")
        assert all(left == scene.whole for left in scene.litter())
        scene.reset()


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
        words = ("compress", "noise.png", "-o", "small", "--rm", "-f", "--quality", "100")
        ran = run(tmp_path, *words)
        assert ran.returncode == 8, ran.stderr
        assert "No space left" in ran.stderr and "Traceback" not in ran.stderr
        assert target.read_bytes() == b"older"
        assert source.exists() and list(small.iterdir()) == [target]
        subprocess.run(["mount", "-o", "remount,size=50m", str(small)], check=True)
        assert run(tmp_path, *words).returncode == 0
        assert not source.exists()
        assert run(tmp_path, "test", target).returncode == 0
    finally:
        subprocess.run(["umount", str(small)], check=True)


def _bound_by_permissions(folder: Path) -> tuple[str, ...]:
    """Words before a command that make permissions apply to it, as they do not to root."""
    if os.getuid() != 0:
        return ()
    prefix = ("setpriv", "--inh-caps=-dac_override", "--bounding-set=-dac_override")
    with contextlib.suppress(FileNotFoundError):
        if run(folder, "--version", prefix=prefix).returncode == 0:
            return prefix
    pytest.skip("root ignores permissions, and setpriv cannot change that")


@pytest.mark.parametrize("words", [[], ["-f"]])
def test_no_permission_for_the_result(dicom: Path, words: list[str]) -> None:
    folder = dicom.parent
    older = folder / "ct.rcz"
    if words:
        older.write_bytes(b"older")
    folder.chmod(0o555)
    try:
        ran = run(folder, "compress", dicom.name, *words, prefix=_bound_by_permissions(folder))
    finally:
        folder.chmod(0o755)
    assert ran.returncode == 8, ran.stderr
    assert "Permission denied" in ran.stderr and "Traceback" not in ran.stderr
    assert sorted(folder.iterdir()) == ([dicom, older] if words else [dicom])
    assert not words or older.read_bytes() == b"older"


def test_no_permission_to_delete_the_source(dicom: Path) -> None:
    folder = dicom.parent
    out = folder / "out"
    out.mkdir()
    out.chmod(0o777)
    folder.chmod(0o555)
    try:
        words = ("compress", dicom.name, "--rm", "-o", "out")
        ran = run(folder, *words, prefix=_bound_by_permissions(folder))
    finally:
        folder.chmod(0o755)
    assert ran.returncode == 8, ran.stderr
    assert "delete it by hand" in ran.stderr
    assert dicom.exists()
    assert run(folder, "test", "out/ct.rcz").returncode == 0


@pytest.mark.parametrize("words", [[], ["--rm"], ["-c"]])
def test_a_source_that_changes_meanwhile(
    dicom: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    original = codec.compress

    def meanwhile(image: GreyImage, **options: Any) -> Compressed:
        dicom.write_bytes(dicom.read_bytes() + b"\0\0")
        return original(image, **options)

    monkeypatch.setattr(codec, "compress", meanwhile)
    ran = CliRunner().invoke(main, ["compress", str(dicom), *words])
    assert ran.exit_code == 3
    assert "changed while it was read" in ran.stderr
    assert ran.stdout == "" and list(dicom.parent.iterdir()) == [dicom]


def test_a_source_that_changes_once_it_is_written(
    dicom: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = codec.check

    def meanwhile(data: bytes) -> Restored:
        dicom.write_bytes(b"another image")
        return original(data)

    # The check of what was written is the last thing before the source is deleted.
    monkeypatch.setattr(codec, "check", meanwhile)
    ran = CliRunner().invoke(main, ["compress", str(dicom), "--rm"])
    assert ran.exit_code == 8
    assert "changed after it was read" in ran.stderr
    assert dicom.read_bytes() == b"another image"


@pytest.mark.parametrize("words", [[], ["-f"]])
def test_rivals_for_one_target(tmp_path: Path, words: list[str]) -> None:
    sources = [_noise(tmp_path / f"{seed}.png", seed) for seed in range(3)]
    out = tmp_path / "out"
    out.mkdir()
    results = []
    for source in sources:
        assert run(tmp_path, "compress", source.name).returncode == 0
        results.append(source.with_suffix(".rcz").read_bytes())
    assert len(set(results)) == 3
    rivals = [
        subprocess.Popen(
            command("compress", source.name, "-o", "out/one.rcz", *words),
            cwd=tmp_path,
            env=environment(),
            stderr=subprocess.DEVNULL,
        )
        for source in sources
    ]
    codes = [rival.wait(60) for rival in rivals]
    written = (out / "one.rcz").read_bytes()
    assert list(out.iterdir()) == [out / "one.rcz"]
    if words:
        assert codes == [0, 0, 0] and written in results
    else:
        assert sorted(codes) == [0, 8, 8]
        assert written == results[codes.index(0)]
