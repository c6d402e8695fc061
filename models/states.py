"""States of computations of minutes: tensors by name, from which another process continues to the same result.

A model reads no file: the caller passes the state to continue from, and keeps the ones that it is offered.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

State = Mapping[str, Tensor]


class StateRefused(Exception):
    """A state is not one of this computation: start without it."""


@runtime_checkable  # beartype checks it in tests
class Keep(Protocol):
    """Is called after every step. It calls `read` only if the state is due, or if it is the last one."""

    def __call__(self, read: Callable[[], State], *, is_last: bool = False) -> None: ...


@dataclass(frozen=True)
class Resumption:
    """The state that a computation continues from, None for its start, and what keeps its later states.

    With a state, the progress callback is called once before the first step, with the steps that the state has done.
    """

    state: State | None = None
    keep: Keep | None = None

    def offer(self, read: Callable[[], State], *, is_last: bool = False) -> None:
        """Offer a state to keep."""
        if self.keep is not None:
            self.keep(read, is_last=is_last)


AT_START = Resumption()


def check(state: State, expected: State) -> None:
    """Raise `StateRefused` unless the state has the names, sizes and types of the expected tensors."""
    if state.keys() != expected.keys():
        raise StateRefused(f"expected {len(expected)} tensors, got {len(state)} or other names")
    for name, tensor in expected.items():
        other = state[name]
        if (other.shape, other.dtype) != (tensor.shape, tensor.dtype):
            raise StateRefused(
                f"expected {name} as {tensor.dtype} {list(tensor.shape)}, got {other.dtype} {list(other.shape)}"
            )


def under(prefix: str, state: State) -> dict[str, Tensor]:
    """Return the tensors whose names begin with `prefix`, without it."""
    return {name[len(prefix) :]: one for name, one in state.items() if name.startswith(prefix)}


def optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the tensors of an optimizer, such as Adam's moments; empty before its first step."""
    return {
        f"{number}.{name}": tensor
        for number, values in optimizer.state_dict()["state"].items()
        for name, tensor in values.items()
    }


def load_optimizer(optimizer: torch.optim.Optimizer, state: State) -> None:
    """Undo `optimizer_state`."""
    values: dict[int, dict[str, Any]] = {}
    for name, tensor in state.items():
        number, field = name.split(".", 1)
        values.setdefault(int(number), {})[field] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": values})


def random_state(device: torch.device) -> dict[str, Tensor]:
    """Return torch's random states that a computation on a device draws from."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def load_random_state(state: State, device: torch.device) -> None:
    """Undo `random_state`."""
    torch.set_rng_state(state["cpu"].cpu())
    if device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"].cpu(), device)
