"""PNG: grey of 8 and 16 bits, and nothing else."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from radcodec.errors import LimitError, PngError
from radcodec.reading import open_image
from radcodec.reading.png import read_png
from radcodec.writing.png import png_bytes, raw_png


@settings(max_examples=40, deadline=None)
@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.uint16]),
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=40),
    )
)
def test_round_trip(array: np.ndarray) -> None:
    image = read_png(png_bytes(array), "x")
    assert np.array_equal(image.stored, array)
    assert image.bits_stored == image.bits_allocated == 8 * array.itemsize
    raw = raw_png(
        image.stored,
        bits_allocated=image.bits_allocated,
        bits_stored=image.bits_stored,
        signed=False,
    )
    assert raw == png_bytes(array)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "1"])
def test_other_kinds_are_refused(mode: str) -> None:
    out = io.BytesIO()
    Image.new(mode, (3, 2)).save(out, "PNG")
    with pytest.raises(PngError, match="convert"):
        read_png(out.getvalue(), "x")


def test_every_truncation_and_the_limit() -> None:
    data = png_bytes(np.arange(600, dtype=np.uint16).reshape(20, 30))
    for length in range(0, data.index(b"IEND") - 12, 5):
        with pytest.raises(PngError, match="x: "):
            read_png(data[:length], "x")
    huge = data[:16] + (2**16).to_bytes(4, "big") * 2 + data[24:]
    with pytest.raises(LimitError):
        read_png(huge, "x")


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_colour_is_exact(kind: type[np.unsignedinteger], tmp_path: Path) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    rng = np.random.default_rng(5)
    ramp = np.arange(40 * 30 * 3).reshape(40, 30, 3) * (3 if kind is np.uint16 else 1)
    values = (ramp + rng.integers(0, 9, ramp.shape)).astype(kind)
    # Different filters, row by row, as encoders choose them.
    path = tmp_path / "x.png"
    for level in (0, 6):
        path.write_bytes(imagecodecs.png_encode(values, level=level, filter=None))
        with open_image(path) as source:
            assert source.layout.photometric == "RGB"
            assert source.layout.bits_stored == 8 * values.itemsize
            assert np.array_equal(source.frame(0).planes, values.transpose(2, 0, 1))
