"""Read safetensors files with their library, after a check of the header, which alone could fill the memory."""

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from workers.checkpoints.checkpoint import CheckpointRefused
from workers.checkpoints.files.json_objects import RepeatedField, read_json
from workers.checkpoints.files.tensors import Storage, StoredTensor

MAX_HEADER_BYTES = 2_000_000
"""Names, shapes and the JSON of a network; a 1024 px StyleGAN2 has 30,000. Parsing takes up to 30 times the bytes."""

_LENGTH_BYTES = 8


def is_safetensors(head: bytes, num_bytes: int) -> bool:
    """Return whether a file begins like a safetensors file: a length, then JSON."""
    return head[_LENGTH_BYTES : _LENGTH_BYTES + 1] == b"{" and _header_bytes(head) < num_bytes


def read(data: bytes) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Return the metadata and the tensors of a file.

    Raises:
        CheckpointRefused: the header is too long or damaged, or a tensor has complex numbers.
    """
    _check_header(data)
    try:
        tensors = safetensors.torch.load(data)
        header = read_json(data[_LENGTH_BYTES : _LENGTH_BYTES + _header_bytes(data)])
    except (SafetensorError, ValueError, LookupError, RecursionError) as error:
        raise CheckpointRefused(
            f"it is not readable as safetensors: {str(error)[:120]}", "Save the file again."
        ) from error
    for name, tensor in tensors.items():
        if tensor.is_complex():
            raise CheckpointRefused(
                f"expected real numbers in its tensor {name[:80]!r}, got complex ones"
            )
    return _strings(header.get("__metadata__")), tensors


def shapes(data: bytes) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor from the header alone.

    Raises:
        CheckpointRefused: the header is too long or damaged.
    """
    _check_header(data)
    try:
        header = read_json(data[_LENGTH_BYTES : _LENGTH_BYTES + _header_bytes(data)])
        tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
        return {name: tuple(entry["shape"]) for name, entry in tensors.items()}
    except RepeatedField as error:
        raise CheckpointRefused(
            f"its safetensors header {error}", "Save the file again."
        ) from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointRefused(
            "its safetensors header is not readable", "Save the file again."
        ) from error


def as_stored(tensor: Tensor) -> StoredTensor:
    """Return a tensor in the form that the readers of other formats use: a window on its bytes, without a copy."""
    flat = tensor.contiguous()
    data = flat.view(-1).view(torch.uint8).numpy().data
    storage = Storage(tensor.dtype, tensor.numel(), data)
    return StoredTensor(storage, 0, tuple(tensor.shape), flat.stride())


def _check_header(data: bytes) -> None:
    if _header_bytes(data) > MAX_HEADER_BYTES:
        raise CheckpointRefused(
            f"expected at most {MAX_HEADER_BYTES} bytes in its safetensors header, got {_header_bytes(data)}"
        )


def _header_bytes(data: bytes) -> int:
    return int.from_bytes(data[:_LENGTH_BYTES], "little")


def _strings(metadata: object) -> dict[str, str]:
    pairs = metadata.items() if isinstance(metadata, dict) else ()
    return {name: value for name, value in pairs if isinstance(value, str)}
