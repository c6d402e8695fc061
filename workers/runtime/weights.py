"""Networks in folders: NAME.safetensors beside NAME.json, the pair that `models.serialization` writes.

Weights are checked before they are stored: they are finite and not absurdly large.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from models.serialization import pack_config, packable, unpack

MAX_MAGNITUDE = 1e6
"""The largest weight of seven published networks and four of ours is 472. It is in a mapping network, whose layers are
stored 100 times too large by design. Weights 2,000 times larger than that make infinite or constant images."""

BAD_VALUES_REMEDY = "Use a snapshot from before the training diverged, or download the file again."


def write_network(folder: Path, name: str, network: nn.Module, config: dict[str, Any]) -> None:
    """Write the pair. An existing pair is replaced.

    Raises:
        ValueError: a weight is not finite, or absurdly large.
    """
    flaw = first_flaw(network.state_dict())
    if flaw is not None:
        raise ValueError(f"expected a {name} with finite weights, but {flaw}. {BAD_VALUES_REMEDY}")
    folder.mkdir(parents=True, exist_ok=True)
    # The bytes of `pack_network`, which would hold two copies of the weights in memory.
    safetensors.torch.save_file(packable(network.state_dict()), folder / f"{name}.safetensors")
    (folder / f"{name}.json").write_bytes(pack_config(config))


def read_network(folder: Path, name: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return (config, tensors) for the network's `build_...` function.

    Raises:
        FileNotFoundError: one of the two files is missing.
    """
    config = json.loads((folder / f"{name}.json").read_bytes())
    return config, unpack((folder / f"{name}.safetensors").read_bytes())


def flaw_of(numbers: Tensor) -> str | None:
    """Return the flaw of one tensor's numbers as the end of a sentence, or None.

    Examples: "holds nan (3 of 512 numbers are not finite)", "holds 3e+08; expected at most 1e+06".
    """
    if not numbers.numel():
        return None
    least, most = (float(extreme) for extreme in numbers.float().aminmax())
    if -MAX_MAGNITUDE <= least <= most <= MAX_MAGNITUDE:
        return None
    finite = torch.isfinite(numbers)
    if not bool(finite.all()):
        first = float(numbers[~finite][0])
        count = int((~finite).sum())
        return f"holds {first} ({count} of {numbers.numel()} numbers are not finite)"
    largest = least if -least > most else most
    return f"holds {largest:.3g}; expected weights of at most {MAX_MAGNITUDE:.0e}"


def first_flaw(tensors: Mapping[str, Tensor]) -> str | None:
    """Return the first flawed tensor and its flaw as a sentence without the full stop, or None."""
    for name, numbers in tensors.items():
        flaw = flaw_of(numbers)
        if flaw is not None:
            return f"the tensor {name[:80]!r} {flaw}"
    return None
