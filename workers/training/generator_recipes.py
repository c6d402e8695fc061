"""What the operator's command trains: the networks and the recipe of one family, with all options.

The job chooses both by the images (`Family.start_training`) and builds them with the same functions.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol, final

import torch
from torch import Tensor

from contracts.generators.families import DIFFUSION, STYLEGAN2
from contracts.generators.training import NetworkSize
from models.adversarial.gan_training import AdversarialTraining
from models.adversarial.training import AdversarialOptions
from models.generators.diffusion.training import DiffusionTrainingOptions
from models.generators.training import GeneratorTraining
from workers.families import diffusion_training, stylegan2_training
from workers.families.family import TrainingImages
from workers.families.stylegan2_training import Sizes
from workers.training.images.survey import check_px
from workers.training.training_options import InputError

Facts = dict[str, Any]


class Recipe(Protocol):
    """One family's part of the command."""

    @property
    def family(self) -> str:
        """The family's name."""

    @property
    def size_factor(self) -> int:
        """The number that divides both sides of the images."""

    @property
    def fixed(self) -> Mapping[str, str]:
        """The options, beside the sizes of the networks, that a checkpoint fixes; by name."""

    @property
    def advises_augmentation(self) -> bool:
        """Whether a small folder should be augmented, and is not."""

    def image_channels(self, generator: Mapping[str, Tensor]) -> int:
        """Return the channels (1: grey) of a generator of the family from its weights."""

    def start(self, images: TrainingImages, device: torch.device) -> GeneratorTraining:
        """Build new networks, with weights from torch's global generator. Raises `InputError` for a wrong size."""

    def facts(self, training: GeneratorTraining) -> Facts:
        """Return what a line of the log says beside losses and distances."""


@final
@dataclass(frozen=True, kw_only=True)
class StyleGan2Recipe:
    """Implements `Recipe`."""

    sizes: Sizes
    options: AdversarialOptions

    family = STYLEGAN2.name

    @property
    def size_factor(self) -> int:
        return self.sizes.factor

    @property
    def fixed(self) -> Mapping[str, str]:
        # An offset of all logits is free with r3gan, not with the other loss.
        return {"loss": self.options.loss}

    @property
    def advises_augmentation(self) -> bool:
        return self.options.augmentation_target is None

    def image_channels(self, generator: Mapping[str, Tensor]) -> int:
        return len(next(bias for name, bias in generator.items() if name.endswith("to_rgb.bias")))

    def start(self, images: TrainingImages, device: torch.device) -> GeneratorTraining:
        height, width = images.image_px
        factor, halvings = self.sizes.factor, len(self.sizes.channels) - 1
        if height % factor or width % factor:
            raise InputError(
                f"expected sizes that halve {halvings} times, got {height}x{width} px (height x width);"
                f" pass a --px of multiples of {factor}, or --channels one number per resolution (64 px: five)"
            )
        return stylegan2_training.build_training(self.sizes, self.options, images, device)

    def facts(self, training: GeneratorTraining) -> Facts:
        assert isinstance(training, AdversarialTraining)
        return {"options": asdict(self.options), "augmentation": training.state.augmentation}


@final
@dataclass(frozen=True, kw_only=True)
class DiffusionRecipe:
    """Implements `Recipe`."""

    size: NetworkSize | None
    options: DiffusionTrainingOptions

    family = DIFFUSION.name
    size_factor = diffusion_training.SIZE_FACTOR
    advises_augmentation = False

    @property
    def fixed(self) -> Mapping[str, str]:
        return {}

    def image_channels(self, generator: Mapping[str, Tensor]) -> int:
        return generator["unet.conv_in.weight"].shape[1]

    def start(self, images: TrainingImages, device: torch.device) -> GeneratorTraining:
        check_px(images.image_px, self.size_factor)
        try:
            return diffusion_training.build_training(self.size, self.options, images, device)
        except ValueError as error:
            raise InputError(f"{error} (--px)") from error

    def facts(self, training: GeneratorTraining) -> Facts:
        return {"options": asdict(self.options)}
