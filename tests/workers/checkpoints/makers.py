"""Checkpoints as users save them: one small generator under the wrappers, keys and prefixes of other programs."""

from pathlib import Path

import torch
from torch import Tensor

FIXTURES = Path(__file__).parents[2] / "fixtures" / "checkpoints"

State = dict[str, Tensor]


def rosinality() -> tuple[State, Tensor]:
    """Return the tensors of a 32 px generator under rosinality's names, and its mean w."""
    top = torch.load(FIXTURES / "rosinality-32.pt", weights_only=True)
    return dict(top["g_ema"]), top["latent_avg"]


def prefixed(state: State, prefix: str) -> State:
    """Return the tensors with a prefix before every name."""
    return {prefix + name: tensor for name, tensor in state.items()}


def other(state: State) -> State:
    """Return a generator of the same shapes with other weights, such as the one in training beside an averaged one."""
    return {
        name: tensor * 0.5 if name.endswith("weight") else tensor for name, tensor in state.items()
    }


def save(top: object, path: Path) -> Path:
    """Save the object with torch."""
    torch.save(top, path)
    return path
