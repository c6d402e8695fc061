"""Where bfloat16 is fast."""

import torch

from models.precision import has_fast_bfloat16


def test_accelerators_are_fast_in_bfloat16() -> None:
    """The answer needs no such device."""
    assert has_fast_bfloat16(torch.device("cuda"))


def test_a_cpu_is_fast_in_bfloat16_if_it_has_amx() -> None:
    """Other instructions for bfloat16 are not enough."""
    has_amx = bool(torch.cpu.get_capabilities().get("amx_bf16"))
    assert has_fast_bfloat16(torch.device("cpu")) == has_amx
