"""Trains a StyleGAN2 from a folder of images, resumable: `python -m workers.training.train_generator` runs it.

Every snapshot writes into the output folder: `checkpoint.pt` (the whole state, to resume), `samples-*.png`, a line of
`training_log.jsonl`, and the averaged generator and the discriminator as safetensors + JSON.
"""

import json
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.adversarial.gan_training import AdversarialTraining
from models.adversarial.training import AdversarialOptions, LossName
from models.generators.stylegan2.config import DiscriminatorConfig, GeneratorConfig
from workers.runtime.weights import read_network, write_network
from workers.training.images.reading import Fit, Reading, image_paths
from workers.training.images.sources import Batches, ImageFolder
from workers.training.images.survey import choose_px, fit_line, named, survey_folder
from workers.training.snapshots import Ruler, draw_grid, pack_state, restore, unpack_state
from workers.training.training_options import InputError
from workers.training.training_progress import TrainingProgress, print_line


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The options of the command line, except those of the losses."""

    images: Path
    out: Path
    total_images: int
    snapshot_images: int
    batch: int
    seed: int
    device: torch.device
    px: tuple[int, ...] | None = None  # (height, width) or the longer side; None: as the images are
    fit: Fit = "crop"
    start_from: Path | None = None
    rank: int = 0
    num_processes: int = 1

    def __post_init__(self) -> None:
        if self.batch % self.num_processes:
            raise InputError(
                f"expected a --batch that {self.num_processes} processes can divide, got {self.batch};"
                f" use a multiple of {self.num_processes}"
            )


def train(
    run: RunOptions,
    options: AdversarialOptions,
    channels: tuple[int, ...],
    *,
    w_dim: int,
    depth: int,
) -> None:
    """Train until `total_images` real images were seen. Resume from OUT's checkpoint if it exists."""
    folder, training = _open(run, options, channels, w_dim=w_dim, depth=depth)
    run.out.mkdir(parents=True, exist_ok=True)
    if run.rank:  # the same weights in every process, but different latents
        torch.manual_seed((run.seed + run.rank) * 1_000_003 + training.images_seen)
    share = (run.rank, run.num_processes)
    batches = Batches(folder, run.batch, seed=run.seed, share=share).after(training.images_seen)
    ruler = Ruler(folder, seed=run.seed, device=training.device)
    progress = _start_progress(run, training, folder) if run.rank == 0 else None
    with progress or nullcontext():
        while training.images_seen < run.total_images:
            goal = min(training.images_seen + run.snapshot_images, run.total_images)
            row = _train_until(goal, training, batches, progress)
            if progress is not None:  # the other processes wait for this one at their next step
                progress.stage("writing a snapshot")
                _snapshot(run, training, ruler, row)


def _open(
    run: RunOptions,
    options: AdversarialOptions,
    channels: tuple[int, ...],
    *,
    w_dim: int,
    depth: int,
) -> tuple[ImageFolder, AdversarialTraining]:
    """Return the folder, and a training with networks that fit its images: those of the checkpoint or new ones."""
    saved = _saved(run, options.loss)
    folder = _open_folder(run, options, len(channels), saved)
    base_px = _base_px(folder.reading.image_px, len(channels))
    torch.manual_seed(run.seed)
    training = AdversarialTraining(
        GeneratorConfig(
            z_dim=w_dim,
            w_dim=w_dim,
            channels=channels,
            base_px=base_px,
            num_mapping_layers=depth,
            image_channels=1 if folder.reading.is_grey else 3,
        ),
        DiscriminatorConfig(channels=channels, base_px=base_px),
        options,
        run.device,
    )
    if saved is not None:
        _load(saved, training)
    return folder, training


def _open_folder(
    run: RunOptions, options: AdversarialOptions, num_blocks: int, saved: dict[str, Any] | None
) -> ImageFolder:
    """Survey the folder, print the facts, the choices and the warnings; return it for reading."""
    write = print_line if run.rank == 0 else _ignore
    paths = image_paths(run.images)
    write(f"checking {len(paths):,} images in {run.images}")
    survey = survey_folder(paths)
    is_grey = survey.is_grey
    if saved is not None:
        # A generator keeps its channels: trainings of version 0.1.0 have three for grey images too.
        average = saved["state"]["average"] if "state" in saved else saved["generator"]
        biases = (t for name, t in average.items() if name.endswith("to_rgb.bias"))
        is_grey = len(next(biases)) == 1
    if is_grey and survey.first_colored is not None:
        raise InputError(
            f"expected grey images, as the generator was trained on, got color in {survey.first_colored}; use another"
            " OUT or --start-from"
        )
    image_px = choose_px(survey, run.px, 1 << (num_blocks - 1))
    reading = Reading(image_px=image_px, fit=run.fit, is_grey=is_grey)
    for line in (*survey.facts(), fit_line(survey, reading)):
        write(line)
    for line in survey.warnings(reading, augment=options.augmentation_target is not None):
        write(f"warning: {line}")
    return ImageFolder(paths, reading)


def _ignore(line: str) -> None:
    """Print nothing: one of several processes prints."""


def _start_progress(
    run: RunOptions, training: AdversarialTraining, folder: ImageFolder
) -> TrainingProgress:
    """Print the data, the device and the length of the training, before the first step."""
    if training.images_seen:
        print_line(f"resuming after {training.images_seen:,} images")
    print_line(
        f"training on {run.device}: {len(folder):,} images at {named(folder.reading.image_px)} px, until"
        f" {run.total_images:,} were seen; a snapshot in {run.out} every {run.snapshot_images:,}. Ctrl+C stops; the"
        " same command resumes from the last snapshot"
    )
    return TrainingProgress(run.total_images, training.images_seen)


def _train_until(
    goal: int,
    training: AdversarialTraining,
    batches: Iterator[Tensor],
    progress: TrainingProgress | None,
) -> dict[str, float]:
    """Train up to `goal` images seen; return mean losses and speed of these steps."""
    began, first, sums, steps = time.monotonic(), training.images_seen, dict[str, float](), 0
    while training.images_seen < goal:
        losses = training.step(next(batches))
        for name, value in losses.items():
            sums[name] = sums.get(name, 0.0) + value
        steps += 1
        if progress is not None:
            progress.step(training.images_seen, losses)
    speed = (training.images_seen - first) / (time.monotonic() - began)
    return {name: total / steps for name, total in sums.items()} | {"images_per_second": speed}


def _snapshot(
    run: RunOptions, training: AdversarialTraining, ruler: Ruler, row: dict[str, Any]
) -> None:
    """Write the checkpoint first, so that a kill after it loses no training; then samples, log line and networks."""
    partial = run.out / "checkpoint.pt.partial"
    partial.write_bytes(pack_state(training, loss=training.options.loss))
    partial.replace(run.out / "checkpoint.pt")
    measurement = ruler.measure(training)
    draw_grid(measurement.samples).save(run.out / f"samples-{training.images_seen:08d}.png")
    row |= {"options": asdict(training.options), "images_seen": training.images_seen}
    row |= {"fd_random": measurement.fd, "augmentation": training.state.augmentation}
    with (run.out / "training_log.jsonl").open("a") as log:
        log.write(json.dumps(row) + "\n")
    print_line(json.dumps(row))
    for built in training.networks():
        write_network(run.out, built.name, built.network, dict(built.config))


def _saved(run: RunOptions, loss: LossName) -> dict[str, Any] | None:
    """Return the content of OUT's checkpoint; without one, the networks to start from; None without either.

    The averaged generator of finished networks initializes both generators; optimizers and counters start fresh.
    """
    path = run.out / "checkpoint.pt"
    if path.exists():
        saved = unpack_state(path.read_bytes(), run.device)
        # An offset of all logits is free with r3gan, not with the other loss. Version 0.1.0 had no r3gan.
        saved_loss = saved.get("loss", "nonsaturating")
        if saved_loss != loss:
            raise InputError(
                f"expected --loss {saved_loss} of the checkpoint in {run.out}, got {loss}; pass --loss {saved_loss}"
                " or another OUT"
            )
        return saved
    if run.start_from is None:
        return None
    try:
        _, generator = read_network(run.start_from, "generator")
        _, discriminator = read_network(run.start_from, "discriminator")
    except FileNotFoundError as error:
        raise InputError(
            f"expected generator.* and discriminator.* in {run.start_from}, found no {error.filename}; pass a folder"
            " that train_generator wrote"
        ) from error
    return {"generator": generator, "discriminator": discriminator}


def _load(saved: dict[str, Any], training: AdversarialTraining) -> None:
    """Load a checkpoint, or finished networks alone."""
    try:
        if "state" in saved:
            restore(training, saved)
        else:
            training.load_networks(saved["generator"], saved["discriminator"])
    except RuntimeError as error:  # torch: sizes or names of tensors differ
        raise InputError(
            "expected the sizes of the saved networks, got others; pass the --px, --channels, --w-dim and"
            " --mapping-layers of their training"
        ) from error


def _base_px(image_px: tuple[int, int], blocks: int) -> tuple[int, int]:
    """Return the size of the constant input that doubles up to the images' size."""
    factor = 1 << (blocks - 1)
    height, width = image_px
    if height % factor or width % factor:
        raise InputError(
            f"expected sizes that halve {blocks - 1} times, got {height}x{width} px (height x width);"
            f" pass a --px of multiples of {factor}, or --channels one number per resolution (64 px: five)"
        )
    return height // factor, width // factor


def chosen_device(name: str, local_rank: int = 0) -> torch.device:
    """Return the device of a name; `auto` is a GPU if there is one. Each process takes the GPU of its local rank."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(f"cuda:{local_rank}" if name == "cuda" else name)
