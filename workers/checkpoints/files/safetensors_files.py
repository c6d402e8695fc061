"""Safetensors, read by their own library, after a look at the header: its length alone could fill the memory."""

import json

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from workers.checkpoints.checkpoint import CheckpointRefused
from workers.checkpoints.files.tensors import Storage, StoredTensor

MAX_HEADER_BYTES = 2_000_000
"""Names, shapes and our JSON; a 1024 px StyleGAN2 has 30,000. Parsed, it takes up to 30 times the bytes."""

_LENGTH_BYTES = 8


def is_one(head: bytes, num_bytes: int) -> bool:
    """Whether a file begins like a safetensors file: a length, then JSON."""
    return head[_LENGTH_BYTES : _LENGTH_BYTES + 1] == b"{" and _header_bytes(head) < num_bytes


def read(data: bytes) -> tuple[dict[str, str], dict[str, Tensor]]:
    """The metadata and the tensors of a file.

    Raises:
        CheckpointRefused: the header is too long or damaged, or a tensor is of a kind that is no weight.
    """
    if _header_bytes(data) > MAX_HEADER_BYTES:
        raise CheckpointRefused(
            f"its safetensors header has {_header_bytes(data)} bytes; expected at most {MAX_HEADER_BYTES}"
        )
    try:
        tensors = safetensors.torch.load(data)
        header = json.loads(data[_LENGTH_BYTES : _LENGTH_BYTES + _header_bytes(data)])
    except (SafetensorError, ValueError, LookupError, RecursionError) as error:
        raise CheckpointRefused(
            f"it is not readable as safetensors: {str(error)[:120]}", "Save the file again."
        ) from error
    for name, tensor in tensors.items():
        if tensor.is_complex():
            raise CheckpointRefused(f"its tensor {name[:80]!r} has complex numbers; expected real")
    return _texts(header.get("__metadata__")), tensors


def stored(tensor: Tensor) -> StoredTensor:
    """A tensor as the readers of other formats take it: a window on bytes, which are not copied."""
    flat = tensor.contiguous()
    data = flat.view(-1).view(torch.uint8).numpy().data
    storage = Storage(tensor.dtype, tensor.numel(), data)
    return StoredTensor(storage, 0, tuple(tensor.shape), flat.stride())


def _header_bytes(data: bytes) -> int:
    return int.from_bytes(data[:_LENGTH_BYTES], "little")


def _texts(metadata: object) -> dict[str, str]:
    pairs = metadata.items() if isinstance(metadata, dict) else ()
    return {name: value for name, value in pairs if isinstance(value, str)}
