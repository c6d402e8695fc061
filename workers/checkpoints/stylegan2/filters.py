"""Check the low-pass filter in a checkpoint: it must be the one that our StyleGAN2 has built in."""

import torch

from models.generators.stylegan2.resampling import low_pass
from workers.checkpoints.checkpoint import CheckpointRefused
from workers.checkpoints.files.tensors import StoredTensor


def check_filter(name: str, tensor: StoredTensor) -> None:
    """Refuse any filter except [1, 3, 3, 1] in both directions. Its sum does not matter."""
    square = tensor.reshaped((4, 4))
    if square is not None:
        kernel = square.read()
        if torch.allclose(
            kernel / kernel.sum(), low_pass(1, gain=1.0, like=kernel)[0, 0], atol=1e-5
        ):
            return
    raise CheckpointRefused(
        f"expected StyleGAN2's [1, 3, 3, 1] in its filter {name!r}, got another"
    )
