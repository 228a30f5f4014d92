"""The precision of the networks in training: bfloat16 where the machine computes it natively."""

from __future__ import annotations

import torch


def native_bfloat16(device: str) -> bool:
    """Tell whether a device has instructions for bfloat16.

    Without them PyTorch falls back to plain loops for convolutions, many times slower than
    float32.

    Parameters
    ----------
    device : str
        "cpu" or "cuda".
    """
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def fast(device: str) -> torch.autocast:
    """Context in which convolutions run in bfloat16 where that is faster, else in float32."""
    return torch.autocast(device, torch.bfloat16, enabled=native_bfloat16(device))
