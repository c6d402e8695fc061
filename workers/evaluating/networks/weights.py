"""Reads the operator's weights of networks of other libraries. No file is unpickled with code execution."""

from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError
from torch import Tensor

from contracts.errors.jobs import InputMissing
from models.serialization import unpack

PICKLED = (".pth", ".pt", ".bin")


def read_weights(path: Path, *, setting: str) -> dict[str, Tensor]:
    """Return the tensors in a .safetensors file, or in a .pth, .pt or .bin file of tensors alone.

    `setting` is the environment variable that leads to the file.

    Raises:
        InputMissing: the file cannot be read, has another ending or holds something else.
    """
    named = f"the file {path} of {setting}"
    try:
        if path.suffix == ".safetensors":
            return unpack(path.read_bytes())
        if path.suffix in PICKLED:
            return _tensors(torch.load(path, map_location="cpu", weights_only=True))
    except OSError as error:
        raise InputMissing(
            f"Expected {named}, but it cannot be read ({error.strerror or error}). Ask the operator to mount it."
        ) from error
    except (SafetensorError, UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise InputMissing(
            f"Expected weights in {named}, but it holds something else ({_first_line(error)}). Ask the operator to"
            " mount a .safetensors file."
        ) from error
    raise InputMissing(
        f"Expected a file that ends in .safetensors or {', '.join(PICKLED)} in {setting}, got '{path.name}'."
    )


def load(network: torch.nn.Module, tensors: dict[str, Tensor], *, named: str, source: str) -> None:
    """Load weights into a network, in place. Further tensors, such as those of a classifier, are ignored.

    `named` is the network's name for people, `source` the path of the file.

    Raises:
        InputMissing: a tensor is missing, or has another shape.
    """
    # Files of older versions of torch have no counts of batches, which no prediction uses.
    names = (name for name in network.state_dict() if not name.endswith("num_batches_tracked"))
    missing = [name for name in names if name not in tensors]
    try:
        network.load_state_dict(tensors, strict=False)
    except RuntimeError as error:  # shapes
        raise InputMissing(
            f"The weights in {source} do not fit {named}: {_shapes(error)}. Ask the operator to mount those of"
            f" {named}."
        ) from error
    if missing:
        shown = ", ".join(missing[:3])
        raise InputMissing(
            f"The weights in {source} lack {len(missing)} tensors of {named}, such as {shown}. Ask the operator to"
            f" mount those of {named}, under the names of its library."
        )


def _tensors(stored: object) -> dict[str, Tensor]:
    """Return the tensors of a stored dictionary, also where it lies under `state_dict` or `model`."""
    whole = stored if isinstance(stored, dict) else {}
    inner = (whole.get(name) for name in ("state_dict", "model"))
    tensors: dict[object, object] = next((one for one in inner if isinstance(one, dict)), whole)
    if not tensors or not all(isinstance(one, Tensor) for one in tensors.values()):
        raise ValueError("expected a dictionary of tensors")
    return {str(name): one for name, one in tensors.items() if isinstance(one, Tensor)}


def _shapes(error: RuntimeError) -> str:
    """Return the first difference that torch reports, below its headline."""
    lines = [line.strip() for line in str(error).splitlines()]
    return (lines[1] if len(lines) > 1 else lines[0]).rstrip(".")[:200]


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:120]
