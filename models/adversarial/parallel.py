"""Training by several processes, each on its share of the batch: what they must agree on after every backward pass.

Alone, without an initialised process group, every function gives back what it got.
"""

import torch
from jaxtyping import Float
from torch import Tensor, distributed, nn


def num_processes() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if _together() else 1


def average_gradients(network: nn.Module) -> None:
    """The mean over all processes of every gradient, in one message."""
    if not _together():
        return
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    flat = average(torch.cat([gradient.flatten() for gradient in gradients]))
    parts = flat.split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))


def average(values: Float[Tensor, " count"]) -> Float[Tensor, " count"]:
    """The mean of the same numbers over all processes."""
    if _together():
        distributed.all_reduce(values)
        values /= num_processes()
    return values


def _together() -> bool:
    return distributed.is_available() and distributed.is_initialized()
