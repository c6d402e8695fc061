"""Networks as bytes: tensors as safetensors, the configuration as JSON beside them. Nothing is unpickled."""

import json
from typing import Any

import safetensors.torch
from torch import Tensor, nn


def pack(tensors: dict[str, Tensor]) -> bytes:
    """Return tensors as the bytes of a safetensors file."""
    # The format holds contiguous tensors only; `channels_last` weights are not, and are laid out again when loaded.
    return safetensors.torch.save({k: v.detach().cpu().contiguous() for k, v in tensors.items()})


def unpack(data: bytes) -> dict[str, Tensor]:
    """Undo `pack`.

    Raises:
        safetensors.SafetensorError: the bytes are not a safetensors file.
    """
    return safetensors.torch.load(data)


def pack_network(network: nn.Module, config: dict[str, Any]) -> tuple[bytes, bytes]:
    """Return (safetensors bytes, JSON bytes), from which the network's `build_...` function restores it."""
    return pack(network.state_dict()), json.dumps(config, indent=2).encode() + b"\n"
