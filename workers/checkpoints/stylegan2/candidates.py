"""Find the generator and the discriminator in the top-level value of a file, under the usual keys and prefixes.

An averaged generator (EMA) is preferred to one in training. If several generators match, or the key has unknown words,
the file is refused: a wrong guess would give a generator of different images.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from workers.checkpoints.checkpoint import CheckpointRefused
from workers.checkpoints.files.tensors import StoredTensor
from workers.checkpoints.foreign import TENSORS, refuse_foreign
from workers.checkpoints.stylegan2.nvidia_modules import Module
from workers.checkpoints.wrapped_names import (
    AVERAGED,
    BOOKKEEPING,
    DISCRIMINATOR,
    GENERATOR,
    NEUTRAL,
    TRAINING,
    State,
    format_path,
    unwrap,
    words_in,
    words_of_path,
)

GENERATOR_MARKERS = ("conv1.conv.modulation.weight", "input.input", "synthesis.b4.const")
DISCRIMINATOR_MARKERS = ("final_conv.0.weight", "b4.fc.weight")
"""Tensors that every network of a format has. The text before them in a name is the prefix."""

MEAN_W_NAMES = ("latent_avg", "dlatent_avg", "mean_latent")

MAX_DEPTH = 4
MAX_DICTIONARIES = 10_000
MAX_NAMES = 200_000
"""Tensor names in all dictionaries together. A training checkpoint with its optimizers has about 2,000."""

REMEDY = "Save only the network: torch.save({'g_ema': g_ema.state_dict()}, path)."


@dataclass(frozen=True, eq=False)
class Candidate:
    """A network, and the path of keys and prefixes to it. `mean_w` is the file's latent_avg, or None."""

    path: tuple[str, ...]
    network: Module | State
    mean_w: StoredTensor | None = None

    @property
    def is_averaged(self) -> bool:
        """Whether the path names an averaged network."""
        return bool(words_of_path(self.path) & AVERAGED)

    @property
    def is_in_training(self) -> bool:
        """Whether the path names a generator in training."""
        return not self.is_averaged and bool(words_of_path(self.path) & TRAINING)


@dataclass
class Candidates:
    """All networks of a file: `generators` and `discriminators` by their tensors, `by_key` generators by their key."""

    generators: list[Candidate] = field(default_factory=list)
    discriminators: list[Candidate] = field(default_factory=list)
    by_key: list[Candidate] = field(default_factory=list)

    def generator(self) -> Candidate:
        """Return the generator to read.

        Raises:
            CheckpointRefused: there is none, several match, or the only one is under a key with unknown words.
        """
        allowed = AVERAGED | GENERATOR | NEUTRAL
        named = [one for one in self.generators if words_of_path(one.path) <= allowed]
        averaged = [one for one in named if one.is_averaged]
        matches = averaged or named or self.by_key
        if len(matches) > 1:
            raise CheckpointRefused(
                "expected one generator, or one that is averaged, got"
                f" {len(matches)} generators, under {format_path(matches[0].path)} and {format_path(matches[1].path)}",
                REMEDY,
            )
        if not matches and self.generators:
            raise CheckpointRefused(
                f"its generator is under {format_path(self.generators[0].path)}; expected no prefix, or one such as"
                " g_ema, ema, generator, model, state_dict, module",
                REMEDY,
            )
        if not matches:
            raise CheckpointRefused("it has no generator")
        return matches[0]

    def discriminator(self) -> Candidate | None:
        """Return the only network under a key for discriminators; None if there is none, or more than one."""
        allowed = DISCRIMINATOR | NEUTRAL
        matches = [
            one for one in self.discriminators if one.path and words_of_path(one.path) <= allowed
        ]
        return matches[0] if len(matches) == 1 else None


def find_candidates(top: Mapping[Any, Any]) -> Candidates:
    """Return all networks below `top`.

    Raises:
        CheckpointRefused: the file has too many dictionaries or names, or is another network.
    """
    candidates = Candidates()
    num_names = 0
    for path, value, parents in _entries(top):
        if isinstance(value, Module):
            _add_module(candidates, path, value)
            continue
        num_names += len(value)
        if num_names > MAX_NAMES:
            raise CheckpointRefused(f"its dictionaries hold more than {MAX_NAMES} names")
        _add_states(candidates, path, unwrap(value), parents)
    return candidates


Entry = tuple[tuple[str, ...], Any, tuple[Mapping[Any, Any], ...]]
"""The keys to a dictionary or module, the value itself, the dictionaries around it."""


def _entries(top: Mapping[Any, Any]) -> Iterator[Entry]:
    """Yield every dictionary and module, the outer ones first."""
    pending: list[Entry] = [((), top, ())]
    for count, (path, value, parents) in enumerate(pending):  # the list grows inside the loop
        yield path, value, parents
        if isinstance(value, Module) or len(path) >= MAX_DEPTH:
            continue
        for key, inner in value.items():
            if isinstance(key, str) and (type(inner) is dict or isinstance(inner, Module)):
                pending.append(((*path, key), inner, (*parents, value)))
        if len(pending) > MAX_DICTIONARIES or count > MAX_DICTIONARIES:
            raise CheckpointRefused(f"it holds more than {MAX_DICTIONARIES} dictionaries")


def _add_module(candidates: Candidates, path: tuple[str, ...], module: Module) -> None:
    key = words_of_path(path)
    if key & DISCRIMINATOR and not key & (AVERAGED | GENERATOR):
        candidates.discriminators.append(Candidate(path, module))
    elif key & (AVERAGED | GENERATOR) or any(name == "synthesis" for name, _ in module.children()):
        candidates.generators.append(Candidate(path, module))


def _add_states(
    candidates: Candidates,
    path: tuple[str, ...],
    state: dict[str, StoredTensor],
    parents: tuple[Mapping[Any, Any], ...],
) -> None:
    """Add the networks among the tensors of one dictionary. Prefixes separate them."""
    refuse_foreign(state, TENSORS)
    generators = _prefixes(state, GENERATOR_MARKERS)
    discriminators = _prefixes(state, DISCRIMINATOR_MARKERS)
    prefixes = generators | discriminators
    for prefix in sorted(generators):
        network = _tensors_under(prefix, state, prefixes)
        mean_w = next((network.pop(name) for name in MEAN_W_NAMES if name in network), None)
        outer = (state, *reversed(parents))
        mean_w = mean_w or next((t for values in outer if (t := _mean_w_in(values))), None)
        candidates.generators.append(Candidate((*path, *_parts(prefix)), network, mean_w))
    for prefix in sorted(discriminators):
        network = _tensors_under(prefix, state, prefixes)
        candidates.discriminators.append(Candidate((*path, *_parts(prefix)), network))
    if state and path and not prefixes:  # only the key says what the network should be
        key = words_in(path[-1])
        if key & DISCRIMINATOR and key <= DISCRIMINATOR | NEUTRAL:
            candidates.discriminators.append(Candidate(path, state))
        elif key & (AVERAGED | GENERATOR) and key <= AVERAGED | GENERATOR | NEUTRAL:
            candidates.by_key.append(Candidate(path, state))


def _prefixes(state: State, markers: tuple[str, ...]) -> set[str]:
    return {
        name.removesuffix(marker)
        for marker in markers
        for name in state
        if name == marker or name.endswith(f".{marker}")
    }


def _tensors_under(prefix: str, state: State, prefixes: set[str]) -> dict[str, StoredTensor]:
    """Return the tensors under a prefix, without it. Those under a longer prefix belong to another network."""
    longer = tuple(one for one in prefixes if one != prefix and one.startswith(prefix))
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in state.items()
        if name.startswith(prefix) and not (longer and name.startswith(longer))
        if name.removeprefix(prefix) not in BOOKKEEPING
    }


def _parts(prefix: str) -> tuple[str, ...]:
    return tuple(prefix.removesuffix(".").split(".")) if prefix else ()


def _mean_w_in(values: Mapping[Any, Any]) -> StoredTensor | None:
    means = (values.get(name) for name in MEAN_W_NAMES)
    return next((mean for mean in means if isinstance(mean, StoredTensor)), None)
