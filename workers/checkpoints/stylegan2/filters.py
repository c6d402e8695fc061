"""The low-pass filter that checkpoints carry along: it must be the one that our StyleGAN2 has built in."""

import torch

from models.generators.stylegan2.resampling import low_pass
from workers.checkpoints.checkpoint import CheckpointRefused
from workers.checkpoints.files.tensors import StoredTensor


def check_filter(name: str, tensor: StoredTensor) -> None:
    """Refuse another filter than [1, 3, 3, 1] in both directions, whatever its sum."""
    fitted = tensor.fitted((4, 4))
    if fitted is not None:
        kernel = fitted.read()
        if torch.allclose(
            kernel / kernel.sum(), low_pass(1, gain=1.0, like=kernel)[0, 0], atol=1e-5
        ):
            return
    raise CheckpointRefused(f"its filter {name!r} is not StyleGAN2's [1, 3, 3, 1]")
