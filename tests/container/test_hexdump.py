"""The example in docs/format.md is a file that can be read."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from radcodec.codec import check
from radcodec.codec.blocks import unpack_flags, unpack_values
from radcodec.container import read_rcz, write_rcz
from radcodec.entropy.mask import decode_mask
from radcodec.network.store import ModelStore
from tests.independent_decoder import restore as decode_independently

from .samples import small_file

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """Return docs/make_hexdump.py as a module."""
    spec = importlib.util.spec_from_file_location("make_hexdump", DOCS / "make_hexdump.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_dump_gives_the_file_back(script: ModuleType) -> None:
    data = write_rcz(small_file())
    dump = script.annotate(data)
    document = f"before\n{script.BEGIN}old\n{script.END}after\n"
    once = script.insert(document, dump)
    assert script.extract(once) == data
    assert script.insert(once, dump) == once
    assert "rows: 70" in dump and "low: -1024" in dump and "PSNR in dB: 41.5" in dump
    assert "coding: 2" in dump and "JPEG-LS code stream" in dump and "step: 3" in dump
    assert "step: 5" in dump and "66 6c 61 67 73" in dump and "length of tile 2: 2" in dump
    assert "bit: 15" in dump and "length of its mask: 7" in dump and "coded mask of bit 12" in dump
    assert "weights of the filter" in dump
    assert "bound: 0" in dump and "CRC-32 of the values: 4276993775" in dump
    # Nothing is left that has no name.
    assert "payload" not in dump


def test_the_dump_of_the_document_is_a_file(script: ModuleType) -> None:
    data = script.extract((DOCS / "format.md").read_text(encoding="utf-8"))
    if not data:
        pytest.skip("docs/format.md holds no dump yet; make it with docs/make_hexdump.py")
    file = read_rcz(data)
    assert write_rcz(file) == data
    assert file.quality is not None


def test_the_dump_of_the_document_shows_every_way_of_coding(script: ModuleType) -> None:
    """Mask and pixel blocks are decoded too, for which no network is needed."""
    file = read_rcz(script.extract((DOCS / "format.md").read_text(encoding="utf-8")))
    header, (plane, other) = file.header, file.planes
    assert plane.mask is not None and plane.pixels is not None and plane.refinement is not None
    assert plane.filter and not plane.filter.endswith(b"\0")
    assert plane.residual is not None and any(plane.residual.tiles) and other.stream is not None
    mask = decode_mask(plane.mask[1], header.rows, header.columns)
    chosen = unpack_flags(plane.pixels, mask, header.rows, header.columns)
    assert mask.any() and chosen.coded.any() and not (mask | chosen.coded).all()
    stored = np.where(mask, plane.mask[0], 0).astype(np.int32)
    unpack_values(plane.pixels, chosen, stored, plane.low, plane.high, header.grid(plane.depth))
    assert np.unique(stored[chosen.coded]).size > 2


def test_the_dump_of_the_document_decodes(script: ModuleType) -> None:
    data = script.extract((DOCS / "format.md").read_text(encoding="utf-8"))
    plane, models = read_rcz(data).planes[0], ModelStore()
    assert plane.refinement is not None
    folders = {bytes.fromhex(bundle.id)[:4]: bundle.path for bundle in models.decompressors()}
    if not {plane.model_id, plane.refinement.model_id} <= set(folders):
        pytest.skip("these are other models; make the dump again with docs/make_example.py")
    restored = check(data, models=models)
    stored, _ = decode_independently(data, folders.values())
    assert np.array_equal(stored, np.stack([frame.planes for frame in restored.frames]))
