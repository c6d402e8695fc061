"""Trains a generator from a folder of images, resumable: `python -m workers.training.train_generator` runs it.

The loop is the job's; `generator_folder.py` says what it writes into the output folder. Several processes of torchrun
share each batch: the first one runs the loop, the others take the same steps.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from contracts.errors.jobs import JobFailed
from contracts.generators.training import TrainingReport
from models.generators.training import GeneratorTraining
from workers.families.family import TrainingImages
from workers.runtime.weights import read_network
from workers.training.generator_folder import FolderKeeper, read_checkpoint
from workers.training.generator_loop import Budget, GeneratorLoop
from workers.training.generator_recipes import Recipe
from workers.training.images.reading import Fit, Reading, image_paths
from workers.training.images.sources import Batches, ImageFolder
from workers.training.images.survey import FolderSurvey, choose_px, fit_line, named, survey_folder
from workers.training.snapshots import OtherNetworks, Ruler, restore
from workers.training.training_options import InputError
from workers.training.training_progress import TrainingProgress, print_line


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The options of the command line, except those of a family."""

    images: Path
    out: Path
    total_images: int
    snapshot_images: int
    batch: int
    seed: int
    device: torch.device
    px: tuple[int, ...] | None = None  # (height, width) or the longer side; None: as the images are
    fit: Fit = "crop"
    flips: bool = False
    start_from: Path | None = None
    rank: int = 0
    num_processes: int = 1

    def __post_init__(self) -> None:
        if self.batch % self.num_processes:
            raise InputError(
                f"expected a --batch that {self.num_processes} processes can divide, got {self.batch};"
                f" use a multiple of {self.num_processes}"
            )


def train(run: RunOptions, recipe: Recipe) -> None:
    """Train until `total_images` real images were seen. Resume from OUT's checkpoint if it exists.

    Raises:
        InputError: the images, the checkpoint and the options do not fit, or the training has diverged.
    """
    saved = read_checkpoint(run.out, recipe, run.device)
    folder, report = _open_folder(run, recipe, saved)
    training = _start(run, recipe, folder, is_new=saved is None)
    share = (run.rank, run.num_processes)
    batches = Batches(folder, run.batch, seed=run.seed, flips=run.flips, share=share)
    run.out.mkdir(parents=True, exist_ok=True)
    try:
        if run.rank:
            _follow(run, training, batches, saved)
        else:
            _lead(run, recipe, training, batches, saved=saved, report=report)
    except OtherNetworks as error:
        raise _other_sizes() from error
    except torch.OutOfMemoryError as error:
        raise InputError(
            f"a --batch of {run.batch} does not fit the device's memory; pass a smaller --batch or --px"
        ) from error


def _lead(
    run: RunOptions,
    recipe: Recipe,
    training: GeneratorTraining,
    batches: Batches,
    *,
    saved: dict[str, Any] | None,
    report: TrainingReport,
) -> None:
    """Run the loop in the first process."""
    seen = 0 if saved is None else int(saved["state"]["images_seen"])
    progress = _start_progress(run, seen, report)
    keeper = FolderKeeper(
        run.out, recipe, saved, progress=progress, facts=lambda: recipe.facts(training)
    )
    loop = GeneratorLoop(
        keeper,
        training,
        batches,
        Ruler(batches.source, seed=run.seed, device=run.device),
        budget=Budget(seconds=None, images=run.total_images, share=1.0),
        snapshot_images=run.snapshot_images,
    )
    try:
        with progress:
            loop.train(report)
            _check_diverged(run, loop, training)
    except JobFailed as error:
        raise InputError(error.detail) from error


def _check_diverged(run: RunOptions, loop: GeneratorLoop, training: GeneratorTraining) -> None:
    if loop.has_diverged:
        raise InputError(
            f"the training diverged after {training.images_seen:,} images (a loss or a weight is not finite);"
            f" {run.out} keeps the best snapshot. Pass a lower --learning-rate to continue from the last state"
        )


def _follow(
    run: RunOptions,
    training: GeneratorTraining,
    batches: Batches,
    saved: dict[str, Any] | None,
) -> None:
    """Take the steps of a further process; it waits for the first one at its next step."""
    if saved is not None:
        restore(training, saved)
        saved.clear()  # frees the memory
    # the same weights in every process, but different latents
    torch.manual_seed((run.seed + run.rank) * 1_000_003 + training.images_seen)
    images = batches.after(training.images_seen)
    while training.images_seen < run.total_images:
        training.step(next(images))


def _start(
    run: RunOptions, recipe: Recipe, folder: ImageFolder, *, is_new: bool
) -> GeneratorTraining:
    """Build new networks that fit the images; those of a new training begin with the weights of --start-from."""
    reading = folder.reading
    images = TrainingImages(count=len(folder), image_px=reading.image_px, is_grey=reading.is_grey)
    torch.manual_seed(run.seed)
    training = recipe.start(images, run.device)
    if is_new and run.start_from is not None:
        try:
            names = [network.name for network in training.networks()]
            training.load_networks({name: read_network(run.start_from, name)[1] for name in names})
        except FileNotFoundError as error:
            raise _no_networks(run.start_from, error) from error
        except RuntimeError as error:  # torch: sizes or names of tensors differ
            raise _other_sizes() from error
    return training


def _open_folder(
    run: RunOptions, recipe: Recipe, saved: dict[str, Any] | None
) -> tuple[ImageFolder, TrainingReport]:
    """Survey the folder, print the facts, the choices and the warnings; return it for reading, and the report."""
    write = print_line if run.rank == 0 else _ignore
    paths = image_paths(run.images)
    write(f"checking {len(paths):,} images in {run.images}")
    survey = survey_folder(paths)
    image_px = choose_px(survey, run.px, recipe.size_factor)
    is_grey = _is_grey(run, recipe, saved, survey)
    reading = Reading(image_px=image_px, fit=run.fit, is_grey=is_grey)
    facts = (*survey.facts(), fit_line(survey, reading))
    warnings = tuple(survey.warnings(reading, augment=not recipe.advises_augmentation))
    for line in (*facts, *(f"warning: {line}" for line in warnings)):
        write(line)
    report = TrainingReport(
        device=str(run.device),
        height_px=image_px[0],
        width_px=image_px[1],
        num_images=len(paths),
        facts=facts,
        warnings=warnings,
    )
    return ImageFolder(paths, reading), report


def _is_grey(
    run: RunOptions, recipe: Recipe, saved: dict[str, Any] | None, survey: FolderSurvey
) -> bool:
    """Return whether the images are trained in grey. A generator keeps its channels.

    Trainings of version 0.1.0 have three for grey images too.
    """
    if saved is not None:
        weights = saved["state"]["average"]
    elif run.start_from is not None:
        try:
            _, weights = read_network(run.start_from, "generator")
        except FileNotFoundError as error:
            raise _no_networks(run.start_from, error) from error
    else:
        return survey.is_grey
    try:
        is_grey = recipe.image_channels(weights) == 1
    except (KeyError, StopIteration) as error:  # weights of another family
        raise _other_sizes() from error
    if is_grey and survey.first_colored is not None:
        raise InputError(
            f"expected grey images, as the generator was trained on, got color in {survey.first_colored}; use another"
            " OUT or --start-from"
        )
    return is_grey


def _start_progress(run: RunOptions, images_seen: int, report: TrainingReport) -> TrainingProgress:
    """Print the data, the device and the length of the training, before the first step."""
    if images_seen:
        print_line(f"resuming after {images_seen:,} images")
    print_line(
        f"training on {run.device}: {report.num_images:,} images at {named((report.height_px, report.width_px))} px,"
        f" until {run.total_images:,} were seen; a snapshot in {run.out} every {run.snapshot_images:,}. Ctrl+C stops;"
        " the same command resumes from the last state, which is saved every minute"
    )
    return TrainingProgress(run.total_images, images_seen)


def _ignore(line: str) -> None:
    """Print nothing: one of several processes prints."""


def _no_networks(folder: Path, error: FileNotFoundError) -> InputError:
    return InputError(
        f"expected generator.* and, for StyleGAN2, discriminator.* in {folder}, found no {error.filename}; pass a"
        " folder that train_generator wrote"
    )


def _other_sizes() -> InputError:
    return InputError(
        "expected the sizes of the saved networks, got others; pass the --px, --channels, --w-dim, --mapping-layers,"
        " --size and --family of their training"
    )


def chosen_device(name: str, local_rank: int = 0) -> torch.device:
    """Return the device of a name; `auto` is a GPU if there is one. Each process takes the GPU of its local rank."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(f"cuda:{local_rank}" if name == "cuda" else name)
