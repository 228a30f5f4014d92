"""``benchmarks/evaluate.py`` from the command line."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

pytest.importorskip("imagecodecs")
pytest.importorskip("matplotlib")

from radcodec.bench.rows import RowFile, load_rows
from tests.bench.samples import row, sample_path

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "evaluate.py"


@pytest.fixture(scope="module")
def main() -> click.Group:
    """The script's commands."""
    found = importlib.util.spec_from_file_location("evaluate", SCRIPT)
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    group = module.main
    assert isinstance(group, click.Group)
    return group


def _run(main: click.Group, *words: object) -> Result:
    ran = CliRunner().invoke(main, [str(word) for word in words])
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    return ran


def _rows(path: Path) -> Path:
    file = RowFile(path)
    for codec, factor in (("jpeg2000", 1.0), ("radcodec", 0.5)):
        for rate in (0.01, 0.1, 1.0, 4.0):
            file.add(row("a", codec, factor * rate, 60 + 6 * math.log2(rate)))
    return path


def test_every_command_has_help(main: click.Group) -> None:
    assert set(main.commands) == {"peers", "own", "table"}
    for name, command in main.commands.items():
        assert command.help
        assert _run(main, name, "--help").exit_code == 0


def test_peers_of_one_image(main: click.Group, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "slice.dcm").write_bytes(sample_path("CT_small.dcm").read_bytes())
    rows = tmp_path / "rows.jsonl"
    ran = _run(main, "peers", "--data", data, "--rows", rows, "--codecs", "jpeg,jpegls")
    assert ran.exit_code == 0, ran.output
    assert {r.codec for r in load_rows(rows)} == {"jpeg", "jpegls"}
    ran = _run(main, "table", rows, "--test", "jpegls")
    assert "ct  jpegls" in ran.output


def test_table_json_and_plot(main: click.Group, tmp_path: Path) -> None:
    rows, summary, plot = _rows(tmp_path / "r.jsonl"), tmp_path / "o/t.json", tmp_path / "o/c.svg"
    ran = _run(main, "table", rows, "--json", summary, "--plot", plot, "--rates", "0.05", "2")
    assert ran.exit_code == 0, ran.output
    assert "0.05 to 2 bits per pixel" in ran.output and "-50.0 %" in ran.output
    written = json.loads(summary.read_text())
    assert written["bits_per_pixel"] == [0.05, 2]
    assert written["comparisons"][0]["bd_rates"] == pytest.approx({"a": -0.5})
    assert plot.read_text().lstrip().startswith("<?xml")


def test_errors_are_messages(main: click.Group, tmp_path: Path) -> None:
    rows = _rows(tmp_path / "rows.jsonl")
    empty = tmp_path / "empty"
    empty.mkdir()
    for words, message in (
        (["table", tmp_path / "none.jsonl"], "cannot be read"),
        (["table", SCRIPT], "line 1: no measurement"),
        (["table", rows, "--test", "ours"], "jpeg2000, radcodec"),
        (["table", rows, "--rates", "2", "1"], "lower one first"),
        (["peers", "--data", empty, "--rows", tmp_path / "new"], "no usable image"),
        (["peers", "--data", empty, "--rows", rows, "--codecs", "jpg"], "no codec 'jpg'"),
    ):
        ran = _run(main, *words)
        assert ran.exit_code != 0
        assert message in ran.output
