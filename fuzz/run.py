"""Fuzz the readers: ``python fuzz/run.py --seconds N [rcz|dicom]``.

Whatever comes of an input, it is a result or a `RadcodecError`; anything else is a finding,
which atheris writes to ``fuzz/findings``.  The corpus grows in ``fuzz/corpus``.  Neither is part
of the repository.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGETS = ("rcz", "dicom")
#: Seconds and MiB that an input may take.
TIMEOUT, MEMORY = 30, 2048
_HELP = "atheris is not installed: run `pip install -e '.[fuzz]'`, or `pip install atheris>=3`"


def _repaired(data: bytes) -> bytes:
    """Make checksums and length of an .rcz file fit, as far as it can be cut into chunks."""
    from radcodec.container.chunks import SIGNATURE_LENGTH
    from tests.hostile.attempts import LETTER_OF, joined, number_at

    at, chunks = SIGNATURE_LENGTH, []
    while at + 2 <= len(data) and data[at : at + 1] != LETTER_OF[b"TAIL"]:
        length, begin = number_at(data, at + 1)
        # A length that leads beyond the end is cut, so that what follows is still tried.
        length = min(length, max(len(data) - begin - 4, 0))
        chunks.append((data[at : at + 1], data[begin : begin + length]))
        at = begin + length + 4
    return joined(chunks)


def _try_rcz(data: bytes) -> None:
    from tests.hostile.attempts import attempt_rcz

    # Most inputs are made to fit, so that payloads are reached.
    attempt_rcz(_repaired(data) if sum(data[:64]) % 8 else data)


def _try_dicom(data: bytes) -> None:
    from tests.hostile.attempts import attempt_dicom

    attempt_dicom(data)


def _compiled_modules() -> list[str]:
    """Names of the modules that numba compiles, which cannot be instrumented."""
    found = [path for path in ROOT.glob("radcodec/**/*.py") if "@compiled" in path.read_text()]
    return [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in found]


def _fuzz(target: str, seconds: int) -> None:
    """Fuzz in this process, which atheris ends."""
    import atheris

    with atheris.instrument_imports(["radcodec", "pydicom"], exclude=_compiled_modules()):
        # All that is fuzzed, imported by the seeds: coverage is seen of what is imported here.
        from fuzz.seeds import write
    folder, findings = ROOT / "fuzz" / "corpus" / target, ROOT / "fuzz" / "findings"
    write(folder, target)
    findings.mkdir(exist_ok=True)
    work: Callable[[bytes], None] = _try_rcz if target == "rcz" else _try_dicom
    options = [
        f"-max_total_time={seconds}",
        f"-timeout={TIMEOUT}",
        f"-rss_limit_mb={MEMORY}",
        "-max_len=8192",
        f"-artifact_prefix={findings}/{target}-",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(folder)], work)
    atheris.Fuzz()


def main() -> int:
    """Fuzz one target, or both one after the other; the exit code is not 0 after a finding."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: 60)")
    parser.add_argument("target", nargs="?", choices=TARGETS, help="default: both")
    asked = parser.parse_args()
    try:
        import atheris  # noqa: F401
    except ImportError:
        print(_HELP, file=sys.stderr)
        return 2
    if asked.target:
        _fuzz(asked.target, asked.seconds)
        return 0
    # atheris ends the process it runs in.
    command = [sys.executable, __file__, "--seconds", str(asked.seconds)]
    return max(subprocess.run([*command, target], check=False).returncode for target in TARGETS)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
