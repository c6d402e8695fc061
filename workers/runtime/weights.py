"""Networks in folders: NAME.safetensors beside NAME.json, the pair that `models.serialization` writes."""

import json
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor, nn

from models.serialization import pack_config, packable, unpack
from workers.runtime.values import BAD_VALUES_REMEDY, first_flaw


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
