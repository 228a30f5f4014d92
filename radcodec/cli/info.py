"""`radcodec info`: what an .rcz file says of itself, without decoding it."""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radcodec.cli.batch import collect, is_rcz, run_batch
from radcodec.cli.options import (
    limits_of,
    loudness_options,
    memory_option,
    paths_argument,
    recursive_option,
)
from radcodec.cli.sources import open_file

if TYPE_CHECKING:
    from typing import BinaryIO

    from pydicom import Dataset

    from radcodec.container import Limits, Plane, Quality

#: Attributes of the data set worth showing; none of them identifies a patient.
TAGS = (
    "Modality",
    "BodyPartExamined",
    "Manufacturer",
    "SOPClassUID",
    "ImageType",
    "PhotometricInterpretation",
    "PixelSpacing",
    "SliceThickness",
    "RescaleSlope",
    "RescaleIntercept",
    "WindowCenter",
    "WindowWidth",
    "PixelPaddingValue",
    "LossyImageCompression",
    "LossyImageCompressionRatio",
    "LossyImageCompressionMethod",
)


@click.command()
@paths_argument
@recursive_option
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON for each file.")
@memory_option
@loudness_options
def info(paths: tuple[Path, ...], recursive: bool, as_json: bool, memory: int) -> None:
    """Show the header, coding, sizes, recorded quality and main tags of .rcz files.

    Every checksum is checked; the pixels are not decoded.
    """
    files = collect(paths, recursive=recursive, wanted=is_rcz)

    def work(path: Path) -> None:
        with open_file(path, memory) as file:
            facts = {"file": str(path), **describe_file(file, limits_of(memory))}
        click.echo(json.dumps(facts, allow_nan=False) if as_json else _as_text(facts))

    run_batch(files, work, action="reading", progress=False)


def describe_file(file: BinaryIO, limits: Limits) -> dict[str, Any]:
    """Facts about an .rcz file, of types that JSON knows.

    Raises
    ------
    FormatError, LimitError
        As `radcodec.container.rcz.RczReader`.
    """
    from radcodec.container.rcz import RczReader

    reader = RczReader(file, limits)
    header = reader.header
    first = reader.plane(0)
    codings: Counter[str] = Counter()
    bytes_of: Counter[str] = Counter()
    planes = itertools.product(range(header.frames), range(header.samples))
    for plane in itertools.starmap(reader.plane, planes):
        codings[plane.coding] += 1
    for chunk in reader.chunks():
        bytes_of[chunk.type] += chunk.length
    dataset = reader.dataset
    return {
        "file_bytes": reader.size,
        "uncompressed_bytes": header.uncompressed_bytes,
        "ratio": header.uncompressed_bytes / reader.size,
        "bpp": 8 * reader.size / (header.rows * header.columns * header.frames),
        "header": {
            "modality": header.modality,
            "source": header.source,
            "rows": header.rows,
            "columns": header.columns,
            "frames": header.frames,
            "samples": header.samples,
            "colour": header.colour,
            "colour_transform": header.transform,
            "bits_allocated": header.bits_allocated,
            "bits_stored": header.bits_stored,
            "signed": header.signed,
            "inverted": header.inverted,
            "max_error": header.max_error,
            "entropy_coder": header.coder,
            "tile_side": 1 << header.tile_log2,
            "tiles": header.grid(1).tile_count,
        },
        "codings": dict(codings),
        "first_plane": _plane(first),
        "chunk_bytes": dict(bytes_of),
        "quality": _quality(reader.quality),
        "tags": {} if dataset is None else _tags(dataset),
    }


def _plane(plane: Plane) -> dict[str, Any]:
    """Facts about a plane."""
    second, blocks, residual = plane.refinement, plane.pixels, plane.residual
    return {
        "coding": plane.coding,
        "intensity_low": plane.low,
        "intensity_high": plane.high,
        "depth": plane.depth or None,
        "level": plane.level if plane.depth else None,
        "model": plane.model_id.hex() or None,
        "refinement": None
        if second is None
        else {"depth": second.depth, "level": second.level, "model": second.model_id.hex()},
        "background": None if plane.mask is None else plane.mask[0],
        "pixel_blocks": None
        if blocks is None
        else {"step": blocks.step, "bytes": len(blocks.flags) + sum(map(len, blocks.tiles))},
        "filter": None if plane.filter is None else {"bytes": len(plane.filter)},
        "residual": None
        if residual is None
        else {"step": residual.step, "bytes": sum(map(len, residual.tiles))},
        "unused_bits": [bit for bit, _ in plane.unused],
    }


def _quality(quality: Quality | None) -> dict[str, Any] | None:
    if quality is None:
        return None
    return {
        # JSON has no infinity; null beside a maximum error of 0 stands for it.
        "psnr_db": None if math.isinf(quality.psnr) else quality.psnr,
        "max_error": quality.max_error,
        "pixels_sha256_begin": quality.sha256.hex(),
    }


def _tags(dataset: bytes) -> dict[str, str]:
    """Values of `TAGS` as text; a broken value is left out rather than fatal."""
    import warnings

    from radcodec.reading.excerpt import excerpt

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            source = excerpt(dataset, TAGS)
        except Exception:  # noqa: BLE001 - info on the rest of the file is still good
            return {}
        texts = {keyword: _tag_text(source, keyword) for keyword in TAGS}
    return {keyword: text for keyword, text in texts.items() if text}


def _tag_text(source: Dataset, keyword: str) -> str:
    """An attribute's value as text; empty where it is absent or broken."""
    try:
        value = source.get(keyword)
        return "" if value is None else str(getattr(value, "name", None) or value)
    except Exception:  # noqa: BLE001 - pydicom raises whatever a broken value leads to
        return ""


def _as_text(facts: dict[str, Any]) -> str:
    header, quality, plane = facts["header"], facts["quality"], facts["first_plane"]
    sign = "signed" if header["signed"] else "unsigned"
    bpp = f"{facts['bpp']:.3f} bpp"
    sizes = f"{facts['file_bytes']} of {facts['uncompressed_bytes']} bytes"
    frames = f" x {header['frames']} frames" if header["frames"] > 1 else ""
    colour = "" if header["colour"] == "grey" else f", {header['colour']}"
    rows = [
        ("image", f"{header['columns']} x {header['rows']}{frames}{colour}, {header['source']}"),
        (
            "values",
            f"{header['bits_stored']} of {header['bits_allocated']} bits, {sign}"
            + (", inverted" if header["inverted"] else "")
            + f", mapped from {plane['intensity_low']}..{plane['intensity_high']}",
        ),
        ("size", f"{sizes}, ratio {facts['ratio']:.2f}, {bpp}"),
        ("coding", ", ".join(f"{n} x {name}" for name, n in facts["codings"].items())),
    ]
    if plane["model"] is not None:
        rows.append(
            ("networks", f"{header['modality']} depth {plane['depth']} level {plane['level']}")
        )
        rows.append(("model", plane["model"]))
    second = plane["refinement"]
    if second is not None:
        text = f"depth {second['depth']} level {second['level']}"
        rows.append(("refinement", f"{text}, model {second['model']}"))
    if plane["filter"] is not None:
        rows.append(("filter", f"{plane['filter']['bytes']} bytes"))
    rows.append(("quality", _quality_text(quality)))
    if header["max_error"] is not None:
        rows.append(("guarantee", f"no stored value is off by more than {header['max_error']}"))
    sizes = "  ".join(f"{kind} {length}" for kind, length in facts["chunk_bytes"].items())
    rows.append(("chunks", sizes))
    if plane["background"] is not None:
        rows.append(("background", f"value {plane['background']}, exact"))
    for name, label in (("pixel_blocks", "pixel blocks"), ("residual", "residual")):
        part = plane[name]
        if part is not None:
            rows.append((label, f"{part['bytes']} bytes, step {part['step']}"))
    if plane["unused_bits"]:
        rows.append(("unused bits", ", ".join(map(str, plane["unused_bits"])) + ", kept"))
    rows += list(facts["tags"].items())
    width = max(len(name) for name, _ in rows)
    return "\n".join([facts["file"], *(f"  {name:{width}}  {value}" for name, value in rows)])


def _quality_text(quality: dict[str, Any] | None) -> str:
    if quality is None:
        return "not recorded"
    if quality["psnr_db"] is None:
        return "no loss"
    return f"PSNR {quality['psnr_db']:.2f} dB, max error {quality['max_error']}"
