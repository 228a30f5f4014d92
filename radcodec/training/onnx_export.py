"""Networks as ONNX graphs, and from there as OpenVINO IR.

The graphs are written node by node: the integer decompressor holds only convolution,
scaling by a power of two, floor, clamping and depth-to-space, and nothing that an
exporter or optimiser could fold into something inexact.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.checker
import openvino as ov
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from radcodec.training.integer import IntegerDecompressor
from radcodec.training.networks import Compressor

#: ONNX operator set; old enough for every current reader.
OPSET = 17


class _Graph:
    """Nodes and constants of a chain of operators."""

    def __init__(self, source: str) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.end = source

    def constant(self, name: str, value: NDArray[np.float32]) -> str:
        self.constants.append(numpy_helper.from_array(value.astype(np.float32), name))
        return name

    def add(self, kind: str, inputs: list[str], **attributes: Any) -> None:
        """Append an operator that takes the chain's end first."""
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(kind, [self.end, *inputs], [name], name=name, **attributes)
        )
        self.end = name

    def convolution(
        self, label: str, weight: NDArray[np.float32], bias: NDArray[np.float32], stride: int
    ) -> None:
        self.add(
            "Conv",
            [self.constant(f"{label}_weight", weight), self.constant(f"{label}_bias", bias)],
            kernel_shape=[3, 3],
            strides=[stride, stride],
            pads=[1, 1, 1, 1],
        )

    def model(self, name: str, source: str, inputs: int, outputs: int) -> onnx.ModelProto:
        """Close the graph; rows and columns stay free.  The ONNX checker must pass."""
        result = self.nodes[-1]
        result.output[0] = "output"
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info(source, TensorProto.FLOAT, ["n", inputs, "r", "c"])],
            [
                helper.make_tensor_value_info(
                    "output", TensorProto.FLOAT, ["n", outputs, None, None]
                )
            ],
            self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
        model.ir_version = 8
        onnx.checker.check_model(model, full_check=True)
        return model


def compressor_onnx(net: Compressor) -> onnx.ModelProto:
    """Write a compressor, float32, input "image" and output "output"."""
    graph = _Graph("image")
    convs = net.convolutions
    for number, conv in enumerate(convs):
        assert conv.bias is not None
        graph.convolution(
            f"conv{number}",
            conv.weight.detach().float().cpu().numpy(),
            conv.bias.detach().float().cpu().numpy(),
            int(conv.stride[0]),
        )
        linear = len(convs) - (2 if net.architecture.wide else 1)
        if number < linear:
            graph.add("Relu", [])
    return graph.model("compressor", "image", 1, net.architecture.latents)


def decompressor_onnx(net: IntegerDecompressor) -> onnx.ModelProto:
    """Write an integer decompressor, input "latent" and output "output".

    Raises
    ------
    ValueError
        If its bounds do not hold.
    """
    net.check_bounds()
    graph = _Graph("latent")
    for number, layer in enumerate(net.layers):
        rounding = np.where(layer.shift > 0, 1 << np.maximum(layer.shift - 1, 0), 0)
        graph.convolution(
            f"conv{number}",
            layer.weight.astype(np.float32),
            (layer.bias + rounding).astype(np.float32),
            1,
        )
        if not layer.last:
            shape = (1, -1, 1, 1)
            scale = np.exp2(-layer.shift.astype(np.float32)).reshape(shape)
            graph.add("Mul", [graph.constant(f"scale{number}", scale)])
            graph.add("Floor", [])
            # All channels of a layer share both limits.
            low = np.array(layer.minimum.min(), np.float32)
            top = np.array(layer.maximum.max(), np.float32)
            limits = graph.constant(f"min{number}", low), graph.constant(f"max{number}", top)
            graph.add("Clip", [*limits])
        if layer.shuffle:
            graph.add("DepthToSpace", [], blocksize=2, mode="CRD")
    return graph.model("decompressor", "latent", net.architecture.latents, 1)


def save_ir(model: onnx.ModelProto, folder: Path, *, half: bool) -> None:
    """Convert to OpenVINO IR, ``model.xml`` and ``model.bin``.

    Parameters
    ----------
    model : onnx.ModelProto
    folder : Path
        Existing folder.
    half : bool
        Keep weights as float16.  Never for a decompressor: float16 rounds whole numbers
        above 2048.
    """
    onnx_path = folder / "model.onnx"
    onnx.save(model, onnx_path)
    try:
        ov.save_model(ov.convert_model(onnx_path), folder / "model.xml", compress_to_fp16=half)
    finally:
        onnx_path.unlink()


def agreement(
    reference: Callable[[torch.Tensor], torch.Tensor], folder: Path, plane: torch.Tensor
) -> float:
    """Largest absolute difference of torch and OpenVINO on one input (n, channels, r, c)."""
    core = ov.Core()
    compiled = core.compile_model(
        core.read_model(folder / "model.xml"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    got = compiled({0: plane.numpy()})[0]
    with torch.no_grad():
        wanted = reference(plane).numpy()
    return float(np.abs(got - wanted).max())
