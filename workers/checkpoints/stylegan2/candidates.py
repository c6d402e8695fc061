"""Finds the generator and the discriminator in a loaded file, under the keys and prefixes that people use.

An averaged network (EMA) is preferred to the one in training. If several could be meant, or the key is unknown,
the file is refused: a wrong guess would give a generator with other images than its owner's.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from workers.checkpoints.checkpoint import CheckpointRefused
from workers.checkpoints.files.tensors import StoredTensor
from workers.checkpoints.foreign import TENSORS, refuse_named
from workers.checkpoints.stylegan2.nvidia_modules import Module
from workers.checkpoints.wrapped_names import (
    AVERAGED,
    BOOKKEEPING,
    DISCRIMINATOR,
    GENERATOR,
    NEUTRAL,
    TRAINED,
    State,
    shown,
    unwrapped,
    words,
    words_of,
)

GENERATOR_MARKS = ("conv1.conv.modulation.weight", "input.input", "synthesis.b4.const")
DISCRIMINATOR_MARKS = ("final_conv.0.weight", "b4.fc.weight")
"""Tensors that every network of a format has; the part of a name before them is the prefix."""

MEANS = ("latent_avg", "dlatent_avg", "mean_latent")

MAX_DEPTH = 4
MAX_DICTIONARIES = 10_000
MAX_NAMES = 200_000
"""Tensor names in all dictionaries together. A training checkpoint with its optimizers has about 2,000."""

MEND = "Save the network alone: torch.save({'g_ema': g_ema.state_dict()}, path)."


@dataclass(frozen=True, eq=False)
class Candidate:
    """A network and the keys and prefixes that it lies under. `mean_w` is the file's latent_avg, where it has one."""

    path: tuple[str, ...]
    network: Module | State
    mean_w: StoredTensor | None = None

    @property
    def is_averaged(self) -> bool:
        """Whether its path says so."""
        return bool(words_of(self.path) & AVERAGED)

    @property
    def is_trained(self) -> bool:
        """Whether its path says that it is the one in training."""
        return not self.is_averaged and bool(words_of(self.path) & TRAINED)


@dataclass
class Candidates:
    """Everything that is a generator, or a discriminator, by its tensors or by its key."""

    generators: list[Candidate] = field(default_factory=list)
    discriminators: list[Candidate] = field(default_factory=list)
    by_key: list[Candidate] = field(default_factory=list)

    def generator(self) -> Candidate:
        """The one that is meant.

        Raises:
            CheckpointRefused: there is none, several could be meant, or only one under a key that says nothing known.
        """
        allowed = AVERAGED | GENERATOR | NEUTRAL
        named = [one for one in self.generators if words_of(one.path) <= allowed]
        averaged = [one for one in named if one.is_averaged]
        meant = averaged or named or self.by_key
        if len(meant) > 1:
            raise CheckpointRefused(
                f"it holds {len(meant)} generators, under {shown(meant[0].path)} and {shown(meant[1].path)};"
                " expected one, or one that is averaged",
                MEND,
            )
        if not meant and self.generators:
            raise CheckpointRefused(
                f"its generator is under {shown(self.generators[0].path)}; expected no prefix, or one such as g_ema,"
                " ema, generator, model, state_dict, module",
                MEND,
            )
        if not meant:
            raise CheckpointRefused("it has no generator")
        return meant[0]

    def discriminator(self) -> Candidate | None:
        """The only one under a key for discriminators; None where there is none, or more than one."""
        allowed = DISCRIMINATOR | NEUTRAL
        meant = [one for one in self.discriminators if one.path and words_of(one.path) <= allowed]
        return meant[0] if len(meant) == 1 else None


def candidates_in(top: Mapping[Any, Any]) -> Candidates:
    """Every network below `top`."""
    found = Candidates()
    num_names = 0
    for path, value, parents in _below(top):
        if isinstance(value, Module):
            _add_module(found, path, value)
            continue
        num_names += len(value)
        if num_names > MAX_NAMES:
            raise CheckpointRefused(f"its dictionaries hold more than {MAX_NAMES} names")
        _add_states(found, path, unwrapped(value), parents)
    return found


Below = tuple[tuple[str, ...], Any, tuple[Mapping[Any, Any], ...]]


def _below(top: Mapping[Any, Any]) -> Iterator[Below]:
    """Every dictionary and module, with its keys and the dictionaries around it; the outer ones first."""
    waiting: list[Below] = [((), top, ())]
    for count, (path, value, parents) in enumerate(waiting):  # which grows meanwhile
        yield path, value, parents
        if isinstance(value, Module) or len(path) >= MAX_DEPTH:
            continue
        for key, inner in value.items():
            if isinstance(key, str) and (type(inner) is dict or isinstance(inner, Module)):
                waiting.append(((*path, key), inner, (*parents, value)))
        if len(waiting) > MAX_DICTIONARIES or count > MAX_DICTIONARIES:
            raise CheckpointRefused(f"it holds more than {MAX_DICTIONARIES} dictionaries")


def _add_module(found: Candidates, path: tuple[str, ...], module: Module) -> None:
    key = words_of(path)
    if key & DISCRIMINATOR and not key & (AVERAGED | GENERATOR):
        found.discriminators.append(Candidate(path, module))
    elif key & (AVERAGED | GENERATOR) or any(name == "synthesis" for name, _ in module.children()):
        found.generators.append(Candidate(path, module))


def _add_states(
    found: Candidates,
    path: tuple[str, ...],
    state: dict[str, StoredTensor],
    parents: tuple[Mapping[Any, Any], ...],
) -> None:
    """The networks among the tensors of one dictionary, told apart by their prefixes."""
    refuse_named(state, TENSORS)
    generators = _prefixes(state, GENERATOR_MARKS)
    discriminators = _prefixes(state, DISCRIMINATOR_MARKS)
    prefixes = generators | discriminators
    for prefix in sorted(generators):
        own = _under(prefix, state, prefixes)
        mean_w = next((own.pop(name) for name in MEANS if name in own), None)
        outer = (state, *reversed(parents))
        mean_w = mean_w or next((t for named in outer if (t := _mean_in(named))), None)
        found.generators.append(Candidate((*path, *_parts(prefix)), own, mean_w))
    for prefix in sorted(discriminators):
        own = _under(prefix, state, prefixes)
        found.discriminators.append(Candidate((*path, *_parts(prefix)), own))
    if state and path and not prefixes:  # the key alone says what it should be
        key = words(path[-1])
        if key & DISCRIMINATOR and key <= DISCRIMINATOR | NEUTRAL:
            found.discriminators.append(Candidate(path, state))
        elif key & (AVERAGED | GENERATOR) and key <= AVERAGED | GENERATOR | NEUTRAL:
            found.by_key.append(Candidate(path, state))


def _prefixes(state: State, marks: tuple[str, ...]) -> set[str]:
    return {
        name.removesuffix(mark)
        for mark in marks
        for name in state
        if name == mark or name.endswith(f".{mark}")
    }


def _under(prefix: str, state: State, prefixes: set[str]) -> dict[str, StoredTensor]:
    """The tensors under a prefix and under no longer one, the prefix taken off."""
    longer = tuple(one for one in prefixes if one != prefix and one.startswith(prefix))
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in state.items()
        if name.startswith(prefix) and not (longer and name.startswith(longer))
        if name.removeprefix(prefix) not in BOOKKEEPING
    }


def _parts(prefix: str) -> tuple[str, ...]:
    return tuple(prefix.removesuffix(".").split(".")) if prefix else ()


def _mean_in(named: Mapping[Any, Any]) -> StoredTensor | None:
    values = (named.get(name) for name in MEANS)
    return next((value for value in values if isinstance(value, StoredTensor)), None)
