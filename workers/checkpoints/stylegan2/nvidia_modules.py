"""NVIDIA's modules as their pickles describe them: the attributes and tensors of each part, without their code.

Every such pickle has the source code of its classes, which NVIDIA's loader executes. Here it is dropped unread.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from workers.checkpoints.checkpoint import CheckpointRefused
from workers.checkpoints.files.pickles import expect_type
from workers.checkpoints.files.tensors import StoredTensor
from workers.checkpoints.foreign import CLASSES, refuse_foreign
from workers.checkpoints.wrapped_names import MAX_NAME, check_length

MAX_DEPTH = 8
MAX_MODULES = 2000
MAX_TENSORS = 20_000
"""Tensors of one network with all its parts; a 1024 px StyleGAN2 has 170."""

Plain = bool | int | float | str | None


@dataclass(frozen=True, eq=False)
class Module:
    """A torch module as its pickle describes it."""

    class_name: str
    state: Mapping[str, Any] = field(repr=False)

    def children(self) -> Iterator[tuple[str, "Module"]]:
        """Yield the name and module of each direct child."""
        for name, child in _mapping(self.state.get("_modules")).items():
            if child is not None and not isinstance(child, Module):
                raise CheckpointRefused(
                    f"expected a module as its part {str(name)[:80]!r}, got another object"
                )
            if child is not None:
                yield str(name), child

    def own_tensors(self) -> dict[str, StoredTensor]:
        """Return the module's parameters and buffers, without those of its children."""
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
        """Return an attribute that is equal in all parts whose names match `parts`; None if no part has it."""
        values = {
            _plain(part.state[name], name)
            for path, part in self.modules.items()
            if re.fullmatch(parts, path) and name in part.state
        }
        if len(values) > 1:
            raise CheckpointRefused(f"expected the same {name} in all its layers, got several")
        return values.pop() if values else None

    def number(self, name: str, parts: str) -> float | None:
        """Return an attribute as `attribute` does, and require that it is a number."""
        value = self.attribute(name, parts)
        if value is None or isinstance(value, int | float):
            return None if value is None else float(value)
        raise CheckpointRefused(f"expected a number as its {name!r}, got the text {value[:30]!r}")

    def shape(self, name: str, dimensions: int) -> tuple[int, ...]:
        """Return the shape of a tensor that the network must have, with this number of dimensions."""
        tensor = self.tensors.get(name)
        if tensor is None or len(tensor.shape) != dimensions:
            raise CheckpointRefused(
                f"it lacks the tensor {name[:80]!r} of a StyleGAN2, with {dimensions} dimensions"
            )
        return tensor.shape

    def count(self, pattern: str) -> int:
        """Return the number of tensors whose name matches."""
        return sum(re.fullmatch(pattern, name) is not None for name in self.tensors)


def make_module(meta: object) -> Module:
    """Replace `torch_utils.persistence._reconstruct_persistent_obj`. The source code in `meta` is dropped."""
    fields = _mapping(meta)
    name, state = fields.get("class_name"), fields.get("state")
    if fields.get("type") != "class" or not isinstance(name, str):
        raise CheckpointRefused("expected a class as its persistent object, got another object")
    return Module(name, _mapping(state))


def collect_network(root: object) -> Network:
    """Collect all parts and tensors of a module by dotted names. A state dictionary has only tensors.

    Raises:
        CheckpointRefused: it is too large or nested too deeply, or the class of a part belongs to another network.
    """
    if not isinstance(root, Module):
        return Network({}, _tensors(_mapping(root)))
    modules: dict[str, Module] = {}
    tensors: dict[str, StoredTensor] = {}

    def visit(prefix: str, part: Module, depth: int) -> None:
        if depth > MAX_DEPTH or len(modules) > MAX_MODULES:
            raise CheckpointRefused(
                f"expected at most {MAX_MODULES} modules, nested {MAX_DEPTH} deep, got more"
            )
        modules[prefix] = part
        if len(prefix) > MAX_NAME or len(tensors) > MAX_TENSORS:
            raise CheckpointRefused(
                f"expected at most {MAX_TENSORS} tensors and {MAX_NAME} characters per name in its modules, got more"
            )
        refuse_foreign([part.class_name], CLASSES)
        dot = f"{prefix}." if prefix else ""
        tensors.update((dot + name, tensor) for name, tensor in part.own_tensors().items())
        for name, child in part.children():
            visit(dot + name, child, depth + 1)

    visit("", root, 0)
    return Network(modules, tensors)


def _plain(value: object, name: str) -> Plain:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise CheckpointRefused(f"expected a number or a text as its {name!r}, got another object")


def _mapping(value: object) -> dict[Any, Any]:
    return {} if value is None else expect_type(dict, value)


def _tensors(values: Mapping[Any, Any]) -> dict[str, StoredTensor]:
    """Return the tensors of a dictionary. Refuse names that are too long for a message."""
    tensors = {
        str(name): value for name, value in values.items() if isinstance(value, StoredTensor)
    }
    for name in tensors:
        check_length(name)
    return tensors
