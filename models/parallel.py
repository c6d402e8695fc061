"""Data-parallel training: averages over the processes of a torch process group, each with its share of the batch.

Without an initialized process group every function returns its input unchanged.
"""

import torch
from jaxtyping import Float
from torch import Tensor, distributed, nn


def num_processes() -> int:
    """Return the number of processes that train together, 1 without a process group."""
    return distributed.get_world_size() if _is_distributed() else 1


def average_gradients(network: nn.Module) -> None:
    """Replace every gradient by its mean over all processes, in place.

    All processes must hold gradients for the same parameters.
    """
    if not _is_distributed():
        return
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    # One message for all gradients instead of one per parameter.
    flat = average(torch.cat([gradient.flatten() for gradient in gradients]))
    parts = flat.split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        # back into the tensors that the optimizer reads
        gradient.copy_(part.view_as(gradient))


def average(values: Float[Tensor, " count"]) -> Float[Tensor, " count"]:
    """Return the mean of `values` over all processes; changes `values` in place."""
    if _is_distributed():
        distributed.all_reduce(values)  # the sum
        values /= num_processes()
    return values


def _is_distributed() -> bool:
    return distributed.is_available() and distributed.is_initialized()
