"""The arguments of the subcommands that make something: generator, inverter, fit, batch, stream."""

import argparse
from pathlib import Path

from handsoff_client.cli.argument_types import FOLDER_HELP, Commands, add, count, names, option


def add_generator(commands: Commands) -> None:
    """`handsoff generator`: upload a checkpoint."""
    command = add(commands, "generator", "upload a StyleGAN2 checkpoint")
    command.add_argument(
        "checkpoint", type=Path, metavar="FILE", help="the checkpoint, as it was published"
    )
    command.add_argument("--name", required=True, help="for people")
    command.add_argument("--license", default="", help="the terms that it is used under")
    command.add_argument("--wait", action="store_true", help="wait for the end, and show progress")


def add_inverter(commands: Commands) -> None:
    """`handsoff inverter`: train an encoder."""
    text = "train an encoder that starts the inversions of a generator's fits"
    command = add(commands, "inverter", text)
    command.add_argument("generator", metavar="GENERATOR", help="id of a generator")
    command.add_argument("--seed", type=int, default=0, help="of the training (default: 0)")
    command.add_argument("--wait", action="store_true", help="wait for the end, and show progress")


def add_fit(commands: Commands) -> None:
    """`handsoff fit`: labelled images in, a label generator out."""
    command = add(commands, "fit", "upload labelled images and fit a label generator to them")
    command.add_argument("pairs", metavar="PAIRS", help=f"{FOLDER_HELP}; or the id of a labelset")
    command.add_argument(
        "--generator",
        required=True,
        help="id or name of the generator, as `handsoff generators` lists them",
    )
    command.add_argument(
        "--validation",
        metavar="PAIRS",
        help="the same, never trained on: measures how good labels are",
    )
    command.add_argument(
        "--classes",
        type=names,
        metavar="A,B,...",
        help="classes in order of index, without a labelset.json",
    )
    command.add_argument(
        "--coco",
        type=Path,
        metavar="FILE",
        help="COCO annotations; PAIRS is then the folder of images",
    )
    command.add_argument(
        "--tasks",
        type=names,
        metavar="A,B,...",
        help="learn only these: segmentation, keypoints, depth (default: all that are labelled)",
    )
    command.add_argument(
        "--framing",
        metavar="HOW",
        help="center crops or pads the images to where the generator makes its subject (default: none)",
    )
    command.add_argument(
        "--inverter",
        metavar="WHICH",
        help="default, none, or the id or digest of an inverter of the generator",
    )
    command.add_argument(
        "--option",
        type=option,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="any other field of the fit's options, such as ensemble.steps=500; can be given several times",
    )
    command.add_argument("--seed", type=int, default=0, help="of the training (default: 0)")
    command.add_argument("--name", help="for people")
    command.add_argument("--wait", action="store_true", help="wait for the end, and show progress")


def add_batch(commands: Commands) -> None:
    """`handsoff batch`: labelled samples of a fit."""
    command = add(commands, "batch", "ask a fit for labelled images")
    command.add_argument("fit", metavar="FIT", help="id of a fit that has succeeded")
    command.add_argument("-n", type=count, required=True, metavar="N", help="how many samples")
    _add_recipe(command)
    command.add_argument("--wait", action="store_true", help="wait for the end, and show progress")
    command.add_argument(
        "--out", type=Path, metavar="DIR", help="wait, then download all shards into DIR"
    )


def add_stream(commands: Commands) -> None:
    """`handsoff stream`: labelled samples without an end."""
    text = "make a stream of labelled images without an end, or fetch shards of one"
    command = add(commands, "stream", text)
    command.add_argument(
        "what", metavar="FIT|STREAM", help="id of a fit that has succeeded, or of a stream to read"
    )
    _add_recipe(command)
    command.add_argument(
        "--out", type=Path, metavar="DIR", help="fetch shards into DIR, as plain tars"
    )
    command.add_argument(
        "--start", type=int, default=0, metavar="K", help="the first of them (default: 0)"
    )
    command.add_argument(
        "--shards", type=count, default=1, metavar="N", help="how many (default: 1)"
    )


def _add_recipe(command: argparse.ArgumentParser) -> None:
    """What decides the samples of a batch or a stream."""
    command.add_argument(
        "--seed", type=int, default=0, help="the same seed gives the same samples (default: 0)"
    )
    command.add_argument(
        "--truncation", type=float, metavar="PSI", help="0 to 1: small is typical, large is varied"
    )
    command.add_argument(
        "--drop-share",
        type=float,
        metavar="SHARE",
        help="leave out this share of the most uncertain, such as 0.1",
    )
    command.add_argument("--format", choices=("png", "jpeg"), help="of the images (default: png)")
    command.add_argument("--shard-size", type=count, metavar="N", help="samples in a shard")
