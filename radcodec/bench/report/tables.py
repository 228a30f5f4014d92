"""Rows of the page's tables, from the summary in the results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from radcodec.bench.report import names, words

#: The codec that the page judges.
OWN = "radcodec"
#: Below this many images a figure says little about others.
FEW = 5

#: Smaller differences contradict nothing.
WORTH_SAYING = 0.01


@dataclass(frozen=True)
class Rate:
    """A BD-rate of radcodec against a peer, ready for a table.

    Attributes
    ----------
    codec, name : str
        Key and name of the peer.
    value : float or None
        The mean over images; None where no curves overlap.
    mean, interval : str
        The same and its 95 % interval in percent, or a dash.
    images, overlapping : int
        Measured with both, and those where the curves share a range of quality.
    worst, worst_rate : str
        The image where radcodec does worst.
    words : str
        The verdict in words.
    kind : str
        "smaller", "larger", "unclear" or "none": the verdict for colours.
    """

    codec: str
    name: str
    value: float | None
    mean: str
    interval: str
    images: int
    overlapping: int
    worst: str
    worst_rate: str
    words: str
    kind: str


def ordered(found: Iterable[str], order: Iterable[str]) -> list[str]:
    """What was found, in the given order; what the order does not know comes last."""
    known = list(found)
    return [x for x in order if x in known] + [x for x in known if x not in set(order)]


def _verdict(mean: float, ends: Sequence[float] | None, overlapping: int) -> tuple[str, str]:
    """The verdict in words, and its kind."""
    if ends is not None and ends[0] <= 0 <= ends[1]:
        return "no clear difference: the interval holds 0", "unclear"
    if mean == 0:
        return "equal", "unclear"
    alone = " (one image)" if overlapping == 1 else ""
    if mean < 0:
        return f"radcodec is smaller{alone}", "smaller"
    return f"the other codec is smaller{alone}", "larger"


def rate(codec: str, found: dict[str, Any]) -> Rate:
    """One entry of `bd_rate` in the results, in words."""
    images, overlapping = int(found.get("images") or 0), int(found.get("overlapping") or 0)
    mean, ends, worst = found.get("mean"), found.get("interval"), found.get("worst")
    if mean is None:
        verdict, kind = "the curves of no image overlap", "none"
    else:
        verdict, kind = _verdict(mean, ends, overlapping)
    by_image = found.get("by_image") or {}
    return Rate(
        codec=codec,
        name=names.codec_name(codec),
        value=mean,
        mean=words.percent(mean),
        interval=words.interval(ends),
        images=images,
        overlapping=overlapping,
        worst=worst or "",
        worst_rate=words.percent(by_image.get(worst)) if worst else words.NONE,
        words=verdict,
        kind=kind,
    )


def rates(summary: dict[str, Any], order: Sequence[str]) -> dict[str, list[Rate]]:
    """BD-rates of one modality, by metric, peers in the order of the codecs."""
    found = summary.get("bd_rate") or {}
    return {
        metric: [rate(codec, found[metric][codec]) for codec in ordered(found[metric], order)]
        for metric in ordered(found, names.METRICS)
        if found[metric]
    }


def in_short(rows: Sequence[Rate]) -> list[tuple[str, str]]:
    """The verdicts on one modality as (kind, sentence) pairs."""

    def those(kind: str) -> list[str]:
        return [f"{row.name} ({row.mean})" for row in rows if row.kind == kind]

    sentences = {
        "smaller": "radcodec needs fewer bytes than",
        "larger": "radcodec needs more bytes than",
        "unclear": "no clear difference from",
    }
    out = [(k, f"{s} {words.listed(those(k))}") for k, s in sentences.items() if those(k)]
    apart = [row.name for row in rows if row.kind == "none"]
    if apart:
        out.append(("none", f"no common range of quality with {words.listed(apart)}"))
    return out


def disagreements(found: dict[str, list[Rate]]) -> list[tuple[str, str]]:
    """Where another measure clearly says the opposite of PSNR, as (kind, sentence) pairs."""
    out = []
    for row in found.get("psnr", []):
        for kind, more in (("larger", "more"), ("smaller", "fewer")):
            against = [
                f"{names.at_equal(metric)} ({other.mean})"
                for metric, others in found.items()
                for other in others
                if other.codec == row.codec
                and other.kind == kind
                and abs(other.value or 0.0) >= WORTH_SAYING
            ]
            if against and row.kind in {"larger", "smaller"} - {kind}:
                sentence = f"but against {row.name} it needs {more} bytes "
                out.append((kind, sentence + words.listed(against)))
    return out


def at_sizes(
    summary: dict[str, Any], targets: Sequence[str], order: Sequence[str]
) -> tuple[list[str], list[tuple[str, list[dict[str, Any] | None]]]]:
    """Quality at the sizes that were asked for.

    Parameters
    ----------
    summary : dict
        Of one modality.
    targets, order : sequence of str
        Targets and codecs in their order.

    Returns
    -------
    targets : list of str
        Those that a codec reached.
    rows : list of (codec, list of cells)
        A cell is None where the codec reached the target on no image.
    """
    found = summary.get("at_target") or {}
    reached = [target for target in ordered(found, targets) if found[target]]
    codecs = ordered(dict.fromkeys(c for target in reached for c in found[target]), order)
    rows = []
    for codec in codecs:
        cells = [found[target].get(codec) for target in reached]
        rows.append((codec, [cell if cell and cell.get("images") else None for cell in cells]))
    return reached, rows


def _numeric(value: float | None) -> float:
    return float("-inf") if value is None else value


def by_image(
    results: dict[str, Any], modality: str, metric: str = "psnr"
) -> tuple[list[str], list[tuple[dict[str, Any], list[float | None]]]]:
    """BD-rates of each image, the worst first.

    Returns
    -------
    peers : list of str
        Codecs of the columns.
    rows : list of (image, BD-rates)
        The image's entry in the results, and one rate or None a peer.
    """
    found = (results["summary"][modality].get("bd_rate") or {}).get(metric) or {}
    peers = ordered(found, results["codecs"])
    rows = []
    for image in results["images"]:
        if image["modality"] == modality:
            values = [(found[peer].get("by_image") or {}).get(image["name"]) for peer in peers]
            rows.append((image, values))
    rows.sort(key=lambda row: max(map(_numeric, row[1]), default=float("-inf")), reverse=True)
    return peers, rows
