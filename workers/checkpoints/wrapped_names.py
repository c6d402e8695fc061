"""The names around a network in people's files: wrappers in tensor names, keys and prefixes for generators and EMA."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from workers.checkpoints.checkpoint import CheckpointRefused
from workers.checkpoints.files.tensors import StoredTensor

State = Mapping[str, StoredTensor]

WRAPPERS = frozenset({"module", "_orig_mod", "_forward_module", "_fsdp_wrapped_module"})
"""Parts that DataParallel, torch.compile, Lightning and FSDP add to names. No name of a StyleGAN2 has such a part."""

AVERAGED = frozenset({"ema", "avg", "averaged", "average"})
GENERATOR = frozenset({"g", "gs", "gen", "generator", "netg", "stylegan", "stylegan2", "decoder"})
DISCRIMINATOR = frozenset({"d", "disc", "discriminator", "netd", "critic"})
NEUTRAL = frozenset(
    {"state", "dict", "model", "models", "net", "nets", "network", "networks", "weights", "params"}
    | {"module", "orig", "mod", "checkpoint", "ckpt", "online"}
)
TRAINED = (GENERATOR | {"params", "online"}) - {"decoder"}
"""Words for a generator that usually has an averaged one beside it."""

BOOKKEEPING = frozenset({"n_averaged", "num_updates", "decay", "initted", "step"})
"""Counters that EMA wrappers store beside the network's tensors."""

MAX_NAME = 200
"""Characters of a tensor's name; the longest of published files has 60."""


def words(component: str) -> frozenset[str]:
    """Return the words of a key or of one part of a prefix: `netG_ema` has netg and ema."""
    return frozenset(re.split(r"[_\-\s]+", component.lower())) - {""}


def words_of(path: Iterable[str]) -> frozenset[str]:
    """Return the words of all parts of a path."""
    return frozenset(word for part in path for word in words(part))


def shown(path: Iterable[str]) -> str:
    """Return a path for a message: keys and prefixes as in the file."""
    return " > ".join(repr(part[:40]) for part in path) or "no key or prefix"


def bare_name(name: str) -> str:
    """Return a tensor's name without the parts that wrappers add."""
    return ".".join(part for part in name.split(".") if part not in WRAPPERS)


def unwrapped(named: Mapping[Any, Any]) -> dict[str, StoredTensor]:
    """Return the tensors of a dictionary, without the wrappers in their names.

    Raises:
        CheckpointRefused: two tensors then have the same name, or a name is too long.
    """
    state: dict[str, StoredTensor] = {}
    for name, tensor in named.items():
        if not isinstance(name, str) or not isinstance(tensor, StoredTensor):
            continue
        if len(name) > MAX_NAME:
            raise CheckpointRefused(f"a tensor's name has {len(name)} characters ({name[:40]!r})")
        bare = bare_name(name)
        if bare in state:
            raise CheckpointRefused(
                f"it holds the tensor {bare!r} twice, once as {name!r}",
                "Save one of the two networks: torch.save({'g_ema': net.state_dict()}, path).",
            )
        state[bare] = tensor
    return state
