"""Decoded pixels are the same for every instruction set, thread count and tile size."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from radcodec.network.bundle import load_bundle
from radcodec.network.decompressor import HALO, Decompressor
from radcodec.network.store import default_root

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = sorted(path.parent for path in default_root().glob("d?/decompressor*/manifest.json"))
pytestmark = pytest.mark.skipif(not FOLDERS, reason="there are no models")

#: Level that the known answers' neighbours are decoded at.
LEVEL = 60
#: A process apart: the instruction set is chosen once, when the runtime starts.
SCRIPT = """
import hashlib, json, sys
from pathlib import Path
import numpy as np
from radcodec.network.bundle import load_bundle
from radcodec.network.decompressor import Decompressor
latent = np.load(sys.argv[1])
for folder in sys.argv[3:]:
    for threads in (1, 2):
        runtime = Decompressor(load_bundle(Path(folder)), threads)
        runtime.self_test()
        image = runtime.fixed_image(latent, int(sys.argv[2]))
        digest = hashlib.sha256(image.astype("<i4").tobytes()).hexdigest()
        print(json.dumps([runtime.known_answer(), digest]))
"""


def _latent(channels: int = 16) -> NDArray[np.int32]:
    """Mostly small, now and then far beyond what any image gives."""
    random = np.random.default_rng(11)
    latent = random.normal(0, 6, (channels, 30, 26))
    latent[random.random(latent.shape) < 0.02] *= 1e5
    return np.clip(np.rint(latent), -(2**23), 2**23).astype(np.int32)


def _digest(image: NDArray[np.int32]) -> str:
    return hashlib.sha256(image.astype("<i4").tobytes()).hexdigest()


@pytest.fixture(scope="module")
def expected() -> list[list[str]]:
    """Known answer and digest of every decompressor, for one and for two threads."""
    out = []
    for folder in FOLDERS:
        runtime = Decompressor(load_bundle(folder))
        answer = str(runtime.bundle.manifest["known_answer_sha256"])
        out += 2 * [[answer, _digest(runtime.fixed_image(_latent(), LEVEL))]]
    return out


@pytest.mark.parametrize("instructions", ["SSE41", "AVX2", "AVX512_CORE", None])
def test_every_instruction_set_decodes_the_same(
    instructions: str | None, expected: list[list[str]], tmp_path: Path
) -> None:
    latent = tmp_path / "latent.npy"
    np.save(latent, _latent())
    environment = {k: v for k, v in os.environ.items() if k != "ONEDNN_MAX_CPU_ISA"}
    if instructions is not None:
        environment["ONEDNN_MAX_CPU_ISA"] = instructions
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(latent), str(LEVEL), *map(str, FOLDERS)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert [json.loads(line) for line in ran.stdout.splitlines()] == expected


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: f"{folder.parent.name}")
def test_tiles_decode_to_the_whole(folder: Path) -> None:
    runtime = Decompressor(load_bundle(folder))
    latent, block = _latent(runtime.bundle.latents), runtime.bundle.block
    whole = runtime.fixed_image(latent, LEVEL, tile=1 << 20)
    assert whole.shape == (30 * block, 26 * block)
    for positions in (3, 8, 30 - 2 * HALO - 1):
        tiled = runtime.fixed_image(latent, LEVEL, tile=positions * block)
        np.testing.assert_array_equal(tiled, whole)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: f"{folder.parent.name}")
def test_no_sum_can_leave_the_exact_range(folder: Path) -> None:
    with np.load(folder / "weights.npz") as arrays, np.load(folder / "gains.npz") as gains:
        limits = gains["limits"].astype(np.int64)
        depth = load_bundle(folder).depth
        for number in range(depth + 2):
            weight, bias, shift, top = (
                arrays[f"conv{number}_{part}"].astype(np.int64)
                for part in ("weight", "bias", "shift", "max")
            )
            worst = np.abs(weight).sum(axis=(2, 3)) @ limits + np.abs(bias) + (1 << shift) // 2
            assert int(worst.max()) < 2**24
            limits = top[::4] if number else top
