"""`python -m workers.train_generator IMAGES OUT`: trains a StyleGAN2 from a folder of images; resumable at any time.

Writes into OUT: `checkpoint.pt` (everything, to go on), `samples-*.png`, `training_log.jsonl`, and at every snapshot
the averaged generator and the discriminator as safetensors + JSON. Several GPUs or cores share the batch when it is
started as `torchrun --nproc-per-node N -m workers.train_generator IMAGES OUT`.
"""

import argparse
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, distributed

from models.adversarial.frechet import frechet_distance, random_features
from models.adversarial.training import AdversarialOptions, AdversarialState, start, training_step
from models.stylegan2.config import DiscriminatorConfig, GeneratorConfig
from workers.image_folder import ImageFolder, write_grid
from workers.weights import read_network, write_network

NUM_GRID_SAMPLES = 64
NUM_FRECHET_SAMPLES = 2000


@dataclass(frozen=True, kw_only=True)
class Run:
    """What the command line asks for, beside the losses' own options."""

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
            raise ValueError(
                f"a batch of {self.batch} cannot be shared by {self.num_processes} processes evenly; "
                "give --batch a multiple of them"
            )


def main(arguments: list[str] | None = None) -> None:
    """Train as the command line says."""
    parsed = _parser().parse_args(arguments)
    if parsed.threads:
        torch.set_num_threads(parsed.threads)
    options = AdversarialOptions(
        learning_rate=parsed.learning_rate,
        r1_gamma=parsed.r1_gamma,
        style_mixing=parsed.style_mixing,
        noise=parsed.noise,
        path_length_weight=parsed.path_length_weight,
        ema_half_life_kimg=parsed.ema_half_life_kimg,
        augmentation_target=0.6 if parsed.augment else None,
    )
    run = Run(
        images=parsed.images,
        out=parsed.out,
        total_images=parsed.total_images,
        snapshot_images=parsed.snapshot_images,
        batch=parsed.batch,
        seed=parsed.seed,
        device=_device(parsed.device),
        start_from=parsed.start_from,
        rank=int(os.environ.get("RANK", "0")),
        num_processes=int(os.environ.get("WORLD_SIZE", "1")),
    )
    if run.num_processes > 1:
        distributed.init_process_group("nccl" if run.device.type == "cuda" else "gloo")
    train(run, options, tuple(parsed.channels), w_dim=parsed.w_dim, depth=parsed.mapping_layers)
    if run.num_processes > 1:
        distributed.destroy_process_group()


def train(
    run: Run, options: AdversarialOptions, channels: tuple[int, ...], *, w_dim: int, depth: int
) -> None:
    """Train until `total_images` real images were seen, going on from OUT's checkpoint where there is one."""
    folder = ImageFolder(run.images)
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
    if run.rank:  # the same weights in every process, but latents of its own
        torch.manual_seed((run.seed + run.rank) * 1_000_003 + state.images_seen)
    batches = folder.batches(
        run.batch,
        seed=run.seed,
        skip_images=state.images_seen,
        share=(run.rank, run.num_processes),
    )
    while state.images_seen < run.total_images:
        goal = min(state.images_seen + run.snapshot_images, run.total_images)
        row = _train_until(goal, state, batches, options, run.device)
        if run.rank == 0:  # the others wait for it at their next step
            _snapshot(run, state, folder, row | {"options": asdict(options)})


def _train_until(
    goal: int,
    state: AdversarialState,
    batches: Iterator[Tensor],
    options: AdversarialOptions,
    device: torch.device,
) -> dict[str, float]:
    """Steps up to `goal` images seen; mean losses and speed of the stretch."""
    began, first, sums, steps = time.monotonic(), state.images_seen, dict[str, float](), 0
    while state.images_seen < goal:
        for name, value in training_step(state, next(batches).to(device), options).items():
            sums[name] = sums.get(name, 0.0) + value
        steps += 1
    speed = (state.images_seen - first) / (time.monotonic() - began)
    return {name: total / steps for name, total in sums.items()} | {"images_per_second": speed}


def _snapshot(
    run: Run, state: AdversarialState, folder: ImageFolder, row: dict[str, object]
) -> None:
    """Checkpoint first (a kill from here on loses nothing), then samples, distance, log line and networks."""
    partial = run.out / "checkpoint.pt.partial"
    torch.save({"state": state.state_dict(), "rng": torch.get_rng_state()}, partial)
    partial.replace(run.out / "checkpoint.pt")
    images = _samples(state, run, NUM_FRECHET_SAMPLES)
    write_grid(images[:NUM_GRID_SAMPLES], run.out / f"samples-{state.images_seen:08d}.png")
    row |= {"images_seen": state.images_seen, "fd_random": _distance(state, run, folder, images)}
    row |= {"augmentation": state.augmentation}
    with (run.out / "training_log.jsonl").open("a") as log:
        log.write(json.dumps(row) + "\n")
    print(json.dumps(row), flush=True)
    write_network(run.out, "generator", state.average, state.average.config.to_dict())
    discriminator = state.discriminator
    write_network(run.out, "discriminator", discriminator, discriminator.config.to_dict())


def _samples(state: AdversarialState, run: Run, count: int) -> Tensor:
    """The same latents at every snapshot, through the averaged generator, constant noise, no truncation."""
    chooser = torch.Generator().manual_seed(run.seed)
    z = torch.randn(count, state.average.config.z_dim, generator=chooser).to(run.device)
    with torch.no_grad():
        return torch.cat([state.average(part) for part in z.split(run.batch)])


def _distance(state: AdversarialState, run: Run, folder: ImageFolder, fakes: Tensor) -> float:
    """Frechet distance of the samples to as many images of the folder, in random features."""
    config = state.discriminator.config
    count = min(NUM_FRECHET_SAMPLES, len(folder))
    reals = folder.read(list(range(count))).to(run.device)
    pairs = [
        torch.cat([random_features(part, config) for part in images.split(50)])
        for images in (reals, fakes)
    ]
    return frechet_distance(*pairs)


def _resume(run: Run, state: AdversarialState) -> bool:
    """Go on from OUT's own checkpoint; False where there is none."""
    path = run.out / "checkpoint.pt"
    if not path.exists():
        return False
    saved = torch.load(path, map_location=run.device, weights_only=True)
    state.load_state_dict(saved["state"])
    torch.set_rng_state(saved["rng"].cpu())
    print(f"going on after {state.images_seen} images", flush=True)
    return True


def _start_from(folder: Path, state: AdversarialState) -> None:
    """Take over finished networks: the averaged generator stands for both generators, optimisers start afresh."""
    _, generator = read_network(folder, "generator")
    _, discriminator = read_network(folder, "discriminator")
    state.generator.load_state_dict(generator)
    state.average.load_state_dict(generator)
    state.discriminator.load_state_dict(discriminator)


def _device(name: str) -> torch.device:
    """The device that was asked for; of several GPUs the one that torchrun gives this process."""
    return torch.device(f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if name == "cuda" else name)


def _base_px(image_px: tuple[int, int], blocks: int) -> tuple[int, int]:
    """The constant input's size that doubles up to the images'."""
    factor = 1 << (blocks - 1)
    height, width = image_px
    if height % factor or width % factor:
        raise ValueError(
            f"images of {height}x{width} px do not halve {blocks - 1} times; "
            "give --channels one number per doubling of a small constant (64 px: five)"
        )
    return height // factor, width // factor


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workers.train_generator", description=__doc__)
    parser.add_argument("images", type=Path, help="folder of images of one size")
    parser.add_argument("out", type=Path, help="folder for checkpoints, samples and weights")
    parser.add_argument("--total-images", type=int, default=300_000)
    parser.add_argument("--snapshot-images", type=int, default=10_000)
    parser.add_argument("--start-from", type=Path, help="folder of networks to start from")
    parser.add_argument("--batch", type=int, default=16, help="of all processes together")
    parser.add_argument("--channels", type=int, nargs="+", default=[128, 128, 96, 48, 16])
    parser.add_argument("--w-dim", type=int, default=128)
    parser.add_argument("--mapping-layers", type=int, default=4)
    parser.add_argument("--learning-rate", type=float, default=0.0025)
    parser.add_argument("--r1-gamma", type=float, default=0.1)
    parser.add_argument("--style-mixing", type=float, default=0.1)
    parser.add_argument("--noise", choices=("random", "none"), default="random")
    parser.add_argument("--path-length-weight", type=float, default=0.0)
    parser.add_argument("--ema-half-life-kimg", type=float, default=5.0)
    parser.add_argument("--augment", action="store_true", help="adaptive augmentation (small sets)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0, help="0: as torch chooses")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser


if __name__ == "__main__":
    main()
