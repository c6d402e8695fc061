"""The options of `train_generator`: those of both families, of one family, and their defaults. No torch."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from workers.training.training_options import add_machine_options, add_number, image_size

FAMILIES = ("stylegan2", "diffusion")

DIFFUSION_DEFAULTS: Mapping[str, float] = MappingProxyType(
    {"learning_rate": 0.001, "ema_half_life_kimg": 50.0}
)
"""Of the options whose printed defaults are those of StyleGAN2."""

ONE_FAMILY: Mapping[str, str] = MappingProxyType(
    {
        "channels": "stylegan2",
        "w_dim": "stylegan2",
        "mapping_layers": "stylegan2",
        "loss": "stylegan2",
        "r1_gamma": "stylegan2",
        "r1_interval": "stylegan2",
        "style_mixing": "stylegan2",
        "noise": "stylegan2",
        "path_length_weight": "stylegan2",
        "augment": "stylegan2",
        "size": "diffusion",
    }
)
"""The options that only one family has."""


def stated(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> set[str]:
    """Return the names of the options that the command line states."""
    unset = object()
    names = vars(parser.parse_args(arguments))
    # argparse sets a default only where the namespace has no value
    namespace = argparse.Namespace(**dict.fromkeys(names, unset))
    values = vars(parser.parse_args(arguments, namespace))
    return {name for name, value in values.items() if value is not unset}


def unused_options(names: set[str], family: str) -> list[str]:
    """Return the stated options, as typed, that the family does not have."""
    others = sorted(name for name in names if ONE_FAMILY.get(name, family) != family)
    return [f"--{name.replace('_', '-')}" for name in others]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add all options of the command."""
    parser.add_argument(
        "images",
        type=Path,
        metavar="IMAGES",
        help="folder with PNG, JPEG or WebP images; subfolders are searched too",
    )
    parser.add_argument(
        "out",
        type=Path,
        metavar="OUT",
        help="folder for checkpoint, samples, log, report and weights",
    )
    parser.add_argument(
        "--family",
        choices=FAMILIES,
        default="stylegan2",
        help="kind of network. Use diffusion to label real images without inversion; its samples need far more"
        " training (choice, default stylegan2)",
    )
    _add_size(parser)
    _add_length(parser)
    _add_network(parser)
    _add_recipe(parser)
    add_machine_options(parser)


def _add_size(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("size of the images (fixed once OUT has a checkpoint)")
    group.add_argument(
        "--px",
        type=image_size,
        metavar="HEIGHTxWIDTH",
        help="size to train at, for example 64x32 for people from head to foot. One number is the longer side; the"
        " shorter side then follows the median aspect ratio. Needed if the images differ in size. With five"
        " --channels both sides are multiples of 16; for diffusion, of 8 (text, default the size of the images)",
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
        "images between two snapshots. Lower it on a slow machine to see samples sooner; each takes the time of"
        " 2,000 samples (diffusion: 256)",
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
        " --family, --px and sizes of the network. Use it for a similar domain (folder, default none)",
    )


def _add_network(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("network (fixed once OUT has a checkpoint)")
    group.add_argument(
        "--channels",
        type=int,
        nargs="+",
        default=[128, 128, 96, 48, 16],
        metavar="N",
        help="StyleGAN2 only: channels of each resolution, smallest first. Each further number doubles the size:"
        " starting at 4 px, 64 px need five numbers and 256 px seven. More channels give finer images and slower steps"
        " (whole numbers, default 128 128 96 48 16)",
    )
    add_number(
        group,
        "--w-dim",
        128,
        "StyleGAN2 only: length of the latent vectors z and w. Use 512 from 256 px on",
        least=1,
    )
    add_number(
        group,
        "--mapping-layers",
        4,
        "StyleGAN2 only: layers of the mapping from z to w. Use 8 from 256 px on",
        unit="layers",
        least=1,
    )
    group.add_argument(
        "--size",
        choices=("small", "large"),
        help="diffusion only: small networks are made for CPUs, large ones for GPUs (choice, default large from 128 px"
        " on)",
    )


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("recipe of both families")
    add_number(
        group,
        "--learning-rate",
        0.0025,
        "Adam's step size of all networks; 0.001 by default for diffusion. Lower it (to 0.4 times the default) when"
        " losses jump or with --start-from",
    )
    add_number(
        group,
        "--ema-half-life-kimg",
        5.0,
        "half-life of the moving average that is saved as the generator; 50 by default for diffusion. Scale it with"
        " --batch",
        unit="thousand images",
    )
    group.add_argument(
        "--flips",
        action="store_true",
        help="mirror half of the images. Do not use it if labels tell left from right (switch, default off)",
    )
    _add_adversarial_recipe(parser)


def _add_adversarial_recipe(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("recipe of StyleGAN2 only")
    group.add_argument(
        "--loss",
        choices=("nonsaturating", "r3gan"),
        default="nonsaturating",
        help="nonsaturating is StyleGAN2's loss with R1. r3gan compares pairs of a real and a generated image, with R1"
        " and R2 (arXiv 2501.05441); it is about 20%% slower, and its labels were 1 to 2 points worse in a"
        " comparison. Fixed once OUT has a checkpoint (choice, default nonsaturating)",
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
    group.add_argument(
        "--augment",
        action="store_true",
        help="augment the images of both networks; the strength adapts to overfitting. Use it below about 10,000 images"
        " (switch, default off)",
    )
