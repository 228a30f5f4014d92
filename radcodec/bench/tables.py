"""The verdict for a terminal, from the results of a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.table import Table

from radcodec.bench.own import NAME
from radcodec.bench.report.words import printable

#: Headings of the metrics that the terminal shows.
_METRICS = {"psnr": "PSNR", "ms_ssim": "MS-SSIM", "ssim": "SSIM"}


def verdict_tables(results: dict[str, Any]) -> Iterator[Table]:
    """Yield the tables of a run: BD-rates, then PSNR and speed at the asked sizes."""
    summary = results["summary"]
    if any(part["bd_rate"] for part in summary.values()):
        yield _bd_rates(summary)
    for modality, part in summary.items():
        yield _qualities(modality, part, results["targets"])


def _heading(modality: str, images: int) -> str:
    return f"{modality.upper()}, {images} image{'' if images == 1 else 's'}"


def _bd_rates(summary: dict[str, Any]) -> Table:
    table = Table(
        title="Bytes of radcodec against another codec's at equal quality (BD-rate)",
        caption="Negative: radcodec is smaller.  In brackets: images whose curves overlap, of "
        "those measured.",
    )
    table.add_column("images")
    table.add_column("against")
    for heading in _METRICS.values():
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("worst in PSNR", overflow="fold")
    for modality, part in summary.items():
        peers = dict.fromkeys(peer for found in part["bd_rate"].values() for peer in found)
        for number, peer in enumerate(peers):
            found = {name: part["bd_rate"].get(name, {}).get(peer) for name in _METRICS}
            worst = found["psnr"]
            table.add_row(
                _heading(modality, part["images"]) if number == 0 else "",
                peer,
                *(_percent(found[name]) for name in _METRICS),
                _worst(worst),
                end_section=number == len(peers) - 1,
            )
    return table


def _percent(found: dict[str, Any] | None) -> str:
    if found is None:
        return "-"
    if found["mean"] is None:
        return "no overlap"
    return f"{100 * found['mean']:+.1f} % ({found['overlapping']}/{found['images']})"


def _worst(found: dict[str, Any] | None) -> str:
    from rich.markup import escape

    if found is None or found["worst"] is None:
        return "-"
    return f"{100 * found['by_image'][found['worst']]:+.1f} % {escape(printable(found['worst']))}"


def _qualities(modality: str, part: dict[str, Any], labels: list[str]) -> Table:
    table = Table(
        title=f"{_heading(modality, part['images'])}: PSNR in dB and SSIM, means over images",
        caption="Over stored values; the peak is each image's own range.  Only where a file of the asked size was made (within 5 %); in brackets: of how "
        "many images, where not of all.  Mpx/s: million pixels a second.",
    )
    table.add_column("codec")
    for label in labels:
        table.add_column(label, justify="right")
    table.add_column("Mpx/s\nin", justify="right")
    table.add_column("Mpx/s\nout", justify="right")
    for codec, speed in part["speed"].items():
        cells = [_quality(part["at_target"][label].get(codec), part["images"]) for label in labels]
        style = "bold" if codec == NAME else None
        speeds = (speed["encode_mpx_s"], speed["decode_mpx_s"])
        table.add_row(
            codec, *cells, *("-" if s is None else f"{s:.2f}" for s in speeds), style=style
        )
    return table


def _quality(found: dict[str, Any] | None, images: int) -> str:
    if found is None:
        return "-"
    few = "" if found["images"] == images else f" ({found['images']})"
    return f"{found['psnr']:.1f}{few}\n{found['ssim']:.4f}"
