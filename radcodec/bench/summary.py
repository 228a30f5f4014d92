"""What a run found, by modality: BD-rates, quality at the asked sizes, speed and memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from radcodec.bench.compare import METRICS, compare
from radcodec.bench.own import NAME
from radcodec.bench.rows import Row

#: How far a file's size may be from the asked one to count among the files of that size.
NEAR = 0.05
#: What an image without any error counts as in means, in dB.
LOSSLESS = 120.0


def summarise(
    rows: Sequence[Row], labels: Sequence[str], rates: tuple[float, float], seed: int
) -> dict[str, Any]:
    """Summarise measurements, see ``summary`` in ``docs/bench.md``.

    Parameters
    ----------
    rows : sequence of Row
        Of one run.
    labels : sequence of str
        Targets, in their order.
    rates : (float, float)
        Bits per pixel that count for BD-rates.
    seed : int
        Of the bootstrap.
    """
    return {
        modality: {
            "images": len({row.image for row in rows if row.modality == modality}),
            "bd_rate": _bd_rates([r for r in rows if r.modality == modality], rates, seed),
            "at_target": {
                label: _at_target([r for r in rows if (r.modality, r.target) == (modality, label)])
                for label in labels
            },
            "speed": _speeds([row for row in rows if row.modality == modality]),
        }
        for modality in dict.fromkeys(row.modality for row in rows)
    }


def _bd_rates(rows: Sequence[Row], rates: tuple[float, float], seed: int) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for metric in METRICS:
        found = {
            c.anchor: {
                "mean": c.mean,
                "interval": None if c.interval is None else list(c.interval),
                "images": c.images,
                "overlapping": len(c.bd_rates),
                "worst": c.worst,
                "by_image": c.bd_rates,
            }
            for c in compare(rows, NAME, metric, rates, seed)
        }
        if found:
            out[metric] = found
    return out


def _at_target(rows: Sequence[Row]) -> dict[str, Any]:
    """Means over the images of which a codec made a file of nearly the asked size."""
    out: dict[str, Any] = {}
    for codec in dict.fromkeys(row.codec for row in rows):
        near = [
            row
            for row in rows
            if row.codec == codec and abs(row.bytes / row.target_bytes - 1) <= NEAR
        ]
        if near:
            out[codec] = {
                "images": len(near),
                "psnr": float(np.mean([min(row.psnr, LOSSLESS) for row in near])),
                "ssim": float(np.mean([row.ssim for row in near])),
                "ms_ssim": float(np.mean([row.ms_ssim for row in near])),
                "max_error": max(row.max_error for row in near),
            }
    return out


def _speeds(rows: Sequence[Row]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for codec in dict.fromkeys(row.codec for row in rows):
        own = [row for row in rows if row.codec == codec]
        out[codec] = {
            "encode_mpx_s": _speed(own, "encode_seconds"),
            "decode_mpx_s": _speed(own, "decode_seconds"),
            "encode_memory": _largest(own, "encode_memory"),
            "decode_memory": _largest(own, "decode_memory"),
        }
    return out


def _speed(rows: Sequence[Row], field: str) -> float | None:
    """Million pixels of all measurements over the seconds that they took."""
    known = [(row, getattr(row, field)) for row in rows if getattr(row, field)]
    seconds = math.fsum(value for _, value in known)
    pixels = math.fsum(8 * row.bytes / row.bpp for row, _ in known)
    return pixels / seconds / 1e6 if seconds else None


def _largest(rows: Sequence[Row], field: str) -> int | None:
    known = [int(value) for row in rows if (value := getattr(row, field)) is not None]
    return max(known, default=None)
