"""Make the file that docs/format.md shows byte by byte: two small frames that show most chunks.

Usage::

    python docs/make_example.py example.rcz
    python docs/make_hexdump.py example.rcz --into docs/format.md

The image is synthetic.  The first frame is coded by two layers of the shipped networks, with
background, blocks of pixels, a filter and a residual; the second one as JPEG-LS.
"""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radcodec.codec import BaseEncoder, Encoder, Plan, prepare
from radcodec.codec.decoder import checksum_of
from radcodec.codec.lossless import Coded, as_jpegls, over_networks
from radcodec.codec.measuring import peak_of
from radcodec.container import DIGEST_LENGTH, Quality, RczFile, write_rcz
from radcodec.metrics.quality import psnr
from radcodec.network.store import ModelStore
from radcodec.reading.image import GreyImage

SIDE, BITS = 24, 8
MODALITY, PLAN, LEVEL = "ct", Plan(2, 0.7), 135
#: Largest error of a value.
BOUND = 4


def frames() -> NDArray[np.int32]:
    """Return a body of rings with a bar in it beside background, and three steps."""
    y, x = np.indices((SIDE, SIDE))
    body = 120 + 100 * np.cos(np.hypot(y - 14, x - 8) / 5)
    body[4:7, 6:11] = 250
    body[:, 17:] = 0
    steps = 20 + 40 * (y // 8)
    out: NDArray[np.int32] = np.rint(np.stack([body, steps])).astype(np.int32)
    return out


def example() -> RczFile:
    """Return the file."""
    stored = frames()
    images = [GreyImage(one, 8, BITS, False, False, None, MODALITY, None) for one in stored]
    base = BaseEncoder(prepare(images[0]), MODALITY, PLAN.depth, ModelStore())
    header = replace(base.header, frames=len(images), max_error=BOUND)
    encoder = Encoder(base, PLAN)
    layers = Coded(encoder.plane(LEVEL), encoder.decoded(LEVEL))
    assert layers.plane.filter is not None
    jpegls = as_jpegls(images[1], 0, header, 0)
    assert jpegls is not None
    coded = [over_networks(layers, base.prepared, BOUND, header), jpegls]
    planes = [replace(one.plane, checksum=checksum_of(one.decoded)) for one in coded]
    decoded = np.stack([one.decoded for one in coded])
    worst = int(np.abs(decoded - stored).max())
    digest = hashlib.sha256(decoded.astype("<i4").tobytes()).digest()[:DIGEST_LENGTH]
    return RczFile(
        header, planes, quality=Quality(psnr(stored, decoded, peak_of(stored)), worst, digest)
    )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path, help="where to write it")
    parser.parse_args().file.write_bytes(write_rcz(example()))


if __name__ == "__main__":
    main()
