"""The command as a real process, with the real models where there are some."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from radcodec.network.store import default_root
from radcodec.rate import USUAL_RATIO_OF

ROOT = Path(__file__).resolve().parents[2]


def _run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run radcodec in `folder`, which is not the checkout."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "radcodec.cli", *words]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_errors_reach_the_shell(tmp_path: Path) -> None:
    (tmp_path / "a.rcz").write_bytes(b"nothing of the kind")
    ran = _run(tmp_path, "info", "a.rcz")
    assert ran.returncode == 4
    assert ran.stdout == ""
    assert ran.stderr.startswith("radcodec: a.rcz: ")
    assert ran.stderr.count("\n") == 1


def test_real_image_there_and_back(dicom: Path) -> None:
    if not any(default_root().glob("d?/*/manifest.json")):
        pytest.skip("there are no models")
    folder = dicom.parent
    ran = _run(folder, "compress", dicom.name)
    assert ran.returncode == 0, ran.stderr
    facts = json.loads(_run(folder, "info", "ct.rcz", "--json").stdout)
    ratio = facts["uncompressed_bytes"] / (facts["file_bytes"] - facts["chunk_bytes"]["dset"])
    assert ratio == pytest.approx(USUAL_RATIO_OF["ct"], rel=0.05)
    assert _run(folder, "test", "ct.rcz").stdout == "ct.rcz: ok\n"
    ran = _run(folder, "decompress", "ct.rcz", "-o", "back.dcm")
    assert ran.returncode == 0, ran.stderr
    assert (folder / "back.dcm").stat().st_size > 128 * 128 * 2
    ran = _run(folder, "doctor")
    assert ran.returncode == 0, ran.stderr
    assert "all is well" in ran.stdout
    ran = _run(folder, "models")
    assert ran.returncode == 0, ran.stderr
    assert "decompressor d=" in ran.stdout


def test_a_refined_file_from_the_shell(dicom: Path) -> None:
    depths = sorted(int(path.parent.name[1:]) for path in default_root().glob("d?/compressor-ct"))
    if 1 not in depths or depths[-1] == 1:
        pytest.skip("there is nothing to refine, or nothing to refine it with")
    words = ["--refine", "--depth", str(depths[-1]), "--ratio", "8"]
    ran = _run(dicom.parent, "compress", dicom.name, *words)
    assert ran.returncode == 0, ran.stderr
    assert f"ct depth {depths[-1]} refined level" in ran.stderr
    facts = json.loads(_run(dicom.parent, "info", "ct.rcz", "--json").stdout)
    assert facts["first_plane"]["depth"] == depths[-1]
    assert facts["first_plane"]["refinement"]["depth"] == 1
    assert facts["ratio"] == pytest.approx(8, rel=0.03)
    assert _run(dicom.parent, "test", "ct.rcz").stdout == "ct.rcz: ok\n"
