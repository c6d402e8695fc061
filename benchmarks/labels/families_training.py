"""Trainings of both generator families on portraits of 32 px, for a number of CPU seconds. Interrupted ones continue.

The state, the networks and their JSON are files in a folder; a finished training is read from it.
"""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.defaults import encoder_options
from benchmarks.segmenter.network import to_input
from benchmarks.segmenter.renderings import Renderings
from models.adversarial.training import AdversarialOptions, start, training_step
from models.arrays import Images
from models.generators.diffusion.default_config import default_config
from models.generators.diffusion.generator import DiffusionGenerator
from models.generators.diffusion.training import DiffusionTraining, DiffusionTrainingOptions
from models.generators.stylegan2.config import DiscriminatorConfig, GeneratorConfig
from models.generators.stylegan2.discriminator import Discriminator
from models.generators.stylegan2.generator import Generator
from models.generators.stylegan2.inversion.encoder import Encoder, build_encoder
from models.generators.stylegan2.inversion.training import EncoderTraining
from workers.runtime.weights import read_network, write_network

PX = 32
CPU = torch.device("cpu")
BATCH = {"stylegan2": 8, "diffusion": 16}
ENCODER_SHARE = 0.2  # of the CPU seconds of StyleGAN2
CHECKPOINT_SECONDS = 60
CHANNELS = (64, 64, 48, 24)  # at 4, 8, 16 and 32 px


class Training(Protocol):
    """A training in progress: a part of `models/generators/training.py`."""

    @property
    def images_seen(self) -> int: ...

    def step(self, reals: Images) -> dict[str, float]: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...


class StyleGan2Training:
    """Adversarial training with the default recipe, and the EMA of the built-in generator."""

    def __init__(self) -> None:
        self.options = AdversarialOptions(ema_half_life_kimg=2.5)
        config = GeneratorConfig(z_dim=128, w_dim=128, channels=CHANNELS, num_mapping_layers=4)
        self.state = start(config, DiscriminatorConfig(channels=CHANNELS), self.options, CPU)

    @property
    def images_seen(self) -> int:
        return self.state.images_seen

    def step(self, reals: Images) -> dict[str, float]:
        return training_step(self.state, reals, self.options)

    def state_dict(self) -> dict[str, Any]:
        return self.state.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.state.load_state_dict(dict(state))


def halved(pairs: Renderings) -> Renderings:
    """Return portraits at half their size: the mean of 2 x 2 pixels, and the most frequent of their 4 classes.

    Among equally frequent classes the largest index wins: glasses and hats before skin and hair.
    """
    n, height, width = pairs.masks.shape
    blocks = (n, height // 2, 2, width // 2, 2)
    means = pairs.images.reshape(*blocks, 3).astype(np.float32).mean(axis=(2, 4))
    classes = pairs.masks.reshape(blocks).transpose(0, 1, 3, 2, 4).reshape(*blocks[:2], -1, 4)
    # counts[..., i]: how many of the 4 pixels have the class of pixel i
    counts = (classes[..., :, None] == classes[..., None, :]).sum(axis=-1)
    best = (counts * 256 + classes).argmax(axis=-1)
    masks = np.take_along_axis(classes, best[..., None], axis=-1)[..., 0]
    return Renderings((means + 0.5).astype(np.uint8), masks)


def trained_diffusion(
    folder: Path, images: NDArray[np.uint8], seconds: float
) -> DiffusionGenerator:
    """Return the averaged generator after this many CPU seconds."""
    torch.manual_seed(0)
    training = DiffusionTraining(default_config((PX, PX)), DiffusionTrainingOptions(), CPU)
    train(training, "diffusion", folder, images, seconds)
    return training.average


def trained_stylegan2(
    folder: Path, images: NDArray[np.uint8], seconds: float
) -> tuple[Generator, Discriminator, Encoder]:
    """Return the averaged generator, the discriminator and an encoder after this many CPU seconds for all three."""
    torch.manual_seed(0)
    training = StyleGan2Training()
    train(training, "stylegan2", folder, images, seconds * (1 - ENCODER_SHARE))
    state = training.state
    generator = state.average.eval().requires_grad_(False)
    discriminator = state.discriminator.eval().requires_grad_(False)
    encoder = _trained_encoder(folder, generator, discriminator, seconds * ENCODER_SHARE)
    return generator, discriminator, encoder


def train(
    training: Training, name: str, folder: Path, images: NDArray[np.uint8], seconds: float
) -> None:
    """Train until the steps took this many CPU seconds, with the checkpoints of earlier runs included."""
    path = folder / f"{name}.checkpoint"
    spent = _resume(path, training)
    saved = spent
    while spent < seconds:
        began = time.process_time()
        losses = training.step(_batch(images, training.images_seen, BATCH[name]))
        spent += time.process_time() - began
        if spent - saved >= CHECKPOINT_SECONDS or spent >= seconds:
            saved = spent
            _save(path, training, spent)
            _print(name, seen=training.images_seen, cpu_seconds=spent, **losses)


def _batch(images: NDArray[np.uint8], images_seen: int, size: int) -> Tensor:
    """Return the next batch: every epoch is a permutation of the images, a function of the images seen alone."""
    epoch, position = divmod(images_seen // size, len(images) // size)
    order = np.random.default_rng([0, epoch]).permutation(len(images))
    return to_input(images[order[position * size : (position + 1) * size]])


def _save(path: Path, training: Training, spent: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    state = {
        "training": training.state_dict(),
        "rng": torch.get_rng_state(),
        "cpu_seconds": spent,
    }
    torch.save(state, unfinished)
    unfinished.replace(path)


def _resume(path: Path, training: Training) -> float:
    """Continue from the checkpoint, if there is one; return the CPU seconds of its steps."""
    if not path.exists():
        return 0.0
    state = torch.load(path, weights_only=True)
    training.load_state_dict(state["training"])
    torch.set_rng_state(state["rng"])
    return float(state["cpu_seconds"])


def _trained_encoder(
    folder: Path, generator: Generator, discriminator: Discriminator, seconds: float
) -> Encoder:
    """Return the inverter: as many images as the seconds allow, by the time of a few steps; read it if it exists."""
    if (folder / "inverter.json").exists():
        return build_encoder(*read_network(folder, "inverter"))
    trial = EncoderTraining(generator, discriminator, encoder_options(), seed=0)
    trial.step()
    began, steps = time.process_time(), 8
    for _ in range(steps):
        trial.step()
    per_image = (time.process_time() - began) / (steps * trial.options.batch)
    options = encoder_options(total_images=max(int(seconds / per_image), trial.options.batch))
    training = EncoderTraining(generator, discriminator, options, seed=0)
    while training.images_seen < training.total_images:
        training.step()
    encoder = training.encoder.eval().requires_grad_(False)
    write_network(folder, "inverter", encoder, encoder.config.to_dict())
    _print("inverter", seen=training.images_seen, **training.losses)
    return encoder


def _print(name: str, **numbers: float) -> None:
    print(json.dumps({"training": name, **numbers}), file=sys.stderr, flush=True)
