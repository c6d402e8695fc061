"""The networks and the recipe of a StyleGAN2's training, chosen for the size and the number of the images."""

from dataclasses import dataclass

import torch

from contracts.generators.training import NetworkSize, TrainingOptions
from models.adversarial.gan_training import AdversarialTraining
from models.adversarial.training import AdversarialOptions
from models.generators.stylegan2.config import DiscriminatorConfig, GeneratorConfig
from workers.families.family import StartedTraining, TrainingImages

BASE_PX = 4
"""The longer side of the constant input: at least this, less than twice this."""

SMALL_CHANNELS = {4: 128, 8: 128, 16: 96, 32: 48, 64: 16}
"""Of `portraits-64`, by the longer side at that resolution; 16 beyond 64 px. Made for CPUs (LOG.md, first section)."""

LARGE_CHANNELS_BASE, LARGE_CHANNELS_MOST = 16_384, 512
"""The `channel_base` and `channel_max` of the stylegan2-ada code at 256 px: channels = base / resolution."""

SMALL_UP_TO_PX = 64
AUGMENTED_BELOW = 10_000
"""As the survey of the images advises."""

AUGMENTATION_TARGET = 0.6  # of r_t (arXiv 2006.06676, section 3)
BATCHES = {"small": 8, "large": 16}


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """The sizes of the networks. Channels are those of each resolution, smallest first; each one doubles the maps."""

    channels: tuple[int, ...]
    w_dim: int
    mapping_layers: int

    @property
    def factor(self) -> int:
        """The factor between the images and the constant input."""
        return 1 << (len(self.channels) - 1)


def size_factor(longer_px: int) -> int:
    """Return the factor between the images and the constant input."""
    factor = 1
    while longer_px // (2 * factor) >= BASE_PX:
        factor *= 2
    return factor


def start_training(
    options: TrainingOptions, images: TrainingImages, device: torch.device
) -> StartedTraining:
    """Build the networks on the device."""
    height, width = images.image_px
    longer = max(height, width)
    size = options.size or ("small" if longer <= SMALL_UP_TO_PX else "large")
    factor = size_factor(longer)
    resolutions = [longer // factor * (1 << block) for block in range(factor.bit_length())]
    channels = tuple(_channels(px, size) for px in resolutions)
    w_dim, depth = (128, 4) if size == "small" else (512, 8)
    batch = options.batch or BATCHES[size]
    augment = images.count < AUGMENTED_BELOW if options.augment is None else options.augment
    recipe = AdversarialOptions(
        r1_gamma=0.0002 * height * width / batch,  # the rule of the stylegan2-ada code
        augmentation_target=AUGMENTATION_TARGET if augment else None,
    )
    sizes = Sizes(channels=channels, w_dim=w_dim, mapping_layers=depth)
    return StartedTraining(build_training(sizes, recipe, images, device), batch)


def build_training(
    sizes: Sizes, recipe: AdversarialOptions, images: TrainingImages, device: torch.device
) -> AdversarialTraining:
    """Build new networks for images whose sides are multiples of the sizes' factor."""
    height, width = images.image_px
    base_px = (height // sizes.factor, width // sizes.factor)
    return AdversarialTraining(
        GeneratorConfig(
            z_dim=sizes.w_dim,
            w_dim=sizes.w_dim,
            channels=sizes.channels,
            base_px=base_px,
            num_mapping_layers=sizes.mapping_layers,
            image_channels=1 if images.is_grey else 3,
        ),
        DiscriminatorConfig(channels=sizes.channels, base_px=base_px),
        recipe,
        device,
    )


def _channels(px: int, size: NetworkSize) -> int:
    """Return the channels at a resolution, by its longer side."""
    power = 1 << (px.bit_length() - 1)
    if size == "small":
        return SMALL_CHANNELS.get(power, min(SMALL_CHANNELS.values()))
    return min(LARGE_CHANNELS_BASE // power, LARGE_CHANNELS_MOST)
