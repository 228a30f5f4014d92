"""Commands end to end, over a codec that needs no models."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from radcodec import codec
from radcodec.cli import main
from radcodec.codec import Compressed
from radcodec.container import PixelBlocks, read_rcz, write_rcz
from radcodec.rate import Target
from radcodec.reading.image import GreyImage
from tests.container.samples import small_file

pytestmark = pytest.mark.usefixtures("plain_codec")


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def test_dicom_there_and_back(dicom: Path, tmp_path: Path) -> None:
    done = run("compress", dicom)
    assert done.exit_code == 0, done.output
    assert "PSNR 41.50 dB" in done.stderr
    assert done.stdout == ""
    header = read_rcz((tmp_path / "ct.rcz").read_bytes()).header
    # Without a target, the usual ratio is asked for.
    assert (header.modality, header.level) == ("ct", 7)
    assert run("decompress", tmp_path / "ct.rcz").exit_code == 8
    back = tmp_path / "back.dcm"
    assert run("decompress", tmp_path / "ct.rcz", "-o", back).exit_code == 0
    restored, original = pydicom.dcmread(back), pydicom.dcmread(dicom)
    assert np.array_equal(restored.pixel_array, original.pixel_array)
    assert restored.PatientName == original.PatientName


def test_png_there_and_back(png: Path, tmp_path: Path) -> None:
    assert run("compress", png, "-q").stderr == ""
    assert read_rcz((tmp_path / "scan.rcz").read_bytes()).header.modality == "generic"
    assert run("decompress", tmp_path / "scan.rcz", "-f").exit_code == 0
    pixels = np.asarray(Image.open(png))
    assert pixels[19, 29] == 59900


def test_display_and_raw_png_of_a_dicom(dicom: Path, tmp_path: Path) -> None:
    run("compress", dicom)
    assert run("decompress", tmp_path / "ct.rcz", "--to", "png").exit_code == 0
    assert Image.open(tmp_path / "ct.png").mode == "L"
    assert run("decompress", tmp_path / "ct.rcz", "--raw", "-f").exit_code == 0
    stored = pydicom.dcmread(dicom).pixel_array.astype(int)
    raw = np.asarray(Image.open(tmp_path / "ct.png")).astype(int)
    assert np.array_equal(raw, stored + 2**15)


def test_png_to_dicom(png: Path, tmp_path: Path) -> None:
    run("compress", png, "--modality", "xr")
    assert run("decompress", tmp_path / "scan.rcz", "--to", "dcm").exit_code == 0
    assert pydicom.dcmread(tmp_path / "scan.dcm").Rows == 20


def test_nothing_is_overwritten_without_force(png: Path, tmp_path: Path) -> None:
    target = tmp_path / "scan.rcz"
    target.write_bytes(b"mine")
    refused = run("compress", png)
    assert refused.exit_code == 8
    assert "-f" in refused.stderr
    assert target.read_bytes() == b"mine"
    assert run("compress", png, "-f").exit_code == 0
    assert target.read_bytes() != b"mine"


def test_stdout(png: Path, tmp_path: Path) -> None:
    result = run("compress", png, "-c")
    assert result.exit_code == 0
    assert read_rcz(result.stdout_bytes).header.rows == 20
    assert not (tmp_path / "scan.rcz").exists()
    (tmp_path / "x.rcz").write_bytes(result.stdout_bytes)
    image = run("decompress", tmp_path / "x.rcz", "-c").stdout_bytes
    assert Image.open(BytesIO(image)).size == (30, 20)


@pytest.mark.parametrize(
    "words",
    [
        ["--quality", "0"],
        ["--quality", "101"],
        ["--ratio", "nan"],
        ["--ratio", "-3"],
        ["--ratio", "20", "--bpp", "1"],
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
    result = run("compress", png, *words)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    assert sorted(tmp_path.iterdir()) == [png]


def test_rm_deletes_the_source_after_success_only(png: Path, tmp_path: Path) -> None:
    (tmp_path / "scan.rcz").write_bytes(b"mine")
    assert run("compress", png, "--rm").exit_code == 8
    assert png.exists()
    assert run("compress", png, "--rm", "-f").exit_code == 0
    assert not png.exists()
    assert run("decompress", tmp_path / "scan.rcz", "--rm").exit_code == 0
    assert png.exists()
    assert not (tmp_path / "scan.rcz").exists()


def test_rm_keeps_what_a_png_cannot_hold(dicom: Path, tmp_path: Path) -> None:
    run("compress", dicom)
    assert run("decompress", tmp_path / "ct.rcz", "--to", "png", "--rm").exit_code == 2
    assert (tmp_path / "ct.rcz").exists()


def test_rm_keeps_what_cannot_be_verified(png: Path, tmp_path: Path) -> None:
    run("compress", png, "--no-verify")
    assert run("decompress", tmp_path / "scan.rcz", "--rm", "-f").exit_code == 7
    assert (tmp_path / "scan.rcz").exists()


def test_a_batch_goes_on_past_failures(png: Path, dicom: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.dcm"
    bad.write_bytes(b"no image at all")
    result = run("compress", bad, png, tmp_path / "missing.png", dicom)
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
        result = run(command, path)
        assert result.exit_code == code, command
        assert str(path) in result.stderr
        assert "Traceback" not in result.output


def test_folders(png: Path, dicom: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    png.rename(folder / "deep" / "a.png")
    dicom.rename(folder / "IM1")
    (folder / "notes.txt").write_text("not an image")
    assert run("compress", folder).exit_code == 3
    out = tmp_path / "out"
    assert run("compress", "-r", folder, "--output-dir-mirror", out).exit_code == 0
    below = out / folder.relative_to(folder.anchor)
    found = sorted(str(path.relative_to(below)) for path in below.rglob("*.rcz"))
    assert found == ["IM1.rcz", "deep/a.rcz"]
    assert run("test", "-r", out).stdout.count(": ok") == 2
    assert run("compress", "-r", folder / "deep", "-o", out / "x.rcz").exit_code == 2


def test_empty_folder(tmp_path: Path) -> None:
    assert run("compress", "-r", tmp_path).exit_code == 3


def test_info(dicom: Path, tmp_path: Path) -> None:
    run("compress", dicom)
    path = tmp_path / "ct.rcz"
    text = run("info", path)
    assert text.exit_code == 0
    assert "128 x 128" in text.stdout
    assert "PSNR 41.50 dB" in text.stdout
    facts = json.loads(run("info", path, "--json").stdout)
    assert facts["file_bytes"] == path.stat().st_size
    assert facts["header"]["depth"] == 2
    assert facts["tags"]["Modality"] == "CT"
    assert [chunk["type"] for chunk in facts["chunks"]] == ["HEAD", "LATN", "dset", "qual", "TAIL"]


@pytest.mark.parametrize(
    ("words", "refine"), [([], None), (["--refine"], True), (["--no-refine"], False)]
)
def test_whether_to_refine_is_passed_on(
    png: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], refine: bool | None
) -> None:
    asked: list[object] = []
    stand_in = codec.compress

    def noting(image: GreyImage, **options: Any) -> Compressed:
        asked.append(options["refine"])
        return stand_in(image, **options)

    monkeypatch.setattr(codec, "compress", noting)
    done = run("compress", png, *words)
    assert done.exit_code == 0, done.output
    assert asked == [refine]
    assert ("refined" in done.stderr) == bool(refine)


@pytest.mark.parametrize(
    ("words", "kind", "value"),
    [
        ([], "usual", 0),
        (["--quality", "40"], "quality", 40),
        (["--ratio", "12.5"], "ratio", 12.5),
        (["--bpp", "0.8"], "bpp", 0.8),
        (["--psnr", "50"], "psnr", 50),
    ],
)
def test_targets_are_passed_on(
    png: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], kind: str, value: float
) -> None:
    asked: list[Target] = []
    stand_in = codec.compress

    def noting(image: GreyImage, *, target: Target, **options: Any) -> Compressed:
        asked.append(target)
        return stand_in(image, target=target, **options)

    monkeypatch.setattr(codec, "compress", noting)
    assert run("compress", png, *words).exit_code == 0
    assert [(target.kind, target.value) for target in asked] == [(kind, value)]


def test_info_shows_the_refinement(png: Path, tmp_path: Path) -> None:
    path = tmp_path / "scan.rcz"
    run("compress", png)
    assert "\n  refinement" not in run("info", path).stdout
    assert json.loads(run("info", path, "--json").stdout)["refinement"] is None
    run("compress", png, "--refine", "-f")
    model = bytes(range(32)).hex()
    lines = [line.split() for line in run("info", path).stdout.splitlines()[1:]]
    (line,) = (line for line in lines if line[0] == "refinement")
    assert line == ["refinement", "depth", "1", "level", "33,", "model", model]
    facts = json.loads(run("info", path, "--json").stdout)
    assert facts["refinement"] == {"depth": 1, "level": 33, "model": model}
    kinds = [chunk["type"] for chunk in facts["chunks"]]
    assert kinds == ["HEAD", "LATN", "REFN", "qual", "TAIL"]
    assert run("test", path).exit_code == 0


def test_info_shows_blocks_coded_as_pixels(tmp_path: Path) -> None:
    path = tmp_path / "scan.rcz"
    path.write_bytes(write_rcz(small_file(pixels=None)))
    assert "pixel blocks" not in run("info", path).stdout
    assert json.loads(run("info", path, "--json").stdout)["pixel_blocks"] is None
    blocks = PixelBlocks(5, b"flags", [b"p", b"", b"qq", b"", b"", b"r"])
    path.write_bytes(write_rcz(small_file(pixels=blocks)))
    lines = [" ".join(line.split()) for line in run("info", path).stdout.splitlines()]
    assert "pixel blocks 9 bytes, step 5" in lines
    facts = json.loads(run("info", path, "--json").stdout)
    assert facts["pixel_blocks"] == {"step": 5, "bytes": 9}
    assert {"type": "PIXL", "payload_bytes": 39} in [
        {key: chunk[key] for key in ("type", "payload_bytes")} for chunk in facts["chunks"]
    ]


def test_damage_is_found(png: Path, tmp_path: Path) -> None:
    run("compress", png)
    path = tmp_path / "scan.rcz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert run("test", path).exit_code == 4


def test_unexpected_error_is_one_line(png: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oh\nno")

    monkeypatch.setattr(codec, "compress", fail)
    result = run("compress", png)
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "-v" in result.stderr
    loud = run("compress", png, "-v")
    assert loud.exit_code == 1
    assert "Traceback" in loud.stderr


def test_missing_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADCODEC_MODELS", str(tmp_path))
    for command in ("doctor", "models"):
        result = run(command)
        assert result.exit_code == 6
        assert "RADCODEC_MODELS" in result.stderr


def test_models_shows_the_figures_of_a_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "d2" / "compressor-ct"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text('{"kind": "compressor", "depth": 2, "modality": "ct"}')
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


def test_a_result_larger_than_its_source_is_told(tmp_path: Path) -> None:
    from pydicom.data import get_testdata_file

    found = get_testdata_file("JPEG2000.dcm", download=False)
    assert isinstance(found, str)
    path = tmp_path / "small.dcm"
    path.write_bytes(Path(found).read_bytes())
    ran = CliRunner().invoke(main, ["compress", str(path)])
    assert ran.exit_code == 0
    larger = path.with_suffix(".rcz").stat().st_size > path.stat().st_size
    assert ("larger than its source" in ran.output) == larger
    assert larger
