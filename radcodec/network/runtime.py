"""OpenVINO on the CPU, always in float32.

The CPU plugin's default precision is bfloat16 where the processor has it, which would
change decoded pixels; so the precision is set, never left to the default.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from radcodec.network.bundle import Bundle

_PROPERTIES = {
    "INFERENCE_PRECISION_HINT": "f32",
    "PERFORMANCE_HINT": "LATENCY",
}


def compile_bundle(
    bundle: Bundle, threads: int | None = None
) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Compile a bundle's IR for the CPU.

    Parameters
    ----------
    bundle : Bundle
        With ``model.xml`` and ``model.bin``.
    threads : int or None
        Threads of one inference; OpenVINO's choice when None.

    Returns
    -------
    callable
        Maps float32 (channels, rows, columns) to float32 (outputs, rows', columns').
    """
    core = ov.Core()
    model = core.read_model(bundle.read("model.xml"), bundle.read("model.bin"))
    properties: dict[str, object] = dict(_PROPERTIES)
    if threads is not None:
        properties["INFERENCE_NUM_THREADS"] = threads
    request = core.compile_model(model, "CPU", properties).create_infer_request()

    def run(plane: NDArray[np.float32]) -> NDArray[np.float32]:
        request.infer({0: plane[None]})
        out: NDArray[np.float32] = request.get_output_tensor(0).data[0].copy()
        return out

    return run


def describe() -> dict[str, str]:
    """Name the runtime and the CPU, for reports."""
    core = ov.Core()
    return {
        "openvino": ov.get_version(),
        "cpu": str(core.get_property("CPU", "FULL_DEVICE_NAME")),
        "capabilities": " ".join(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")),
    }
