"""Results and pixels as the bench makes them, from real images and plain lossy copies."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radcodec.bench.report.viewer import Rendition, ViewerImage
from radcodec.metrics.quality import max_error, ms_ssim, psnr, ssim
from tests.bench.samples import stored_values

#: By codec, how coarse it is next to radcodec at the same bytes.
COARSENESS = {"radcodec": 1.0, "jpeg2000": 1.15, "jpegxl": 1.6, "hevc": 0.8, "jpeg": 2.2}
RATIOS = (10, 20, 50, 100, 400)
NASTY = 'a/</script><b>bold</b> & "it\'s".dcm'


def lossy(stored: NDArray[np.int32], step: float, seed: int) -> NDArray[np.int32]:
    """Coarser values with some noise: what a codec might make of an image."""
    noise = np.random.default_rng(seed).normal(0, step / 4, stored.shape)
    return np.rint(np.rint(stored / step) * step + noise).astype(np.int32)


def restored(stored: NDArray[np.int32], codec: str, ratio: float) -> NDArray[np.int32]:
    """An image as a codec restored it at a ratio."""
    step = 0.004 * float(np.ptp(stored)) * (ratio / 10) ** 0.7 * COARSENESS[codec]
    return lossy(stored, max(step, 1.0), int(ratio))


def measurement(
    image: str, modality: str, codec: str, ratio: float, stored: NDArray[np.int32]
) -> dict[str, Any]:
    """One row of the results."""
    decoded = restored(stored, codec, ratio)
    peak = max(1, int(np.ptp(stored)))
    size = round(2 * stored.size / ratio * (1 + 0.002 * COARSENESS[codec]))
    value = psnr(stored, decoded, peak)
    return {
        "image": image,
        "modality": modality,
        "codec": codec,
        "target": f"ratio {ratio:g}",
        "knob": f"{ratio:g}",
        "bytes": size,
        "target_bytes": round(2 * stored.size / ratio),
        "ratio": 2 * stored.size / size,
        "bpp": 8 * size / stored.size,
        "psnr": value if math.isfinite(value) else None,
        "ssim": ssim(stored, decoded, peak),
        "ms_ssim": ms_ssim(stored, decoded, peak),
        "max_error": int(max_error(stored, decoded)),
        "windows": {},
        "mean_error_outside": 1.0,
        "mean_error_inside": None,
        "encode_seconds": 0.05,
        "decode_seconds": 0.02,
        "encode_memory": 123456789,
        "decode_memory": None,
        "pixels": hashlib.sha256(stored.tobytes()).hexdigest(),
        "decoded": hashlib.sha256(decoded.tobytes()).hexdigest(),
        "version": "1.0",
    }


def empty() -> dict[str, Any]:
    """Results of a run in which nothing could be measured."""
    return {
        "schema": "radcodec-bench/1",
        "created": "2026-11-25T17:00:00+00:00",
        "command": ["radcodec", "bench", "images with spaces"],
        "folder": "images with spaces",
        "seed": 0,
        "jobs": 1,
        "threads": 1,
        "runs": 3,
        "timed_otherwise": 0,
        "rates": [0.02, 2.5],
        "machine": {"cpu": "AMD EPYC 7B13", "processors": 2, "platform": "Linux-6.1"},
        "versions": {"radcodec": "0.1.0.dev0", "python": "3.11.7", "numpy": "2.4.6"},
        "targets": [],
        "codecs": {},
        "images": [],
        "left_out": [],
        "failed": [],
        "measurements": [],
        "summary": {},
    }


def _summary(rows: list[dict[str, Any]], modality: str, images: list[str]) -> dict[str, Any]:
    """A summary with made-up rate differences; the page does not compute them."""
    generator = np.random.default_rng(len(images))
    peers = [codec for codec in COARSENESS if codec != "radcodec"]
    means = {"jpeg2000": -0.16, "jpegxl": -0.02, "hevc": 0.34, "jpeg": -0.56}
    metrics = ["psnr", "ms_ssim", "ssim"]
    if modality == "ct":
        metrics += ["display", "lung", "soft_tissue", "bone"]
    rates: dict[str, Any] = {}
    for metric in metrics:
        rates[metric] = {}
        for peer in peers:
            found = {n: means[peer] + float(generator.normal(0, 0.08)) for n in images}
            mean = float(np.mean(list(found.values())))
            rates[metric][peer] = {
                "mean": mean,
                "interval": [mean - 0.05, mean + 0.05] if len(images) > 1 else None,
                "images": len(images),
                "overlapping": len(images),
                "worst": max(found, key=found.__getitem__),
                "by_image": found,
            }
    at_target: dict[str, Any] = {}
    for ratio in (20, 50, 100, 400):
        at_target[f"ratio {ratio}"] = {}
        for codec in COARSENESS:
            here = [r for r in rows if r["codec"] == codec and r["target"] == f"ratio {ratio}"]
            here = [r for r in here if r["modality"] == modality]
            if here and not (codec == "jpeg" and ratio == 400):
                at_target[f"ratio {ratio}"][codec] = {
                    "images": len(here),
                    "psnr": float(np.mean([r["psnr"] for r in here])),
                    "ssim": float(np.mean([r["ssim"] for r in here])),
                    "ms_ssim": float(np.mean([r["ms_ssim"] for r in here])),
                    "max_error": max(r["max_error"] for r in here),
                }
    speed = {
        codec: {
            "encode_mpx_s": 1.2 * 3**k,
            "decode_mpx_s": 2.8 * 4**k,
            "encode_memory": 4.1e8 / 2**k,
            "decode_memory": None if codec == "jpeg" else 2e8 / 2**k,
        }
        for k, codec in enumerate(COARSENESS)
    }
    return {"images": len(images), "bd_rate": rates, "at_target": at_target, "speed": speed}


def full(many: int = 4) -> dict[str, Any]:
    """Results of a CT, an MR and a signed image; `many` CT images share the same pixels."""
    results = empty()
    ct, mr = stored_values("CT_small.dcm"), stored_values("MR_small.dcm")
    images = [(NASTY if k == 0 else f"ct/series {k}/slice.dcm", "ct", ct) for k in range(many)]
    images.append(("mr/MR_small.dcm", "mr", mr))
    rows = [
        measurement(name, modality, codec, ratio, stored)
        for name, modality, stored in images
        for codec in COARSENESS
        for ratio in RATIOS
    ]
    for row in rows:
        # Images differ, if only in how well they compress.
        row["psnr"] += sum(map(ord, row["image"])) % 7
        if row["modality"] == "ct":
            row["windows"] = {"display": row["psnr"] - 9, "lung": row["psnr"] - 8}
    codecs = {
        codec: {"version": "1.0", "settings": "16 bits, one thread", "missing": None}
        for codec in COARSENESS
    }
    codecs["av1"] = {
        "version": None,
        "settings": "12 bits, intra frames only",
        "missing": "aomenc is not installed; on Debian: apt-get install aom-tools",
    }
    return results | {
        "targets": [f"ratio {ratio}" for ratio in RATIOS],
        "codecs": codecs,
        "images": [
            {
                "name": name,
                "modality": modality,
                "rows": stored.shape[0],
                "columns": stored.shape[1],
                "bits_allocated": 16,
                "bits_stored": 12,
                "peak": int(np.ptp(stored)),
                "background": 0.3,
                "window": {"center": 40, "width": 400} if modality == "ct" else None,
            }
            for name, modality, stored in images
        ],
        "left_out": [
            {
                "image": "<i>x</i>.dcm",
                "reason": "already lossy (LossyImageCompression)",
                "failed": False,
            }
        ],
        "failed": [{"image": NASTY, "codec": "hevc", "reason": "x265: exit status 1"}],
        "measurements": rows,
        "summary": {
            modality: _summary(rows, modality, [n for n, m, _ in images if m == modality])
            for modality in ("ct", "mr")
        },
    }


def _renditions(
    results: dict[str, Any],
    name: str,
    stored: NDArray[np.int32],
    crop: tuple[slice, slice],
    ratios: tuple[int, ...],
) -> tuple[Rendition, ...]:
    rows = [r for r in results["measurements"] if r["image"] == name]
    return tuple(
        Rendition(
            codec=row["codec"],
            target=row["target"],
            bytes=row["bytes"],
            ratio=row["ratio"],
            psnr=row["psnr"],
            stored=restored(stored, row["codec"], float(row["knob"]))[crop],
        )
        for row in rows
        if float(row["knob"]) in ratios and row["codec"] != "jpeg"
    )


def pictures(results: dict[str, Any]) -> list[ViewerImage]:
    """A whole CT image in Hounsfield units, and a crop of an MR image shown inverted."""
    ct, mr = stored_values("CT_small.dcm"), stored_values("MR_small.dcm")
    whole = (slice(None), slice(None))
    crop = (slice(8, 56), slice(4, 52))
    return [
        ViewerImage(
            name=NASTY,
            modality="ct",
            original=ct,
            top=0,
            left=0,
            rows=ct.shape[0],
            columns=ct.shape[1],
            slope=1.0,
            intercept=-1024.0,
            unit="HU",
            inverted=False,
            center=40.0,
            width=400.0,
            renditions=_renditions(results, NASTY, ct, whole, (20, 50, 100)),
        ),
        ViewerImage(
            name="mr/MR_small.dcm",
            modality="mr",
            original=mr[crop],
            top=8,
            left=4,
            rows=mr.shape[0],
            columns=mr.shape[1],
            slope=1.0,
            intercept=0.0,
            unit="",
            inverted=True,
            center=600.0,
            width=1200.0,
            renditions=_renditions(results, "mr/MR_small.dcm", mr, crop, (20, 50)),
        ),
    ]
