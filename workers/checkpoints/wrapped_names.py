"""The wrappers, keys and prefixes that other programs put around a network's tensors, in words."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from workers.checkpoints.checkpoint import CheckpointRefused
from workers.checkpoints.files.tensors import StoredTensor

State = Mapping[str, StoredTensor]

WRAPPERS = frozenset({"module", "_orig_mod", "_forward_module", "_fsdp_wrapped_module"})
"""The parts that DataParallel, torch.compile, Lightning and FSDP add to names. No StyleGAN2 uses them itself."""

AVERAGED = frozenset({"ema", "avg", "averaged", "average"})
GENERATOR = frozenset({"g", "gs", "gen", "generator", "netg", "stylegan", "stylegan2", "decoder"})
DISCRIMINATOR = frozenset({"d", "disc", "discriminator", "netd", "critic"})
NEUTRAL = frozenset(
    {"state", "dict", "model", "models", "net", "nets", "network", "networks", "weights", "params"}
    | {"module", "orig", "mod", "checkpoint", "ckpt", "online"}
)
TRAINING = (GENERATOR | {"params", "online"}) - {"decoder"}
"""Words for a generator in training, which programs usually save beside an averaged one."""

BOOKKEEPING = frozenset({"n_averaged", "num_updates", "decay", "initted", "step"})
"""Counters that EMA wrappers keep beside the network's tensors."""

MAX_NAME = 200
"""Characters of a tensor's name; the longest in published files has 60."""


def words_in(component: str) -> frozenset[str]:
    """Return the words of a key or of one part of a prefix: `netG_ema` has netg and ema."""
    return frozenset(re.split(r"[_\-\s]+", component.lower())) - {""}


def words_of_path(path: Iterable[str]) -> frozenset[str]:
    """Return the words of all parts of a path."""
    return frozenset(word for part in path for word in words_in(part))


def format_path(path: Iterable[str]) -> str:
    """Return a path for a message, with the keys and prefixes of the file."""
    return " > ".join(repr(part[:40]) for part in path) or "no key or prefix"


def without_wrappers(name: str) -> str:
    """Return a tensor's name without the parts that wrappers add."""
    return ".".join(part for part in name.split(".") if part not in WRAPPERS)


def unwrap(values: Mapping[Any, Any]) -> dict[str, StoredTensor]:
    """Return the tensors of a dictionary under names without wrappers.

    Raises:
        CheckpointRefused: two tensors then have the same name, or a name is too long.
    """
    state: dict[str, StoredTensor] = {}
    for name, tensor in values.items():
        if not isinstance(name, str) or not isinstance(tensor, StoredTensor):
            continue
        check_length(name)
        unwrapped = without_wrappers(name)
        if unwrapped in state:
            raise CheckpointRefused(
                f"it holds the tensor {unwrapped!r} twice, once as {name!r}",
                "Save one of the two networks: torch.save({'g_ema': net.state_dict()}, path).",
            )
        state[unwrapped] = tensor
    return state


def check_length(name: str) -> None:
    """Refuse a tensor's name that is too long."""
    if len(name) > MAX_NAME:
        raise CheckpointRefused(
            f"expected tensor names of at most {MAX_NAME} characters, got {len(name)} ({name[:40]!r})"
        )
