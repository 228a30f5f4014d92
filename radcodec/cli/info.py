"""`radcodec info`: what an .rcz file says of itself, without decoding it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radcodec.cli.batch import collect, is_rcz, read_file, run_batch
from radcodec.cli.options import loudness_options, paths_argument, recursive_option

if TYPE_CHECKING:
    from pydicom import Dataset

    from radcodec.container.rcz import RczFile

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
@loudness_options
def info(paths: tuple[Path, ...], recursive: bool, as_json: bool) -> None:
    """Show the header, chunks, sizes, recorded quality and main tags of .rcz files.

    Every checksum is checked; the pixels are not decoded.
    """
    files = collect(paths, recursive=recursive, wanted=is_rcz)

    def work(path: Path) -> None:
        facts = {"file": str(path), **describe_file(read_file(path))}
        click.echo(json.dumps(facts, allow_nan=False) if as_json else _as_text(facts))

    run_batch(files, work, action="reading", progress=False)


def describe_file(data: bytes) -> dict[str, Any]:
    """Facts about the bytes of an .rcz file, of types that JSON knows.

    Raises
    ------
    FormatError, LimitError
        As `radcodec.container.rcz.read_rcz`.
    """
    from radcodec.container.rcz import list_chunks, read_rcz

    file = read_rcz(data)
    header = file.header
    return {
        "file_bytes": len(data),
        "uncompressed_bytes": header.uncompressed_bytes,
        "ratio": header.uncompressed_bytes / len(data),
        "bpp": 8 * len(data) / (header.rows * header.columns * header.frames),
        "header": {
            "modality": header.modality,
            "source": header.source,
            "rows": header.rows,
            "columns": header.columns,
            "frames": header.frames,
            "samples": header.samples,
            "bits_allocated": header.bits_allocated,
            "bits_stored": header.bits_stored,
            "signed": header.signed,
            "inverted": header.inverted,
            "intensity_low": header.low,
            "intensity_high": header.high,
            "depth": header.depth,
            "level": header.level,
            "entropy_coder": header.coder,
            "tile_side": 1 << header.tile_log2,
            "tiles": header.grid.tile_count,
            "model": header.model_id.hex(),
        },
        "refinement": None
        if file.refinement is None
        else {
            "depth": file.refinement.depth,
            "level": file.refinement.level,
            "model": file.refinement.model_id.hex(),
        },
        "background": None if file.mask is None else file.mask[0],
        "pixel_blocks": None
        if file.pixels is None
        else {
            "step": file.pixels.step,
            "bytes": len(file.pixels.flags) + sum(map(len, file.pixels.tiles)),
        },
        "chunks": [
            {"type": chunk.type, "offset": chunk.offset, "payload_bytes": chunk.length}
            for chunk in list_chunks(data)
        ],
        "quality": _quality(file),
        "tags": {} if file.dataset is None else _tags(file.dataset),
    }


def _quality(file: RczFile) -> dict[str, Any] | None:
    quality = file.quality
    if quality is None:
        return None
    return {
        # JSON has no infinity; null beside a maximum error of 0 stands for it.
        "psnr_db": None if math.isinf(quality.psnr) else quality.psnr,
        "max_error": quality.max_error,
        "pixels_sha256": quality.sha256.hex(),
    }


def _tags(dataset: bytes) -> dict[str, str]:
    """Values of `TAGS` as text; a broken value is left out rather than fatal."""
    import io
    import warnings

    import pydicom

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            source = pydicom.dcmread(io.BytesIO(dataset), force=True)
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
    header, quality = facts["header"], facts["quality"]
    sign = "signed" if header["signed"] else "unsigned"
    bpp = f"{facts['bpp']:.3f} bpp"
    sizes = f"{facts['file_bytes']} of {facts['uncompressed_bytes']} bytes"
    rows = [
        ("image", f"{header['columns']} x {header['rows']}, {header['source']}"),
        (
            "values",
            f"{header['bits_stored']} of {header['bits_allocated']} bits, {sign}"
            + (", inverted" if header["inverted"] else "")
            + f", mapped from {header['intensity_low']}..{header['intensity_high']}",
        ),
        ("size", f"{sizes}, ratio {facts['ratio']:.2f}, {bpp}"),
        ("networks", f"{header['modality']} depth {header['depth']} level {header['level']}"),
        ("model", header["model"]),
        ("quality", _quality_text(quality)),
        (
            "chunks",
            "  ".join(f"{chunk['type']} {chunk['payload_bytes']}" for chunk in facts["chunks"]),
        ),
    ]
    refinement = facts["refinement"]
    if refinement is not None:
        text = f"depth {refinement['depth']} level {refinement['level']}"
        rows.insert(5, ("refinement", f"{text}, model {refinement['model']}"))
    if facts["background"] is not None:
        rows.append(("background", f"value {facts['background']}, exact"))
    blocks = facts["pixel_blocks"]
    if blocks is not None:
        rows.append(("pixel blocks", f"{blocks['bytes']} bytes, step {blocks['step']}"))
    rows += list(facts["tags"].items())
    width = max(len(name) for name, _ in rows)
    return "\n".join([facts["file"], *(f"  {name:{width}}  {value}" for name, value in rows)])


def _quality_text(quality: dict[str, Any] | None) -> str:
    if quality is None:
        return "not recorded"
    if quality["psnr_db"] is None:
        return "no loss"
    return f"PSNR {quality['psnr_db']:.2f} dB, max error {quality['max_error']}"
