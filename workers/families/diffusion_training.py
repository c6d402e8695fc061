"""The network and the recipe of a diffusion model's training, chosen for the size of the images."""

from dataclasses import dataclass, replace

import torch

from contracts.generators.training import NetworkSize
from models.generators.diffusion.default_config import LARGE_FROM_PX, default_config
from models.generators.diffusion.training import DiffusionTraining, DiffusionTrainingOptions
from workers.families.family import TrainingImages

SIZE_FACTOR = 8  # three halvings, see `default_config`


@dataclass(frozen=True)
class Pace:
    """The images in a step, and the hyperparameters that go with that number."""

    batch: int
    options: DiffusionTrainingOptions


ON_CPU = Pace(16, DiffusionTrainingOptions(bfloat16=True))
ON_ACCELERATOR = Pace(
    256,
    DiffusionTrainingOptions(
        learning_rate=1.5e-3, warm_up_kimg=10.0, decay_after_kimg=150.0, bfloat16=True
    ),
)
"""For small networks, whose steps leave a GPU idle with 16 images. `portraits-64-diffusion` was trained so (LOG.md)."""


def pace_for(
    image_px: tuple[int, int], size: NetworkSize | None, batch: int | None, device: torch.device
) -> Pace:
    """Return the caller's batch, or a batch for the device, with its hyperparameters.

    Large networks have the same batch on every device: a larger one was not measured.
    """
    if batch is not None:
        nearest = ON_ACCELERATOR if batch >= ON_ACCELERATOR.batch // 2 else ON_CPU
        return replace(nearest, batch=batch)
    is_small = max(image_px) < LARGE_FROM_PX if size is None else size == "small"
    return ON_ACCELERATOR if is_small and device.type != "cpu" else ON_CPU


def build_training(
    size: NetworkSize | None,
    options: DiffusionTrainingOptions,
    images: TrainingImages,
    device: torch.device,
) -> DiffusionTraining:
    """Build a new network. Without a size it is `large` from 128 px on.

    Raises:
        ValueError: the family has no network for images of this size.
    """
    large = None if size is None else size == "large"
    config = default_config(images.image_px, 1 if images.is_grey else 3, large=large)
    return DiffusionTraining(config, options, device)
