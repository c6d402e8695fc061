"""The network and the recipe of a diffusion model's training, chosen for the size of the images."""

import torch

from contracts.generators.training import NetworkSize
from models.generators.diffusion.default_config import default_config
from models.generators.diffusion.training import DiffusionTraining, DiffusionTrainingOptions
from workers.families.family import TrainingImages

BATCH = 16
SIZE_FACTOR = 8  # three halvings, see `default_config`
DEFAULTS = DiffusionTrainingOptions(bfloat16=True)


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
