"""torch and OpenVINO agree on what was exported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

import onnx
import torch

from radcodec.network.bundle import write_manifest
from radcodec.network.runtime import compile_bundle
from radcodec.training.integer import EXACT, IntegerDecompressor, quantise_decompressor
from radcodec.training.networks import Architecture, Compressor
from radcodec.training.onnx_export import (
    agreement,
    compressor_onnx,
    decompressor_onnx,
    save_ir,
)
from radcodec.training.warm_start import warm_start

ARCHITECTURE = Architecture(2, width=16, latents=4)


@pytest.fixture(scope="module")
def compressor() -> Compressor:
    return warm_start(ARCHITECTURE)[0]


@pytest.fixture(scope="module")
def integer() -> IntegerDecompressor:
    generator = torch.Generator().manual_seed(6)
    latents = torch.randn(3, 4, 6, 5, generator=generator)
    return quantise_decompressor(warm_start(ARCHITECTURE)[1], latents, positions=500)


def _whole_numbers(rows: int, columns: int, limit: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(rows)
    return torch.randint(-limit, limit + 1, (1, 4, rows, columns), generator=generator).float()


def test_checker_passes(compressor: Compressor, integer: IntegerDecompressor) -> None:
    onnx.checker.check_model(compressor_onnx(compressor), full_check=True)
    model = decompressor_onnx(integer)
    onnx.checker.check_model(model, full_check=True)
    kinds = {node.op_type for node in model.graph.node}
    assert kinds == {"Conv", "Mul", "Floor", "Clip", "DepthToSpace"}


def test_compressor_agrees(compressor: Compressor, tmp_path: Path) -> None:
    save_ir(compressor_onnx(compressor), tmp_path, half=False)
    assert not (tmp_path / "model.onnx").exists()
    image = torch.rand(1, 1, 48, 40, generator=torch.Generator().manual_seed(7))
    assert agreement(compressor, tmp_path, image) < 1e-4


def test_integer_decompressor_agrees_exactly(integer: IntegerDecompressor, tmp_path: Path) -> None:
    save_ir(decompressor_onnx(integer), tmp_path, half=False)
    limit = int(integer.input_limits[0])
    assert agreement(integer.run, tmp_path, _whole_numbers(11, 7, limit)) == 0


def test_one_program_takes_all_sizes(
    compressor: Compressor, integer: IntegerDecompressor, tmp_path: Path
) -> None:
    save_ir(decompressor_onnx(integer), tmp_path, half=False)
    run = compile_bundle(
        write_manifest(tmp_path, {"kind": "decompressor", "depth": 2, "width": 64, "latents": 16})
    )
    for rows, columns in ((5, 9), (12, 3), (1, 1), (5, 9)):
        latent = _whole_numbers(rows, columns, int(integer.input_limits[0]))
        np.testing.assert_array_equal(run(latent[0].numpy()), integer.run(latent)[0].numpy())
    save_ir(compressor_onnx(compressor), tmp_path, half=False)
    run = compile_bundle(
        write_manifest(tmp_path, {"kind": "compressor", "depth": 2, "width": 64, "latents": 16})
    )
    for rows, columns in ((16, 24), (40, 8)):
        image = torch.full((1, 1, rows, columns), 0.25)
        with torch.no_grad():
            wanted = compressor(image)[0].numpy()
        assert np.abs(run(image[0].numpy()) - wanted).max() < 1e-4


def test_what_is_not_exact_is_not_exported(integer: IntegerDecompressor) -> None:
    first = replace(integer.layers[0], weight=integer.layers[0].weight * EXACT)
    with pytest.raises(ValueError, match="layer 0"):
        decompressor_onnx(replace(integer, layers=[first, *integer.layers[1:]]))
