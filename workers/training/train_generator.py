"""`python -m workers.training.train_generator IMAGES OUT`: trains a generator from a folder of images."""

import argparse
import os
import sys
from typing import TYPE_CHECKING

from workers.training.generator_options import (
    DIFFUSION_DEFAULTS,
    add_options,
    stated,
    unused_options,
)
from workers.training.training_options import InputError, new_parser, run_command

if TYPE_CHECKING:
    from workers.training.generator_recipes import Recipe

COMMAND = "train_generator"
DESCRIPTION = """\
Train a generator from a folder of images: a StyleGAN2, or a diffusion model (--family diffusion).
You can stop at any time: the same command resumes. The job of the service (handsoff train) uses the
same code; this command has all options of the recipe, and trains on several GPUs.

Before the first step it checks every image and prints what the folder contains: number, sizes,
color or grey, near-duplicates, the crop or padding, and warnings. A folder of grey images gives a
generator of one channel. After the first steps it prints the expected time.

OUT gets:
  checkpoint.pt                   the whole state, to resume: every minute and at every snapshot
  samples-*.png                   images to check by eye, at every snapshot
  training_log.jsonl              losses, and fd_random: the distance to the real images, which should fall
  training.json                   the facts about the images, and all snapshots
  generator.*, discriminator.*    the networks of the snapshot with the lowest distance (diffusion: of the latest one),
                                  as safetensors + JSON
Progress is printed every 5 seconds: images seen, speed, time left, losses.

Several GPUs or CPU processes share a batch:
  torchrun --nproc-per-node N -m workers.training.train_generator IMAGES OUT
Next step for a StyleGAN2: python -m workers.training.train_inverter OUT
"""


def main(arguments: list[str] | None = None) -> None:
    """Train with the options of the command line."""
    parser = _parser()
    args = parser.parse_args(arguments)
    explicit = stated(parser, arguments)
    if unused := unused_options(explicit, args.family):
        raise InputError(
            f"expected options of --family {args.family}, got {', '.join(unused)}; leave them out"
        )
    if args.loss == "r3gan" and args.path_length_weight:
        raise InputError(
            f"expected --path-length-weight 0 with --loss r3gan, got {args.path_length_weight:g}; leave out one of the"
            " two options"
        )
    if args.family == "diffusion":
        for name in DIFFUSION_DEFAULTS.keys() - explicit:
            setattr(args, name, DIFFUSION_DEFAULTS[name])
    import torch  # noqa: PLC0415 - takes seconds to load; --help and option errors do not need it

    from workers.training.generator_training import RunOptions, chosen_device, train  # noqa: PLC0415 - loads torch

    if args.threads:
        torch.set_num_threads(args.threads)
    run = RunOptions(
        images=args.images,
        out=args.out,
        total_images=args.total_images,
        snapshot_images=args.snapshot_images,
        batch=args.batch,
        seed=args.seed,
        px=args.px,
        fit=args.fit,
        flips=args.flips,
        device=chosen_device(args.device, int(os.environ.get("LOCAL_RANK", "0"))),
        start_from=args.start_from,
        rank=int(os.environ.get("RANK", "0")),
        num_processes=int(os.environ.get("WORLD_SIZE", "1")),
    )
    if run.num_processes > 1:
        torch.distributed.init_process_group("nccl" if run.device.type == "cuda" else "gloo")
    train(run, _recipe(args))
    if run.num_processes > 1:
        torch.distributed.destroy_process_group()


def _recipe(args: argparse.Namespace) -> "Recipe":
    from models.adversarial.training import AdversarialOptions  # noqa: PLC0415 - loads torch
    from models.generators.diffusion.training import DiffusionTrainingOptions  # noqa: PLC0415 - loads torch
    from workers.families.stylegan2_training import Sizes  # noqa: PLC0415 - loads torch
    from workers.training.generator_recipes import DiffusionRecipe, StyleGan2Recipe  # noqa: PLC0415 - loads torch

    if args.family == "diffusion":
        diffusion = DiffusionTrainingOptions(
            learning_rate=args.learning_rate,
            ema_half_life_kimg=args.ema_half_life_kimg,
            bfloat16=True,
        )
        return DiffusionRecipe(size=args.size, options=diffusion)
    adversarial = AdversarialOptions(
        loss=args.loss,
        learning_rate=args.learning_rate,
        r1_gamma=args.r1_gamma,
        r1_interval=args.r1_interval,
        style_mixing=args.style_mixing,
        noise=args.noise,
        path_length_weight=args.path_length_weight,
        ema_half_life_kimg=args.ema_half_life_kimg,
        augmentation_target=0.6 if args.augment else None,
    )
    sizes = Sizes(
        channels=tuple(args.channels), w_dim=args.w_dim, mapping_layers=args.mapping_layers
    )
    return StyleGan2Recipe(sizes=sizes, options=adversarial)


def _parser() -> argparse.ArgumentParser:
    parser = new_parser(COMMAND, DESCRIPTION)
    add_options(parser)
    return parser


if __name__ == "__main__":
    sys.exit(run_command(main))
