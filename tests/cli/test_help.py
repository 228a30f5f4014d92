"""Every command has help, stands in the README, and costs little to ask for help."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from radcodec.cli import COMMANDS, main

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("numpy", "openvino", "numba", "pydicom", "PIL", "rich", "dahuffman", "torch")


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_and_option_has_help(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.name}"
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_stands_in_the_readme(name: str) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"radcodec {name}" in readme


def test_help_lists_the_commands() -> None:
    output = CliRunner().invoke(main, ["--help"]).output
    assert all(f"\n  {name} " in output for name in COMMANDS)


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys, json\n"
        "from click.testing import CliRunner\n"
        "from radcodec.cli import main\n"
        "for words in (['--help'], ['compress', '--help'], ['info', '--help']):\n"
        "    assert CliRunner().invoke(main, words).exit_code == 0\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not set(json.loads(ran.stdout)) & set(HEAVY)


def test_version() -> None:
    result = CliRunner().invoke(main, ["--version"])
    assert result.exit_code == 0
    assert result.output.startswith("radcodec ")


def test_unknown_command_is_a_usage_error() -> None:
    assert CliRunner().invoke(main, ["shrink"]).exit_code == 2
