"""The page as one text, from results and pixels."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import shlex
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from radcodec.bench.report import charts, names, tables, words
from radcodec.bench.report.pixels import Plane, encode_plane
from radcodec.bench.report.viewer import Rendition, ViewerImage
from radcodec.bench.summary import LOSSLESS

_HERE = Path(__file__).parent
_SCRIPTS = (
    "pixels.js",
    "paint.js",
    "view.js",
    "choice.js",
    "captions.js",
    "windowing.js",
    "input.js",
    "viewer.js",
    "page.js",
)
#: Codec that speeds are compared with.
_REFERENCE = "jpeg2000"
_PANES = (
    ("original", "Original"),
    ("own", "radcodec"),
    ("peer", "Other codec"),
    ("difference", "Difference to the original"),
)


def _script() -> str:
    parts = [(_HERE / name).read_text(encoding="utf-8") for name in _SCRIPTS]
    return '(() => {\n"use strict";\n' + "\n".join(parts) + "\n})();\n"


def codec_colours(codecs: Sequence[str]) -> str:
    """CSS that defines the colour of each codec in both colour schemes."""
    light = " ".join(f"{names.variable(c)}: {names.colour(c)};" for c in codecs)
    dark = " ".join(f"{names.variable(c)}: {names.dark_colour(c)};" for c in codecs)
    return f":root {{ {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"


def _policy(script: str) -> str:
    """Only the page's own script runs, and nothing is loaded: a name cannot smuggle in either."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def embedded(value: Any) -> Markup:
    """JSON that cannot end the script element that it stands in."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _when(created: str) -> str:
    try:
        moment = datetime.fromisoformat(created)
    except ValueError:
        return created
    return f"{moment.day} {moment:%B %Y, %H:%M} {moment.tzname() or ''}".strip()


def _modality(results: dict[str, Any], modality: str, number: int) -> dict[str, Any]:
    """All that the templates say about one modality."""
    summary, order = results["summary"][modality], list(results["codecs"])
    rates = tables.rates(summary, order)
    others = [metric for metric in rates if metric != "psnr"]
    sizes, at_sizes = tables.at_sizes(summary, results["targets"], order)
    peers, image_rows = tables.by_image(results, modality)
    speeds = summary.get("speed") or {}
    curves = [
        charts.rate_distortion(results, modality, metric, f"curve-{number}-{metric}")
        for metric in ("psnr", "ms_ssim", "ssim")
    ]
    trade = [
        charts.speed_quality(results, modality, way, f"trade-{number}-{way}")
        for way in ("encode", "decode")
    ]
    strip = charts.strip(results, modality, f"strip-{number}")
    measured = dict.fromkeys(
        row["codec"] for row in results["measurements"] if row["modality"] == modality
    )
    return {
        "name": names.modality_name(modality),
        "images": int(summary.get("images") or 0),
        "rates": rates,
        "others": others,
        "cells": {metric: {row.codec: row for row in rates[metric]} for metric in others},
        "peers": tables.ordered(
            dict.fromkeys(row.codec for metric in others for row in rates[metric]), order
        ),
        "short": tables.in_short(rates.get("psnr", [])) + tables.disagreements(rates),
        "sizes": sizes,
        "at_sizes": at_sizes,
        "speed": [(codec, speeds[codec]) for codec in tables.ordered(speeds, order)],
        "reference": speeds.get(_REFERENCE),
        "codecs": tables.ordered(measured, order),
        "curves": [Markup(chart) for chart in curves if chart],
        "common": charts.common_images(results, modality),
        "strip": Markup(strip) if strip else None,
        "image_peers": peers,
        "image_rows": image_rows,
        "trade": [Markup(chart) for chart in trade if chart],
    }


def _notes(results: dict[str, Any]) -> list[str]:
    """What a reader must know beside the verdict."""
    missing = [names.codec_name(c) for c, each in results["codecs"].items() if each["missing"]]
    notes = [f"Not measured here: {words.listed(missing)}."] if missing else []
    if results["left_out"]:
        notes.append(f"{words.count(len(results['left_out']), 'image')} left out.")
    if results["failed"]:
        notes.append(f"{words.count(len(results['failed']), 'failure')} of single codecs.")
    return notes


def _title(results: dict[str, Any]) -> str:
    measured = dict.fromkeys(row["codec"] for row in results["measurements"])
    peers = sum(codec != tables.OWN for codec in measured)
    images = len({row["image"] for row in results["measurements"]})
    return (
        f"radcodec compared with {words.count(peers, 'other codec')} "
        f"on {words.count(images, 'image')}"
    )


def _figures(image: ViewerImage, made: Rendition, rows: dict[Any, Any]) -> dict[str, Any]:
    """Bytes, ratio and PSNR: those of the results where they have them, to show one truth."""
    row = rows.get((image.name, made.codec, made.target))
    if row is not None:
        return {"bytes": row["bytes"], "ratio": row["ratio"], "psnr": row["psnr"]}
    psnr = made.psnr if math.isfinite(made.psnr) else None
    return {"bytes": made.bytes, "ratio": made.ratio, "psnr": psnr}


def _pixels(name: str, plane: Plane) -> tuple[dict[str, Any], str]:
    about = {
        "id": name,
        "planes": plane.planes,
        "delta": plane.delta,
        "residual": plane.residual,
    }
    return about, f'<script type="application/octet-stream" id="{name}">{plane.text}</script>'


def viewer_data(
    results: dict[str, Any], viewer: Sequence[ViewerImage]
) -> tuple[dict[str, Any], list[str]]:
    """What the viewer's script reads: a description, and script elements with the pixels."""
    rows = {(r["image"], r["codec"], r["target"]): r for r in results["measurements"]}
    windows = {image["name"]: image["window"] for image in results["images"]}
    images, scripts = [], []
    for number, image in enumerate(viewer):
        about, script = _pixels(f"pixels-{number}", encode_plane(image.original))
        scripts.append(script)
        made = []
        for index, each in enumerate(image.renditions):
            plane, script = _pixels(
                f"pixels-{number}-{index}", encode_plane(each.stored, image.original)
            )
            scripts.append(script)
            codec = {"codec": each.codec, "codecName": names.codec_name(each.codec)}
            made.append(codec | {"target": each.target} | _figures(image, each, rows) | plane)
        images.append(
            {
                "name": words.printable(image.name),
                "modality": image.modality,
                "modalityName": names.modality_name(image.modality),
                "whole": [image.rows, image.columns],
                "at": [image.top, image.left],
                "shape": list(image.original.shape),
                "range": [int(image.original.min()), int(image.original.max())],
                "slope": image.slope,
                "intercept": image.intercept,
                "unit": image.unit,
                "inverted": image.inverted,
                "center": image.center,
                "width": image.width,
                "ownWindow": windows.get(image.name) is not None,
                "pixels": about,
                "renditions": made,
            }
        )
    return {"own": tables.OWN, "targets": list(results["targets"]), "images": images}, scripts


def render(results: dict[str, Any], viewer: Sequence[ViewerImage]) -> str:
    """Write the page.

    Parameters
    ----------
    results : dict
        As in ``results.json``, schema "radcodec-bench/1".
    viewer : sequence of ViewerImage
        Images to look at; with none, the page says so instead of showing a viewer.

    Returns
    -------
    str
        An HTML document that needs no other file and loads none.
    """
    # Measurements are looked up by names as they are, so this comes before the cleaning.
    data, scripts = viewer_data(results, viewer) if viewer else ({}, [])
    results = words.cleaned(results)
    script = _script()
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.globals.update(
        codec_name=names.codec_name,
        metric_name=names.metric_name,
        short_metric=names.short_metric,
        variable=names.variable,
        sign=names.sign,
        percent=words.percent,
        decibels=words.decibels,
        similarity=words.similarity,
        speed=words.speed,
        times=words.times,
        memory=words.memory,
        count=words.count,
        few=tables.FEW,
    )
    modalities = [_modality(results, m, k) for k, m in enumerate(results["summary"])]
    css = codec_colours(list(results["codecs"]))
    css += (_HERE / "page.css").read_text(encoding="utf-8")
    return environment.get_template("page.html.j2").render(
        results=results,
        title=_title(results),
        when=_when(results["created"]),
        command=shlex.join(results["command"]),
        policy=_policy(script),
        css=Markup(css),
        script=Markup(script),
        notes=_notes(results),
        modalities=modalities,
        reference=any(m["reference"] for m in modalities),
        exact=any(row["psnr"] is None for row in results["measurements"]),
        lossless=LOSSLESS,
        viewer=viewer,
        panes=_PANES,
        viewer_json=embedded(data),
        pixel_scripts=Markup("\n".join(scripts)),
    )
