"""Commands end to end, with the real codec and its models."""

from __future__ import annotations

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from click.testing import CliRunner
from PIL import Image

from radcodec import codec
from radcodec.cli import main
from radcodec.container import read_rcz, write_rcz
from radcodec.rate import TOLERANCE, USUAL_RATIO_OF
from tests.cli.processes import needs_models
from tests.cli.running import done, facts, invoke, sample

pytestmark = needs_models


@pytest.fixture
def patchy(tmp_path: Path) -> Path:
    """Return the path of a 16-bit PNG, smooth but for a patch of black and white noise."""
    down, across = np.mgrid[:128, :128]
    values = 2000 + 800 * np.sin(across / 20) + 700 * np.cos(down / 30)
    values[32:64, 32:96] = np.random.default_rng(0).integers(0, 2, (32, 64)) * 4000
    path = tmp_path / "patchy.png"
    Image.fromarray(values.astype(np.uint16)).save(path)
    return path


def test_dicom_there_and_back(dicom: Path, tmp_path: Path) -> None:
    ran = done("compress", dicom)
    assert ran.stdout == ""
    found = facts(tmp_path / "ct.rcz")
    assert found["header"]["modality"] == "ct"
    # Without a target, the usual ratio is asked for, without the data set.
    size = found["file_bytes"] - found["chunk_bytes"]["dset"]
    assert found["uncompressed_bytes"] / size == pytest.approx(USUAL_RATIO_OF["ct"], rel=0.05)
    quality = found["quality"]
    assert f"PSNR {quality['psnr_db']:.2f} dB, max error {quality['max_error']}" in ran.stderr
    assert invoke("decompress", tmp_path / "ct.rcz").exit_code == 8
    back = tmp_path / "back.dcm"
    done("decompress", tmp_path / "ct.rcz", "-o", back)
    restored, original = pydicom.dcmread(back), pydicom.dcmread(dicom)
    # What was recorded is what the written files show.
    wrong = restored.pixel_array.astype(int) - original.pixel_array
    assert abs(wrong).max() == quality["max_error"] > 0
    peak = int(np.ptp(original.pixel_array.astype(int)))
    assert 10 * np.log10(peak**2 / (wrong**2).mean()) == pytest.approx(quality["psnr_db"])
    assert restored.PatientName == original.PatientName
    assert restored.LossyImageCompression == "01"
    assert restored.SOPInstanceUID != original.SOPInstanceUID


def test_png_there_and_back(png: Path, tmp_path: Path) -> None:
    before = np.asarray(Image.open(png))
    assert done("compress", png, "-q", "--max-error", "0").stderr == ""
    assert facts(tmp_path / "scan.rcz")["header"]["modality"] == "generic"
    done("decompress", tmp_path / "scan.rcz", "-f")
    assert np.array_equal(np.asarray(Image.open(png)), before)


def test_display_and_raw_png_of_a_dicom(dicom: Path, tmp_path: Path) -> None:
    done("compress", dicom, "--max-error", "0")
    done("decompress", tmp_path / "ct.rcz", "--to", "png")
    assert Image.open(tmp_path / "ct.png").mode == "L"
    done("decompress", tmp_path / "ct.rcz", "--raw", "-f")
    stored = pydicom.dcmread(dicom).pixel_array.astype(int)
    raw = np.asarray(Image.open(tmp_path / "ct.png")).astype(int)
    assert np.array_equal(raw, stored + 2**15)


def test_png_to_dicom(png: Path, tmp_path: Path) -> None:
    done("compress", png, "--modality", "xr", "--max-error", "0")
    assert facts(tmp_path / "scan.rcz")["header"]["modality"] == "xr"
    done("decompress", tmp_path / "scan.rcz", "--to", "dcm")
    found = pydicom.dcmread(tmp_path / "scan.dcm").pixel_array
    assert np.array_equal(found, np.asarray(Image.open(png)))


def test_nothing_is_overwritten_without_force(png: Path, tmp_path: Path) -> None:
    target = tmp_path / "scan.rcz"
    target.write_bytes(b"mine")
    refused = invoke("compress", png)
    assert refused.exit_code == 8
    assert "-f" in refused.stderr
    assert target.read_bytes() == b"mine"
    assert invoke("compress", png, "-f").exit_code == 0
    assert target.read_bytes() != b"mine"


def test_stdout(png: Path, tmp_path: Path) -> None:
    result = invoke("compress", png, "-c")
    assert result.exit_code == 0
    assert read_rcz(result.stdout_bytes).header.rows == 20
    assert not (tmp_path / "scan.rcz").exists()
    (tmp_path / "x.rcz").write_bytes(result.stdout_bytes)
    image = invoke("decompress", tmp_path / "x.rcz", "-c").stdout_bytes
    assert Image.open(BytesIO(image)).size == (30, 20)


@pytest.mark.parametrize(
    "words",
    [
        ["--quality", "0"],
        ["--quality", "101"],
        ["--ratio", "nan"],
        ["--ratio", "-3"],
        ["--ratio", "20", "--bpp", "1"],
        ["--max-error", "-1"],
        ["--max-error", "1.5"],
        ["--max-error", "0", "--ratio", "20"],
        ["--max-error", "0", "--quality", "90"],
        ["--effort", "0"],
        ["--effort", "4"],
        ["--max-error", "3", "--bpp", "1"],
        ["--max-error", "3", "--psnr", "50"],
        ["--max-error", "3", "--density", "low"],
        ["--density", "low", "--refine"],
        ["-T", "-1"],
        ["--ratio", "5000"],
        ["--depth", "5"],
        ["--modality", "us"],
        ["-q", "-v"],
        ["-c", "-o", "x.rcz"],
        ["-c", "--rm"],
        ["--rm", "--no-verify"],
    ],
)
def test_usage_errors(png: Path, tmp_path: Path, words: list[str]) -> None:
    result = invoke("compress", png, *words)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    assert sorted(tmp_path.iterdir()) == [png]


def test_rm_deletes_the_source_after_success_only(png: Path, tmp_path: Path) -> None:
    (tmp_path / "scan.rcz").write_bytes(b"mine")
    assert invoke("compress", png, "--rm").exit_code == 8
    assert png.exists()
    assert invoke("compress", png, "--rm", "-f").exit_code == 0
    assert not png.exists()
    assert invoke("decompress", tmp_path / "scan.rcz", "--rm").exit_code == 0
    assert png.exists()
    assert not (tmp_path / "scan.rcz").exists()


def test_rm_keeps_what_a_png_cannot_hold(dicom: Path, tmp_path: Path) -> None:
    invoke("compress", dicom)
    assert invoke("decompress", tmp_path / "ct.rcz", "--to", "png", "--rm").exit_code == 2
    assert (tmp_path / "ct.rcz").exists()


def test_rm_keeps_what_cannot_be_verified(png: Path, tmp_path: Path) -> None:
    invoke("compress", png, "--no-verify")
    assert invoke("decompress", tmp_path / "scan.rcz", "--rm", "-f").exit_code == 7
    assert (tmp_path / "scan.rcz").exists()


def test_a_batch_goes_on_past_failures(png: Path, dicom: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.dcm"
    bad.write_bytes(b"no image at all")
    result = invoke("compress", bad, png, tmp_path / "missing.png", dicom)
    assert result.exit_code == 1
    assert "2 of 4 files failed" in result.stderr
    assert (tmp_path / "scan.rcz").exists()
    assert (tmp_path / "ct.rcz").exists()
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"no rcz", 4), (b"\x89RCZ\r\n\x1a\n", 4), (None, 3)],
)
def test_one_file_fails_with_its_own_code(tmp_path: Path, content: bytes | None, code: int) -> None:
    path = tmp_path / "a.rcz"
    if content is not None:
        path.write_bytes(content)
    for command in ("decompress", "info", "test"):
        result = invoke(command, path)
        assert result.exit_code == code, command
        assert str(path) in result.stderr
        assert "Traceback" not in result.output


def test_folders(png: Path, dicom: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    png.rename(folder / "deep" / "a.png")
    dicom.rename(folder / "IM1")
    (folder / "notes.txt").write_text("not an image")
    assert invoke("compress", folder).exit_code == 3
    out = tmp_path / "out"
    assert invoke("compress", "-r", folder, "--output-dir-mirror", out).exit_code == 0
    below = out / folder.relative_to(folder.anchor)
    found = sorted(str(path.relative_to(below)) for path in below.rglob("*.rcz"))
    assert found == ["IM1.rcz", "deep/a.rcz"]
    assert invoke("test", "-r", out).stdout.count(": ok") == 2
    assert invoke("compress", "-r", folder / "deep", "-o", out / "x.rcz").exit_code == 2


def test_empty_folder(tmp_path: Path) -> None:
    assert invoke("compress", "-r", tmp_path).exit_code == 3


def test_info(dicom: Path, tmp_path: Path) -> None:
    done("compress", dicom, "--quality", "60")
    path = tmp_path / "ct.rcz"
    text = done("info", path).stdout
    found = facts(path)
    assert "128 x 128" in text
    assert f"PSNR {found['quality']['psnr_db']:.2f} dB" in text
    assert found["file_bytes"] == path.stat().st_size
    assert found["uncompressed_bytes"] == 128 * 128 * 2
    assert found["codings"] == {"networks": 1}
    plane = found["first_plane"]
    assert f"networks ct depth {plane['depth']} level {plane['level']}" in _spaced(text)
    assert found["tags"]["Modality"] == "CT"
    # What identifies a patient is not shown.
    assert str(pydicom.dcmread(dicom).PatientName) not in text
    kinds = list(found["chunk_bytes"])
    assert kinds[0] == "HEAD" and kinds[-1] == "TAIL"
    assert {"dset", "PLAN", "LATN", "qual"} < set(kinds)


def _spaced(text: str) -> str:
    """A table's text with single spaces."""
    return "\n".join(" ".join(line.split()) for line in text.splitlines())


@pytest.mark.parametrize(
    ("words", "refined"),
    [(["--refine"], True), (["--no-refine"], False), (["--refine", "--quality", "40"], True)],
)
def test_whether_a_second_layer_refines_the_first(
    dicom: Path, tmp_path: Path, words: list[str], refined: bool
) -> None:
    ran = done("compress", dicom, "--depth", "2", *words)
    assert ("depth 2 refined" in ran.stderr) == refined
    path = tmp_path / "ct.rcz"
    found, text = facts(path), _spaced(done("info", path).stdout)
    second = found["first_plane"]["refinement"]
    assert ("REFN" in found["chunk_bytes"]) == (second is not None) == refined
    assert ("\nrefinement " in text) == refined
    if refined:
        assert second["depth"] == 1
        line = f"refinement depth 1 level {second['level']}, model {second['model']}"
        assert line in text.splitlines()
    done("test", path)


@pytest.mark.parametrize(
    ("words", "wanted"), [(["--ratio", "8"], 8), (["--bpp", "1.6"], 10)], ids=["ratio", "bpp"]
)
def test_a_size_is_met(dicom: Path, tmp_path: Path, words: list[str], wanted: float) -> None:
    done("compress", dicom, *words)
    size = (tmp_path / "ct.rcz").stat().st_size
    assert 128 * 128 * 2 / size == pytest.approx(wanted, rel=1.5 * TOLERANCE)


def test_a_psnr_is_reached_and_not_overdone(dicom: Path, tmp_path: Path) -> None:
    done("compress", dicom, "--psnr", "42", "--depth", "2")
    assert 42 <= facts(tmp_path / "ct.rcz")["quality"]["psnr_db"] < 44


@pytest.mark.parametrize(
    ("less", "more"),
    [(["--quality", "30"], ["--quality", "70"]), (["--density", "low"], ["--density", "high"])],
    ids=["quality", "density"],
)
def test_more_quality_takes_more_bytes(
    dicom: Path, tmp_path: Path, less: list[str], more: list[str]
) -> None:
    done("compress", dicom, *less)
    worse = facts(tmp_path / "ct.rcz")
    done("compress", dicom, *more, "-f")
    better = facts(tmp_path / "ct.rcz")
    assert worse["file_bytes"] < better["file_bytes"]
    assert worse["quality"]["psnr_db"] < better["quality"]["psnr_db"]


def test_info_shows_blocks_coded_as_pixels(patchy: Path, dicom: Path, tmp_path: Path) -> None:
    done("compress", patchy, dicom, "--depth", "2", "--quality", "60")
    path = tmp_path / "patchy.rcz"
    blocks = facts(path)["first_plane"]["pixel_blocks"]
    assert blocks["bytes"] > 0
    line = f"pixel blocks {blocks['bytes']} bytes, step {blocks['step']}"
    assert line in _spaced(done("info", path).stdout).splitlines()
    plain = tmp_path / "ct.rcz"
    assert "pixel blocks" not in done("info", plain).stdout
    assert facts(plain)["first_plane"]["pixel_blocks"] is None


def test_info_shows_the_filter(dicom: Path, tmp_path: Path) -> None:
    done("compress", dicom, "--depth", "2", "--quality", "60")
    path = tmp_path / "ct.rcz"
    file = read_rcz(path.read_bytes())
    for weights in (None, b"", b"\x12\x34\x56"):
        planes = [replace(file.planes[0], filter=weights)]
        path.write_bytes(write_rcz(replace(file, planes=planes)))
        found, lines = facts(path), _spaced(done("info", path).stdout).splitlines()
        size = None if weights is None else len(weights)
        assert found["first_plane"]["filter"] == (None if size is None else {"bytes": size})
        assert found["chunk_bytes"].get("FILT") == size
        assert [line for line in lines if line.startswith("filter")] == (
            [] if size is None else [f"filter {size} bytes"]
        )


def test_damage_is_found(png: Path, tmp_path: Path) -> None:
    invoke("compress", png)
    path = tmp_path / "scan.rcz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert invoke("test", path).exit_code == 4


def test_unexpected_error_is_one_line(png: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oh\nno")

    monkeypatch.setattr(codec, "compress_source", fail)
    result = invoke("compress", png)
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "-v" in result.stderr
    loud = invoke("compress", png, "-v")
    assert loud.exit_code == 1
    assert "Traceback" in loud.stderr


def test_missing_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADCODEC_MODELS", str(tmp_path))
    for command in ("doctor", "models"):
        result = invoke(command)
        assert result.exit_code == 6
        assert "RADCODEC_MODELS" in result.stderr


def test_models_shows_the_figures_of_a_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "d2" / "compressor-ct"
    folder.mkdir(parents=True)
    manifest = {"kind": "compressor", "depth": 2, "width": 64, "latents": 16, "modality": "ct"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    card = {"images": 5, "levels": [{"level": 60, "bits_per_pixel": 0.41, "psnr_db": 48.2}]}
    (folder / "card.json").write_text(json.dumps(card))
    monkeypatch.setenv("RADCODEC_MODELS", str(tmp_path))
    ran = CliRunner().invoke(main, ["models"])
    assert ran.exit_code == 0
    assert "level 60: 0.41 bits per pixel, 48.2 dB on 5 held-out images" in ran.output
    ran = CliRunner().invoke(main, ["models", "--json"])
    assert json.loads(ran.output)[0]["figures"] == card
    (folder / "card.json").write_text("broken")
    assert CliRunner().invoke(main, ["models"]).exit_code == 0


def test_a_result_larger_than_its_source_is_told(dicom: Path, tmp_path: Path) -> None:
    path = tmp_path / "small.dcm"
    path.write_bytes(sample("JPEG2000.dcm").read_bytes())
    ran = done("compress", path, dicom)
    assert path.with_suffix(".rcz").stat().st_size > path.stat().st_size
    assert f"{path}: the result is larger than its source" in ran.stderr
    assert ran.stderr.count("larger than its source") == 1
