"""Files of measurements."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from radcodec.bench.rows import Row, RowFile, load_rows
from radcodec.errors import InputError
from tests.bench.samples import row


def test_round_trip(tmp_path: Path) -> None:
    rows = [row("a", "jpeg", 0.5, 40.0), row("a", "jpeg", 1.0, 44.0), row("b", "av1", 1.0, 50.0)]
    file = RowFile(tmp_path / "new" / "rows.jsonl")
    for each in rows:
        file.add(each)
    assert load_rows(file.path) == rows
    assert file.keys == {("a", "jpeg", "0.5"), ("a", "jpeg", "1"), ("b", "av1", "1")}


def test_exact_restoration_is_null_in_json() -> None:
    exact = replace(row("a", "jpegls", 4.0, math.inf), windows={"lung": math.inf})
    values = json.loads(exact.to_json())
    assert values["psnr"] is None and values["windows"] == {"lung": None}
    assert Row.from_json(exact.to_json()) == exact


def test_half_a_line_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    first, second = row("a", "jpeg", 0.5, 40.0), row("a", "jpeg", 1.0, 44.0)
    path.write_text(first.to_json() + "\n" + second.to_json()[:30])
    assert load_rows(path) == [first]
    file = RowFile(path)
    assert file.keys == {first.key}
    file.add(second)
    assert load_rows(path) == [first, second]


@pytest.mark.parametrize("line", ["no json", "{}", "[1]", '{"psnr": 1, "windows": {}}'])
def test_other_files_are_refused_and_kept(tmp_path: Path, line: str) -> None:
    path = tmp_path / "rows.jsonl"
    text = row("a", "jpeg", 0.5, 40.0).to_json() + "\n" + line + "\n"
    path.write_text(text)
    for use in (load_rows, RowFile):
        with pytest.raises(InputError, match=r"rows\.jsonl, line 2"):
            use(path)
    assert path.read_text() == text


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_rows(tmp_path / "none.jsonl")
