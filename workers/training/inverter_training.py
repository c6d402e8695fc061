"""Trains the inversion encoder of a folder's generator, resumable (`python -m workers.training.train_inverter`).

The encoder learns from the generator's samples. Reads `generator` and, if it exists, `discriminator`; writes `inverter`
(safetensors + JSON) and `inverter_log.jsonl` beside them.
"""

import json
import time
from dataclasses import asdict
from pathlib import Path

import torch

from models.generators.stylegan2.discriminator import Discriminator, build_discriminator
from models.generators.stylegan2.generator import build_generator
from models.generators.stylegan2.inversion.encoder_training import EncoderTrainingOptions
from models.generators.stylegan2.inversion.training import EncoderTraining, train_encoder
from models.serialization import unpack
from workers.checkpoints.diffusion.handsoff import MARKER
from workers.runtime.weights import read_network, write_network
from workers.training.training_options import InputError
from workers.training.training_progress import TrainingProgress, print_line

CHECKPOINT = "inverter_checkpoint.safetensors"
NUM_REPORTS = 20


def train(
    folder: Path,
    options: EncoderTrainingOptions,
    *,
    seed: int,
    device: torch.device,
    half: bool = False,
) -> None:
    """Train to the end. Resume from the folder's checkpoint if it exists.

    `half` writes the weights as float16, which halves the file. A loaded encoder is float32 again.
    """
    if not (folder / "generator.json").exists():
        raise InputError(
            f"expected generator.json in {folder}; name the folder that train_generator wrote, or a converted"
            " checkpoint"
        )
    config, tensors = read_network(folder, "generator")
    if MARKER in config:
        raise InputError(
            f"expected a StyleGAN2 in {folder}, got a diffusion model, which needs no inverter; upload it as it is"
        )
    generator = build_generator(config, tensors).to(device)
    checkpoint = folder / CHECKPOINT
    state = checkpoint.read_bytes() if checkpoint.exists() else None
    images_seen = 0 if state is None else int(unpack(state)["images_seen"])
    print_line(
        f"training on {device}: the generator in {folder}, from {images_seen:,} to {options.total_images:,} samples"
        f" seen; the state is saved there {NUM_REPORTS} times. Ctrl+C stops; the same command resumes from the last"
        " saved state"
    )
    with TrainingProgress(options.total_images, images_seen) as progress:
        encoder = train_encoder(
            generator,
            _discriminator(folder, device),
            options,
            seed=seed,
            state=state,
            on_step=_Reporter(folder, progress),
        )
    written = encoder.half() if half else encoder
    write_network(folder, "inverter", written, encoder.config.to_dict())


def _discriminator(folder: Path, device: torch.device) -> Discriminator | None:
    if not (folder / "discriminator.json").exists():
        return None
    return build_discriminator(*read_network(folder, "discriminator")).to(device)


class _Reporter:
    """Writes the log and the checkpoint `NUM_REPORTS` times per training."""

    def __init__(self, folder: Path, progress: TrainingProgress) -> None:
        self.folder = folder
        self.progress = progress
        self.began = time.monotonic()
        self.num_images = 0

    def __call__(self, training: EncoderTraining) -> None:
        self.num_images += training.options.batch
        self.progress.step(training.images_seen, training.losses)
        every = max(training.total_images // NUM_REPORTS, training.options.batch)
        is_due = training.images_seen % every < training.options.batch
        if is_due or training.images_seen >= training.total_images:
            self._write(training)

    def _write(self, training: EncoderTraining) -> None:
        partial = self.folder / f"{CHECKPOINT}.partial"
        partial.write_bytes(training.to_bytes())
        partial.replace(self.folder / CHECKPOINT)
        speed = self.num_images / (time.monotonic() - self.began)
        row = {"images_seen": training.images_seen, **training.losses, "images_per_second": speed}
        line = json.dumps(row | {"options": asdict(training.options)})
        with (self.folder / "inverter_log.jsonl").open("a") as log:
            log.write(line + "\n")
        print_line(line)
