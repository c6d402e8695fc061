"""On which devices bfloat16 is faster than float32."""

from collections.abc import Mapping
from typing import Any

import torch


def has_fast_bfloat16(device: torch.device) -> bool:
    """Return whether convolutions in bfloat16 are faster than in float32: on accelerators, and on CPUs with AMX.

    64 px, one core with AMX: 53 ms a step of a downstream network instead of 131 (benchmarks/LOG.md, "Downstream
    networks"). CPUs without AMX convert every number, which makes them slower.
    """
    if device.type != "cpu":
        return True
    capabilities: Mapping[str, Any] = torch.cpu.get_capabilities()
    return bool(capabilities.get("amx_bf16"))
