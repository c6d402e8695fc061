"""Networks as bytes: tensors as safetensors, the configuration as JSON beside them. Nothing is unpickled."""

import json
from typing import Any

import safetensors.torch
from torch import Tensor, nn


def pack(tensors: dict[str, Tensor]) -> bytes:
    """Return tensors as the bytes of a safetensors file."""
    return safetensors.torch.save(packable(tensors))


def packable(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors that the safetensors format can hold, on the CPU."""
    # It holds contiguous tensors only; `channels_last` weights are not, and are laid out again when loaded.
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def unpack(data: bytes) -> dict[str, Tensor]:
    """Undo `pack`.

    Raises:
        safetensors.SafetensorError: the bytes are not a safetensors file.
    """
    return safetensors.torch.load(data)


def pack_network(network: nn.Module, config: dict[str, Any]) -> tuple[bytes, bytes]:
    """Return (safetensors bytes, JSON bytes), from which the network's `build_...` function restores it."""
    return pack(network.state_dict()), pack_config(config)


def pack_config(config: dict[str, Any]) -> bytes:
    """Return the JSON of a network's configuration."""
    return json.dumps(config, indent=2).encode() + b"\n"
