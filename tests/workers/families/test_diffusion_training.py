"""The batch of a diffusion model's training, and the hyperparameters that go with it."""

import pytest
import torch

from contracts.generators.training import NetworkSize
from workers.families.diffusion_training import ON_ACCELERATOR, ON_CPU, Pace, pace_for

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("px", "size", "device", "expected"),
    [
        (64, None, CPU, ON_CPU),
        (64, None, CUDA, ON_ACCELERATOR),
        (128, None, CUDA, ON_CPU),
        (128, "small", CUDA, ON_ACCELERATOR),
        (64, "large", CUDA, ON_CPU),
    ],
)
def test_small_networks_have_large_batches_on_an_accelerator(
    px: int, size: NetworkSize | None, device: torch.device, expected: Pace
) -> None:
    """With few images in a step a GPU waits; large networks fill it, and the memory too."""
    assert pace_for((px, px), size, None, device) is expected


@pytest.mark.parametrize(("batch", "like"), [(4, ON_CPU), (127, ON_CPU), (128, ON_ACCELERATOR)])
def test_a_callers_batch_has_the_rates_of_the_nearest_pace(batch: int, like: Pace) -> None:
    """The learning rate of 256 images suits none of 4."""
    pace = pace_for((64, 64), None, batch, CUDA)
    assert (pace.batch, pace.options) == (batch, like.options)
