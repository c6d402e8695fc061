"""The state of a training as bytes, from which it continues exactly. Nothing is unpickled."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.serialization import pack, unpack
from models.states import check, load_optimizer, optimizer_state, under


@dataclass(frozen=True)
class Best:
    """The best weights so far, their validation loss and their step."""

    loss: float
    step: int
    weights: dict[str, Tensor]


def pack_state(step: int, module: nn.Module, optimizer: torch.optim.Optimizer, best: Best) -> bytes:
    """Return the state as the bytes of a safetensors file."""
    tensors = {f"network.{name}": one for name, one in module.state_dict().items()}
    tensors |= {f"best.{name}": one for name, one in best.weights.items()}
    tensors |= {f"optimizer.{name}": one for name, one in optimizer_state(optimizer).items()}
    tensors["numbers"] = torch.tensor([step, best.step, best.loss], dtype=torch.float64)
    return pack(tensors)


def unpack_state(
    data: bytes, module: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[int, Best]:
    """Load a state into a network and its optimizer, and return the step and the best weights.

    Raises `StateRefused` for a state of another network, and changes nothing.
    """
    tensors = unpack(data)
    step, best_step, best_loss = tensors["numbers"].tolist()
    weights = under("network.", tensors)
    check(weights, module.state_dict())
    module.load_state_dict(weights)
    load_optimizer(optimizer, under("optimizer.", tensors))
    return int(step), Best(best_loss, int(best_step), under("best.", tensors))
