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

import torch
from torch import Tensor

from models.adversarial.frechet import frechet_distance, random_features
from models.adversarial.training import AdversarialOptions, AdversarialState, start, training_step
from models.generators.stylegan2.config import DiscriminatorConfig, GeneratorConfig
from workers.runtime.weights import read_network, write_network
from workers.training.image_folder import ImageFolder, write_grid
from workers.training.training_options import InputError
from workers.training.training_progress import TrainingProgress, print_line

NUM_GRID_SAMPLES = 64
NUM_FRECHET_SAMPLES = 2000


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
    folder = ImageFolder(run.images)
    folder.check()
    base_px = _base_px(folder.image_px, len(channels))
    torch.manual_seed(run.seed)
    state = start(
        GeneratorConfig(
            z_dim=w_dim, w_dim=w_dim, channels=channels, base_px=base_px, num_mapping_layers=depth
        ),
        DiscriminatorConfig(channels=channels, base_px=base_px),
        options,
        run.device,
    )
    run.out.mkdir(parents=True, exist_ok=True)
    if not _resume(run, state) and run.start_from is not None:
        _start_from(run.start_from, state)
    if run.rank:  # the same weights in every process, but different latents
        torch.manual_seed((run.seed + run.rank) * 1_000_003 + state.images_seen)
    batches = folder.batches(
        run.batch,
        seed=run.seed,
        skip_images=state.images_seen,
        share=(run.rank, run.num_processes),
    )
    progress = _start_progress(run, state, folder) if run.rank == 0 else None
    with progress or nullcontext():
        while state.images_seen < run.total_images:
            goal = min(state.images_seen + run.snapshot_images, run.total_images)
            row = _train_until(goal, state, batches, options, progress)
            if progress is not None:  # the other processes wait for this one at their next step
                progress.stage("writing a snapshot")
                _snapshot(run, state, folder, row | {"options": asdict(options)})


def _start_progress(
    run: RunOptions, state: AdversarialState, folder: ImageFolder
) -> TrainingProgress:
    """Print the data, the device and the length of the training, before the first step."""
    height, width = folder.image_px
    print_line(
        f"training on {run.device}: {len(folder):,} images of {width}x{height} px, until {run.total_images:,} were"
        f" seen; a snapshot in {run.out} every {run.snapshot_images:,}. Ctrl+C stops; the same command resumes from"
        " the last snapshot"
    )
    return TrainingProgress(run.total_images, state.images_seen)


def _train_until(
    goal: int,
    state: AdversarialState,
    batches: Iterator[Tensor],
    options: AdversarialOptions,
    progress: TrainingProgress | None,
) -> dict[str, float]:
    """Train up to `goal` images seen; return mean losses and speed of these steps."""
    began, first, sums, steps = time.monotonic(), state.images_seen, dict[str, float](), 0
    device = state.average.device
    while state.images_seen < goal:
        losses = training_step(state, next(batches).to(device), options)
        for name, value in losses.items():
            sums[name] = sums.get(name, 0.0) + value
        steps += 1
        if progress is not None:
            progress.step(state.images_seen, losses)
    speed = (state.images_seen - first) / (time.monotonic() - began)
    return {name: total / steps for name, total in sums.items()} | {"images_per_second": speed}


def _snapshot(
    run: RunOptions, state: AdversarialState, folder: ImageFolder, row: dict[str, object]
) -> None:
    """Write the checkpoint first, so that a kill after it loses no training; then samples, log line and networks."""
    partial = run.out / "checkpoint.pt.partial"
    torch.save({"state": state.state_dict(), "rng": torch.get_rng_state()}, partial)
    partial.replace(run.out / "checkpoint.pt")
    images = _samples(state, run, NUM_FRECHET_SAMPLES)
    write_grid(images[:NUM_GRID_SAMPLES], run.out / f"samples-{state.images_seen:08d}.png")
    row |= {"images_seen": state.images_seen, "fd_random": _distance(state, run, folder, images)}
    row |= {"augmentation": state.augmentation}
    with (run.out / "training_log.jsonl").open("a") as log:
        log.write(json.dumps(row) + "\n")
    print_line(json.dumps(row))
    write_network(run.out, "generator", state.average, state.average.config.to_dict())
    discriminator = state.discriminator
    write_network(run.out, "discriminator", discriminator, discriminator.config.to_dict())


def _samples(state: AdversarialState, run: RunOptions, count: int) -> Tensor:
    """Render the same latents at every snapshot: averaged generator, constant noise, no truncation."""
    rng = torch.Generator().manual_seed(run.seed)
    z = torch.randn(count, state.average.config.z_dim, generator=rng).to(run.device)
    with torch.no_grad():
        return torch.cat([state.average(part) for part in z.split(run.batch)])


def _distance(
    state: AdversarialState, run: RunOptions, folder: ImageFolder, fakes: Tensor
) -> float:
    """Return the Frechet distance of the samples to as many images of the folder, in random features."""
    config = state.discriminator.config
    count = min(NUM_FRECHET_SAMPLES, len(folder))
    reals = folder.read(list(range(count))).to(run.device)
    pairs = [
        torch.cat([random_features(part, config) for part in images.split(50)])
        for images in (reals, fakes)
    ]
    return frechet_distance(*pairs)


def _resume(run: RunOptions, state: AdversarialState) -> bool:
    """Resume from OUT's checkpoint. Return False if it does not exist."""
    path = run.out / "checkpoint.pt"
    if not path.exists():
        return False
    saved = torch.load(path, map_location=run.device, weights_only=True)
    state.load_state_dict(saved["state"])
    torch.set_rng_state(saved["rng"].cpu())
    print_line(f"resuming after {state.images_seen:,} images")
    return True


def _start_from(folder: Path, state: AdversarialState) -> None:
    """Start from finished networks: the averaged generator initializes both generators; optimizers start fresh."""
    _, generator = read_network(folder, "generator")
    _, discriminator = read_network(folder, "discriminator")
    state.generator.load_state_dict(generator)
    state.average.load_state_dict(generator)
    state.discriminator.load_state_dict(discriminator)


def _base_px(image_px: tuple[int, int], blocks: int) -> tuple[int, int]:
    """Return the size of the constant input that doubles up to the images' size."""
    factor = 1 << (blocks - 1)
    height, width = image_px
    if height % factor or width % factor:
        raise InputError(
            f"expected images that halve {blocks - 1} times, got {height}x{width} px;"
            " pass --channels one number per resolution (64 px: five)"
        )
    return height // factor, width // factor


def chosen_device(name: str, local_rank: int = 0) -> torch.device:
    """Return the device of a name; `auto` is a GPU if there is one. Each process takes the GPU of its local rank."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(f"cuda:{local_rank}" if name == "cuda" else name)
