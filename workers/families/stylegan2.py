"""The StyleGAN2 family: checkpoints of published formats, W+ codes, inversion by an encoder and optimisation."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor

from contracts.fits.options import InversionOptions
from contracts.generators.families import STYLEGAN2, StyleGan2Facts
from contracts.generators.generator import StoredGenerator, Weights
from contracts.generators.import_options import ImportOptions
from contracts.generators.inverters import InverterOptions
from contracts.generators.training import TrainingOptions
from models.generators.stylegan2.config import GeneratorConfig
from models.generators.stylegan2.discriminator import Discriminator, build_discriminator
from models.generators.stylegan2.generator import Generator, build_generator
from models.generators.stylegan2.inversion import refinement
from models.generators.stylegan2.inversion.discriminator_distance import DiscriminatorDistance
from models.generators.stylegan2.inversion.encoder import build_encoder
from models.generators.stylegan2.inversion.encoder_training import EncoderTrainingOptions
from models.generators.stylegan2.inversion.invert import Tools
from models.generators.stylegan2.inversion.inverter import StyleGan2Inverter
from models.generators.stylegan2.inversion.training import train_encoder
from models.generators.training import BuiltNetwork
from models.inversion.perceptual import PerceptualDistance
from workers.checkpoints.checkpoint import Checkpoint
from workers.checkpoints.stylegan2.reading import read_checkpoint
from workers.families import stylegan2_training
from workers.families.family import (
    Description,
    InverterTraining,
    StartedTraining,
    TrainingImages,
)
from workers.runtime.loading import NetworkLoader

MICRO_BATCH = 16


@final
class StyleGan2:
    """Implements `workers/families/family.py`."""

    contract = STYLEGAN2

    def read_checkpoint(self, path: Path, options: ImportOptions) -> Checkpoint:
        return read_checkpoint(path)

    def build(self, checkpoint: Checkpoint) -> Iterator[BuiltNetwork]:
        weights = checkpoint.generator
        generator = build_generator(weights.config, weights.tensors)
        yield BuiltNetwork("generator", generator, weights.config)
        if checkpoint.discriminator is not None:
            weights = checkpoint.discriminator
            discriminator = build_discriminator(weights.config, weights.tensors)
            yield BuiltNetwork("discriminator", discriminator, weights.config)
        if checkpoint.inverter is not None:
            weights = checkpoint.inverter
            yield BuiltNetwork(
                "inverter", build_encoder(weights.config, weights.tensors), weights.config
            )

    def describe(self, config: Mapping[str, Any]) -> Description:
        read = GeneratorConfig.from_dict(dict(config))
        facts = StyleGan2Facts(z_dim=read.z_dim, w_dim=read.w_dim, num_ws=read.num_ws)
        return Description(f"{STYLEGAN2.name}-{read.architecture}", read.layout, facts)

    def build_generator(
        self,
        config: dict[str, Any],
        tensors: dict[str, Tensor],
        precision: torch.dtype = torch.float32,
    ) -> Generator:
        return build_generator(config, tensors).lower_precision(precision)

    def open_distance(
        self, loader: NetworkLoader, generator: StoredGenerator
    ) -> PerceptualDistance | None:
        discriminator = _discriminator(loader, generator)
        return None if discriminator is None else DiscriminatorDistance(discriminator)

    def open_inverter(
        self,
        loader: NetworkLoader,
        generator: StoredGenerator,
        options: InversionOptions,
        *,
        encoder: Weights | None,
        distance: PerceptualDistance | None,
    ) -> StyleGan2Inverter:
        start = None if encoder is None else loader.load(encoder, build_encoder)
        network = loader.load(generator.weights, self.build_generator)
        return StyleGan2Inverter(Tools.of(network, start, distance), refinement_options(options))

    def size_factor(self, longer_px: int) -> int:
        return stylegan2_training.size_factor(longer_px)

    def start_training(
        self, options: TrainingOptions, images: TrainingImages, device: torch.device
    ) -> StartedTraining:
        return stylegan2_training.start_training(options, images, device)

    def train_inverter(
        self,
        loader: NetworkLoader,
        generator: StoredGenerator,
        options: InverterOptions,
        *,
        seed: int,
        state: bytes | None,
        on_step: Callable[[InverterTraining], None],
    ) -> BuiltNetwork:
        encoder = train_encoder(
            loader.load(generator.weights, self.build_generator),
            _discriminator(loader, generator),
            training_options(options),
            seed=seed,
            state=state,
            on_step=on_step,
        )
        return BuiltNetwork("inverter", encoder, encoder.config.to_dict())


def refinement_options(options: InversionOptions) -> refinement.InversionOptions:
    """Return a request's numbers as options of the models. The fit chooses the perceptual port separately."""
    numbers = options.model_dump(exclude={"perceptual", "perceptual_sha256"})
    return refinement.InversionOptions(**numbers, micro_batch=MICRO_BATCH)


def training_options(options: InverterOptions) -> EncoderTrainingOptions:
    """Return a request's numbers as options of the encoder's training."""
    return EncoderTrainingOptions(
        total_images=options.num_images, batch=options.batch, learning_rate=options.learning_rate
    )


def _discriminator(loader: NetworkLoader, generator: StoredGenerator) -> Discriminator | None:
    if generator.discriminator is None:
        return None
    return loader.load(generator.discriminator, build_discriminator)
