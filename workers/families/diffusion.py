"""The diffusion family: diffusers pipelines and guided-diffusion networks in pixel space; codes are images."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor

from contracts.fits.options import InversionOptions
from contracts.generators.families import DIFFUSION, DiffusionFacts
from contracts.generators.generator import StoredGenerator, Weights
from contracts.generators.import_options import ImportOptions
from contracts.generators.inverters import InverterOptions
from contracts.generators.training import TrainingOptions
from models.generators.diffusion.config import DiffusionConfig
from models.generators.diffusion.generator import DiffusionGenerator, build_generator
from models.generators.diffusion.inverter import IdentityInverter
from models.generators.training import BuiltNetwork
from models.inversion.perceptual import PerceptualDistance
from workers.checkpoints.checkpoint import Checkpoint, CheckpointRefused, Recognized
from workers.checkpoints.diffusion import guided, handsoff
from workers.checkpoints.diffusion.reading import read_checkpoint
from workers.families import diffusion_training
from workers.families.family import (
    Description,
    InverterTraining,
    StartedTraining,
    TrainingImages,
)
from workers.runtime.loading import NetworkLoader


@final
class Diffusion:
    """Implements `workers/families/family.py`."""

    contract = DIFFUSION

    def read_checkpoint(self, path: Path, options: ImportOptions) -> Checkpoint:
        readers: list[Callable[[Path], Checkpoint]] = [read_checkpoint, handsoff.read_checkpoint]
        if not path.is_dir():
            readers.append(partial(guided.read_checkpoint, options=options))
        return _first(readers, path)

    def build(self, checkpoint: Checkpoint) -> Iterator[BuiltNetwork]:
        weights = checkpoint.generator
        generator = build_generator(weights.config, weights.tensors)
        yield BuiltNetwork("generator", generator, weights.config)

    def describe(self, config: Mapping[str, Any]) -> Description:
        read = DiffusionConfig.from_dict(dict(config))
        facts = DiffusionFacts(
            num_train_timesteps=read.num_train_timesteps,
            noise_levels=read.noise_levels,
            sampling_steps=read.sampling_steps,
        )
        return Description(f"{DIFFUSION.name}-unet2d", read.layout, facts)

    def build_generator(
        self,
        config: dict[str, Any],
        tensors: dict[str, Tensor],
        precision: torch.dtype = torch.float32,
    ) -> DiffusionGenerator:
        return build_generator(config, tensors).lower_precision(precision)

    def open_distance(
        self, loader: NetworkLoader, generator: StoredGenerator
    ) -> PerceptualDistance | None:
        return None

    def open_inverter(
        self,
        loader: NetworkLoader,
        generator: StoredGenerator,
        options: InversionOptions,
        *,
        encoder: Weights | None,
        distance: PerceptualDistance | None,
    ) -> IdentityInverter:
        return IdentityInverter(loader.load(generator.weights, self.build_generator))

    def size_factor(self, longer_px: int) -> int:
        return diffusion_training.SIZE_FACTOR

    def start_training(
        self, options: TrainingOptions, images: TrainingImages, device: torch.device
    ) -> StartedTraining:
        pace = diffusion_training.pace_for(images.image_px, options.size, options.batch, device)
        training = diffusion_training.build_training(options.size, pace.options, images, device)
        return StartedTraining(training, pace.batch)

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
        raise NotImplementedError("a diffusion generator needs no inverter: its codes are images")


def _first(readers: Sequence[Callable[[Path], Checkpoint]], path: Path) -> Checkpoint:
    """Read a file with the first reader that accepts it. Raises the last refusal, or that of a reader of its format."""
    for reader in readers[:-1]:
        try:
            return reader(path)
        except Recognized:
            raise
        except CheckpointRefused:
            continue
    return readers[-1](path)
