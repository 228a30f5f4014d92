"""Verdict and curves of a run of ``radcodec bench``, for a README.

``python benchmarks/verdict.py bench-report/results.json --plot curves.svg`` prints Markdown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from radcodec.bench.plots import plot_curves
from radcodec.bench.rows import Row

#: Targets whose PSNR and SSIM are shown, as far as they were asked for.
SHOWN = ("ratio 20", "ratio 50", "ratio 100", "ratio 400")


def verdict(results: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a table of BD-rates: a line a modality, a column a codec."""
    peers = [name for name in results["codecs"] if name != "radcodec"]
    yield "| images | " + " | ".join(peers) + " |"
    yield "|---" * (len(peers) + 1) + "|"
    for modality, part in results["summary"].items():
        found = part["bd_rate"].get("psnr", {})
        cells = [_cell(found.get(peer)) for peer in peers]
        yield f"| {modality.upper()}, {part['images']} | " + " | ".join(cells) + " |"


def _cell(found: dict[str, Any] | None) -> str:
    if found is None:
        return "-"
    if found["mean"] is None:
        return "no overlap"
    some = found["overlapping"] < found["images"]
    few = f" ({found['overlapping']} of {found['images']})" if some else ""
    return f"{100 * found['mean']:+.1f} %{few}"


def qualities(results: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a table of PSNR and SSIM at some sizes, and of speeds."""
    labels = [label for label in SHOWN if label in results["targets"]]
    yield "| images | codec | " + " | ".join(labels) + " | Mpx/s in | Mpx/s out |"
    yield "|---" * (len(labels) + 4) + "|"
    for modality, part in results["summary"].items():
        for codec, speed in part["speed"].items():
            cells = []
            for label in labels:
                found = part["at_target"][label].get(codec)
                few = "" if found is None or found["images"] == part["images"] else " *"
                cells.append(
                    "-" if found is None else f"{found['psnr']:.1f} / {found['ssim']:.4f}{few}"
                )
            for way in ("encode", "decode"):
                value = speed[f"{way}_mpx_s"]
                cells.append("-" if value is None else f"{value:.1f}")
            yield f"| {modality.upper()} | {codec} | " + " | ".join(cells) + " |"


@click.command()
@click.argument("results", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw curves, SVG.")
def main(results: Path, plot: Path | None) -> None:
    """Print the verdict of RESULTS, a results.json of radcodec bench, as Markdown."""
    found = json.loads(results.read_text())
    for lines in (verdict(found), qualities(found)):
        click.echo("\n".join(lines) + "\n")
    if plot is not None:
        rows = [Row.from_dict(values) for values in found["measurements"]]
        plot_curves(rows, plot, "psnr", tuple(found["rates"]))


if __name__ == "__main__":
    main()
