"""`radcodec models`: which networks are there, and what they were measured at."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from radcodec.cli.options import loudness_options

if TYPE_CHECKING:
    from radcodec.network.bundle import Bundle

#: Longest value of a manifest that goes on one line without -v or --json.
_SHORT = 100


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print whole manifests and figures as JSON.")
@loudness_options
def models(as_json: bool) -> None:
    """List the models: modality, depth, identity, training data and figures."""
    from radcodec.network.store import ModelStore

    store = ModelStore()
    bundles = [*store.decompressors(), *store.compressors()]
    if as_json:
        listed = [
            {
                "id": bundle.id,
                "path": str(bundle.path),
                "manifest": bundle.manifest,
                "figures": bundle.figures,
            }
            for bundle in bundles
        ]
        click.echo(json.dumps(listed, indent=2))
        return
    click.echo(f"models in {store.root}")
    for bundle in bundles:
        click.echo(_describe(bundle))


def _describe(bundle: Bundle) -> str:
    """A bundle's kind, depth and id, and the short fields of its manifest below."""
    serves = bundle.modality or "all modalities"
    lines = [f"{bundle.kind} d={bundle.depth} {serves}  {bundle.id[:16]}"]
    for name, value in bundle.manifest.items():
        if name in ("kind", "depth", "modality", "files"):
            continue
        text = value if isinstance(value, str) else json.dumps(value)
        if len(text) > _SHORT:
            text = text[: _SHORT - 1] + "…"
        lines.append(f"    {name}: {text}")
    for point in bundle.figures.get("levels", []):
        images = bundle.figures.get("images", "?")
        lines.append(
            f"    level {point['level']}: {point['bits_per_pixel']} bits per pixel, "
            f"{point['psnr_db']} dB on {images} held-out images"
        )
    return "\n".join(lines)
