"""Checkpoints as people save them: one small generator under the wrappers, keys and prefixes of other programs."""

from pathlib import Path

import torch
from torch import Tensor

FIXTURES = Path(__file__).parents[2] / "fixtures" / "checkpoints"

State = dict[str, Tensor]


def rosinality() -> tuple[State, Tensor]:
    """The tensors of a 32 px generator by rosinality's names, and its mean w."""
    top = torch.load(FIXTURES / "rosinality-32.pt", weights_only=True)
    return dict(top["g_ema"]), top["latent_avg"]


def prefixed(state: State, prefix: str) -> State:
    """The tensors with a prefix before every name."""
    return {prefix + name: tensor for name, tensor in state.items()}


def other(state: State) -> State:
    """A generator of the same shapes and other weights: the one in training beside an averaged one."""
    return {
        name: tensor * 0.5 if name.endswith("weight") else tensor for name, tensor in state.items()
    }


def save(top: object, path: Path) -> Path:
    """The object as torch saves it."""
    torch.save(top, path)
    return path
