"""NVIDIA's modules as their pickles describe them: the attributes and tensors of each part, and no line of their code.

Every such pickle carries the source of its classes, to be executed on loading. Here it is dropped unread.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from workers.checkpoints.checkpoint import CheckpointRefused
from workers.checkpoints.files.pickles import exactly
from workers.checkpoints.files.tensors import StoredTensor
from workers.checkpoints.foreign import CLASSES, refuse_named

MAX_DEPTH = 8
MAX_MODULES = 2000
MAX_TENSORS = 20_000
"""Of one network with all its parts; a 1024 px StyleGAN2 has 170."""
MAX_NAME = 200

Plain = bool | int | float | str | None


@dataclass(frozen=True, eq=False)
class Module:
    """A torch module as its pickle describes it."""

    class_name: str
    state: Mapping[str, Any] = field(repr=False)

    def children(self) -> Iterator[tuple[str, "Module"]]:
        for name, child in _mapping(self.state.get("_modules")).items():
            if child is not None and not isinstance(child, Module):
                raise CheckpointRefused(f"its part {str(name)[:80]!r} is no module")
            if child is not None:
                yield str(name), child

    def own_tensors(self) -> dict[str, StoredTensor]:
        kinds = [_mapping(self.state.get(kind)) for kind in ("_parameters", "_buffers")]
        if sum(map(len, kinds)) > MAX_TENSORS:
            raise CheckpointRefused(f"one of its modules has more than {MAX_TENSORS} tensors")
        return _tensors(kinds[0] | kinds[1])


@dataclass(frozen=True)
class Network:
    """A module and everything under it, by dotted names."""

    modules: Mapping[str, Module]
    tensors: Mapping[str, StoredTensor]

    def attribute(self, name: str, parts: str) -> Plain:
        """An attribute that all parts whose names match have alike; None where none has it."""
        values = {
            _plain(part.state[name], name)
            for path, part in self.modules.items()
            if re.fullmatch(parts, path) and name in part.state
        }
        if len(values) > 1:
            raise CheckpointRefused(f"its layers differ in {name}, which is beyond StyleGAN2")
        return values.pop() if values else None

    def number(self, name: str, parts: str) -> float | None:
        """The same of an attribute that is a number."""
        value = self.attribute(name, parts)
        if value is None or isinstance(value, int | float):
            return None if value is None else float(value)
        raise CheckpointRefused(f"its attribute {name!r} is the text {value[:30]!r}")

    def shape(self, name: str, dimensions: int) -> tuple[int, ...]:
        """Of a tensor that must be there and have so many dimensions."""
        tensor = self.tensors.get(name)
        if tensor is None or len(tensor.shape) != dimensions:
            raise CheckpointRefused(
                f"it lacks the tensor {name[:80]!r} of a StyleGAN2, of {dimensions} dimensions"
            )
        return tensor.shape

    def count(self, pattern: str) -> int:
        """How many tensors have a name that matches."""
        return sum(re.fullmatch(pattern, name) is not None for name in self.tensors)


def module(meta: object) -> Module:
    """What stands for `torch_utils.persistence._reconstruct_persistent_obj`: the source code in it is dropped."""
    described = _mapping(meta)
    name, state = described.get("class_name"), described.get("state")
    if described.get("type") != "class" or not isinstance(name, str):
        raise CheckpointRefused("it holds a persistent object that is no class")
    return Module(name, _mapping(state))


def network_of(root: object) -> Network:
    """All parts and tensors of a module by dotted names; of a bare state dictionary, its tensors.

    Raises:
        CheckpointRefused: it is another network, told by the class of one of its parts.
    """
    if not isinstance(root, Module):
        return Network({}, _tensors(_mapping(root)))
    modules: dict[str, Module] = {}
    tensors: dict[str, StoredTensor] = {}

    def visit(prefix: str, part: Module, depth: int) -> None:
        if depth > MAX_DEPTH or len(modules) > MAX_MODULES:
            raise CheckpointRefused("its modules nest deeper, or are more, than a StyleGAN2's")
        modules[prefix] = part
        if len(prefix) > MAX_NAME or len(tensors) > MAX_TENSORS:
            raise CheckpointRefused(
                f"its modules have names of over {MAX_NAME} characters, or over {MAX_TENSORS} tensors"
            )
        refuse_named([part.class_name], CLASSES)
        dot = f"{prefix}." if prefix else ""
        tensors.update((dot + name, tensor) for name, tensor in part.own_tensors().items())
        for name, child in part.children():
            visit(dot + name, child, depth + 1)

    visit("", root, 0)
    return Network(modules, tensors)


def _plain(value: object, name: str) -> Plain:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise CheckpointRefused(f"its attribute {name!r} is neither a number nor a text")


def _mapping(value: object) -> dict[Any, Any]:
    return {} if value is None else exactly(dict, value)


def _tensors(named: Mapping[Any, Any]) -> dict[str, StoredTensor]:
    """Those with a name that a message can show."""
    found = {str(name): value for name, value in named.items() if isinstance(value, StoredTensor)}
    for name in found:
        if len(name) > MAX_NAME:
            raise CheckpointRefused(f"a tensor's name has {len(name)} characters ({name[:40]!r})")
    return found
