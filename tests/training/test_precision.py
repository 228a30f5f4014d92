"""Training takes bfloat16 only where the processor has instructions for it."""

from __future__ import annotations

import pytest
import torch

from radcodec.training.precision import fast


@pytest.mark.parametrize(
    ("capabilities", "dtype"),
    [
        ({"avx2": True, "avx512_bf16": False}, torch.float32),
        ({"avx2": True, "avx512_bf16": True}, torch.bfloat16),
        ({"amx_bf16": True}, torch.bfloat16),
    ],
)
def test_precision_follows_the_processor(
    capabilities: dict[str, bool], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    layer = torch.nn.Conv2d(1, 2, 3)
    with fast("cpu"):
        assert layer(torch.zeros(1, 1, 8, 8)).dtype == dtype
