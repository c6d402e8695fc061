"""Networks as bytes: tensors as safetensors, the configuration as JSON beside them. Nothing is ever unpickled."""

import json
from typing import Any

import safetensors.torch
from torch import Tensor, nn


def pack(tensors: dict[str, Tensor]) -> bytes:
    """Tensors as the bytes of a safetensors file, contiguous and on the CPU."""
    return safetensors.torch.save({k: v.detach().cpu().contiguous() for k, v in tensors.items()})


def unpack(data: bytes) -> dict[str, Tensor]:
    """Undo `pack`.

    Raises:
        safetensors.SafetensorError: the bytes are not a safetensors file.
    """
    return safetensors.torch.load(data)


def pack_network(network: nn.Module, config: dict[str, Any]) -> tuple[bytes, bytes]:
    """A network as (safetensors bytes, JSON bytes), the pair from which its `build_...` function remakes it."""
    return pack(network.state_dict()), json.dumps(config, indent=2).encode() + b"\n"
