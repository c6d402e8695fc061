"""`python -m workers.training.train_generator IMAGES OUT`: trains a StyleGAN2 from a folder of images."""

import argparse
import os
import sys
from pathlib import Path

from workers.training.training_options import (
    InputError,
    add_machine_options,
    add_number,
    image_size,
    new_parser,
    run_command,
)

COMMAND = "train_generator"
DESCRIPTION = """\
Train a StyleGAN2 from a folder of images. You can stop at any time: the same command resumes.

Before the first step it checks every image and prints what the folder contains: number, sizes,
color or grey, near-duplicates, the crop or padding, and warnings. A folder of grey images gives a
generator of one channel. After the first steps it prints the expected time.

OUT gets, at every snapshot:
  checkpoint.pt                   the whole state, to resume
  samples-*.png                   images to check by eye
  training_log.jsonl              losses, and fd_random: the distance to the real images, which should fall
  generator.*, discriminator.*    the networks, as safetensors + JSON
Progress is printed every 5 seconds: images seen, speed, time left, losses.

Several GPUs or CPU processes share a batch:
  torchrun --nproc-per-node N -m workers.training.train_generator IMAGES OUT
Next step: python -m workers.training.train_inverter OUT
"""


def main(arguments: list[str] | None = None) -> None:
    """Train with the options of the command line."""
    args = _parser().parse_args(arguments)
    if args.loss == "r3gan" and args.path_length_weight:
        raise InputError(
            f"expected --path-length-weight 0 with --loss r3gan, got {args.path_length_weight:g}; leave out one of the"
            " two options"
        )
    import torch  # noqa: PLC0415 - takes seconds to load; --help and option errors do not need it

    from models.adversarial.training import AdversarialOptions  # noqa: PLC0415 - loads torch
    from workers.training.generator_training import RunOptions, chosen_device, train  # noqa: PLC0415 - loads torch

    if args.threads:
        torch.set_num_threads(args.threads)
    options = AdversarialOptions(
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
    run = RunOptions(
        images=args.images,
        out=args.out,
        total_images=args.total_images,
        snapshot_images=args.snapshot_images,
        batch=args.batch,
        seed=args.seed,
        px=args.px,
        fit=args.fit,
        device=chosen_device(args.device, int(os.environ.get("LOCAL_RANK", "0"))),
        start_from=args.start_from,
        rank=int(os.environ.get("RANK", "0")),
        num_processes=int(os.environ.get("WORLD_SIZE", "1")),
    )
    if run.num_processes > 1:
        torch.distributed.init_process_group("nccl" if run.device.type == "cuda" else "gloo")
    train(run, options, tuple(args.channels), w_dim=args.w_dim, depth=args.mapping_layers)
    if run.num_processes > 1:
        torch.distributed.destroy_process_group()


def _parser() -> argparse.ArgumentParser:
    parser = new_parser(COMMAND, DESCRIPTION)
    parser.add_argument(
        "images",
        type=Path,
        metavar="IMAGES",
        help="folder with PNG, JPEG or WebP images; subfolders are searched too",
    )
    parser.add_argument(
        "out", type=Path, metavar="OUT", help="folder for checkpoint, samples, log and weights"
    )
    _add_size(parser)
    _add_length(parser)
    _add_network(parser)
    _add_recipe(parser)
    add_machine_options(parser)
    return parser


def _add_size(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("size of the images (fixed once OUT has a checkpoint)")
    group.add_argument(
        "--px",
        type=image_size,
        metavar="HEIGHTxWIDTH",
        help="size to train at, for example 64x32 for people from head to foot. One number is the longer side; the"
        " shorter side then follows the median aspect ratio. Needed if the images differ in size. With five"
        " --channels both sides are multiples of 16 (text, default the size of the images)",
    )
    group.add_argument(
        "--fit",
        choices=("crop", "pad"),
        default="crop",
        help="crop cuts off the sides of images with another aspect ratio than --px. Use pad to keep the whole image"
        " and repeat its edge (choice, default crop)",
    )


def _add_length(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how long")
    add_number(
        group,
        "--total-images",
        300_000,
        "stop once this many images were seen, including those of earlier runs. Raise it while the samples still"
        " improve",
        unit="images",
        least=1,
    )
    add_number(
        group,
        "--snapshot-images",
        10_000,
        "images between two snapshots. Lower it on a slow machine: Ctrl+C loses the training since the last snapshot",
        unit="images",
        least=1,
    )
    add_number(
        group,
        "--batch",
        16,
        "images per step, over all processes. Lower it when memory runs out (8 works with"
        " --ema-half-life-kimg 2.5), raise it on a large GPU",
        unit="images",
        least=1,
    )
    group.add_argument(
        "--start-from",
        type=Path,
        metavar="FOLDER",
        help="start from the generator and discriminator in this folder instead of random weights; they need the same"
        " --channels, --w-dim and --mapping-layers. Use it for a similar domain (folder, default none)",
    )


def _add_network(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("network (fixed once OUT has a checkpoint)")
    group.add_argument(
        "--channels",
        type=int,
        nargs="+",
        default=[128, 128, 96, 48, 16],
        metavar="N",
        help="channels of each resolution, smallest first. Each further number doubles the size: starting at 4 px,"
        " 64 px need five numbers and 256 px seven. More channels give finer images and slower steps"
        " (whole numbers, default 128 128 96 48 16)",
    )
    add_number(
        group,
        "--w-dim",
        128,
        "length of the latent vectors z and w. Use 512 from 256 px on",
        least=1,
    )
    add_number(
        group,
        "--mapping-layers",
        4,
        "layers of the mapping from z to w. Use 8 from 256 px on",
        unit="layers",
        least=1,
    )


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("recipe")
    group.add_argument(
        "--loss",
        choices=("nonsaturating", "r3gan"),
        default="nonsaturating",
        help="nonsaturating is StyleGAN2's loss with R1. r3gan compares pairs of a real and a generated image, with R1"
        " and R2 (arXiv 2501.05441); it is about 10%% slower and was not better in a first short"
        " comparison. Fixed once OUT has a checkpoint (choice, default nonsaturating)",
    )
    add_number(
        group,
        "--learning-rate",
        0.0025,
        "Adam's step size of both networks. Lower it (0.001) when losses jump or with --start-from",
    )
    add_number(
        group,
        "--r1-gamma",
        0.1,
        "weight of the R1 penalty on the discriminator's gradient. Raise it when the discriminator's loss falls towards"
        " 0, and for larger images: about 1 at 128 px, 2 to 10 at 256 px",
    )
    add_number(
        group,
        "--r1-interval",
        16,
        "steps between two gradient penalties (R1, and R2 with --loss r3gan). Use 1 to add them to every step, as"
        " R3GAN's authors do: slower",
        unit="steps",
        least=1,
    )
    add_number(
        group,
        "--style-mixing",
        0.1,
        "share of the samples that mix two latents. Use 0 if all images have the same layout",
    )
    group.add_argument(
        "--noise",
        choices=("random", "none"),
        default="none",
        help="noise inputs of the generator. Use random only for images with random fine detail, such as hair or grass:"
        " in others it leaves specks (choice, default none)",
    )
    add_number(
        group,
        "--path-length-weight",
        0.0,
        "weight of the path-length penalty. 2 makes images easier to invert and steps slower",
    )
    add_number(
        group,
        "--ema-half-life-kimg",
        5.0,
        "half-life of the moving average that is saved as the generator. Scale it with --batch",
        unit="thousand images",
    )
    group.add_argument(
        "--augment",
        action="store_true",
        help="augment the images of both networks; the strength adapts to overfitting. Use it below about 10,000 images"
        " (switch, default off)",
    )


if __name__ == "__main__":
    sys.exit(run_command(main))
