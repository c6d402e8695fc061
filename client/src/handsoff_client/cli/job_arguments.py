"""The arguments of the subcommands that create a resource: generator, inverter, fit, batch, labeling, stream."""

import argparse
from pathlib import Path

from handsoff_client.cli.argument_types import (
    FOLDER_HELP,
    Commands,
    add,
    add_labels,
    condition,
    count,
    image_px,
    names,
    option,
    target,
)


def add_generator(commands: Commands) -> None:
    """Add `handsoff generator`, which uploads a checkpoint."""
    command = add(commands, "generator", "upload a checkpoint of a StyleGAN2 or diffusion model")
    command.add_argument("checkpoint", type=Path, metavar="FILE", help="the published checkpoint")
    command.add_argument("--name", required=True, help="name of the generator")
    command.add_argument("--license", default="", help="license of the checkpoint")
    command.add_argument(
        "--option",
        type=option,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="what the weights of guided-diffusion (.pt) do not state, such as attention_order=head_major,"
        " noise_schedule=linear and px=256; can be repeated",
    )
    _add_wait(command)


def add_train(commands: Commands) -> None:
    """Add `handsoff train`, which trains a generator, and `handsoff stop`, which ends a training early."""
    text = "upload a folder of unlabelled images and train a generator from it"
    command = add(commands, "train", text)
    command.add_argument(
        "folder",
        type=Path,
        metavar="FOLDER",
        help="folder, zip or tar of PNG, JPEG or WebP images of one subject with the same framing",
    )
    command.add_argument(
        "--px",
        type=image_px,
        metavar="N|HxW",
        help="longer side of the generated images, or height x width (default: 64)",
    )
    length = command.add_mutually_exclusive_group()
    length.add_argument("--hours", type=float, help="time of the training (default: 2)")
    length.add_argument("--images", type=count, metavar="N", help="images of all steps, repeated")
    command.add_argument(
        "--family",
        metavar="NAME",
        help="stylegan2 (default) or diffusion; see docs/15-train-a-generator.md",
    )
    command.add_argument(
        "--fit",
        choices=("crop", "pad"),
        help="how images of another aspect ratio are fitted (default: crop)",
    )
    command.add_argument(
        "--start-from",
        metavar="GENERATOR",
        help="begin with the networks of a generator of the same family and size instead of random ones, such as"
        " portraits-64-diffusion for faces: far fewer steps are needed",
    )
    command.add_argument(
        "--flips",
        action="store_true",
        help="mirror half of the images: not if labels tell left from right",
    )
    _add_training_seed(command)
    command.add_argument(
        "--option",
        type=option,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="any other option of the training, such as batch=16; can be repeated",
    )
    command.add_argument("--name", help="name of the generator (default: name of the folder)")
    command.add_argument("--license", default="", help="license of the images")
    _add_wait(command)
    stop = add(commands, "stop", "end a training early, with its best snapshot as the generator")
    stop.add_argument("generator", metavar="GENERATOR", help="id of a generator that is trained")


def add_inverter(commands: Commands) -> None:
    """Add `handsoff inverter`, which trains an encoder."""
    command = add(commands, "inverter", "train an encoder that initializes inversions")
    command.add_argument("generator", metavar="GENERATOR", help="id of a generator")
    _add_training_seed(command)
    _add_wait(command)


def add_fit(commands: Commands) -> None:
    """Add `handsoff fit`, which fits a label generator to labelled images."""
    command = add(commands, "fit", "upload labelled images and fit a label generator to them")
    command.add_argument("pairs", metavar="PAIRS", help=f"{FOLDER_HELP}; or the id of a labelset")
    command.add_argument(
        "--generator",
        required=True,
        help="id or name of a generator of `handsoff generators`",
    )
    command.add_argument(
        "--validation",
        metavar="PAIRS",
        help="labelled images that are not used for training: they measure the quality of the labels",
    )
    add_labels(command)
    command.add_argument(
        "--tasks",
        type=names,
        metavar="A,B,...",
        help="learn only these tasks: segmentation, keypoints, depth (default: all labelled tasks)",
    )
    command.add_argument(
        "--framing",
        metavar="HOW",
        help="center: crop or pad the images so that the subject is where the generator has it (default: none)",
    )
    command.add_argument(
        "--inverter",
        metavar="WHICH",
        help="default, none, or id or digest of an inverter of the generator",
    )
    command.add_argument(
        "--option",
        type=option,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="any other option of the fit, such as ensemble.steps=500; can be repeated",
    )
    _add_training_seed(command)
    command.add_argument("--name", help="name of the fit")
    _add_wait(command)


def add_batch(commands: Commands) -> None:
    """Add `handsoff batch`, which generates labelled samples of a fit, and `handsoff resume`."""
    command = add(commands, "batch", "generate labelled images with a fit")
    command.add_argument("fit", metavar="FIT", help="id of a succeeded fit")
    command.add_argument("-n", type=count, required=True, metavar="N", help="number of samples")
    _add_recipe(command)
    _add_wait_and_out(command)
    command.add_argument(
        "--deliver-to",
        metavar="URL|FILE.json",
        help="also send it to your bucket: an address with {name}, or a file with presigned URLs",
    )
    command.add_argument(
        "--validate-only",
        action="store_true",
        help="check the request and show its predicted cost, without creating the batch",
    )
    text = "continue a batch that failed or was cancelled as a new batch, which adopts its shards"
    resume = add(commands, "resume", text)
    resume.add_argument("batch", metavar="BATCH", help="id of a batch that failed or was cancelled")
    _add_wait_and_out(resume)


def add_deliver(commands: Commands) -> None:
    """Add `handsoff deliver`, which sends a finished batch to the caller's bucket."""
    text = "send a finished batch to your bucket, or try its last delivery again"
    command = add(commands, "deliver", text)
    command.add_argument("batch", metavar="BATCH", help="id of a succeeded batch")
    command.add_argument(
        "--to",
        metavar="URL|FILE.json",
        help="an address with {name}, or a file with presigned URLs (default: those of the last delivery)",
    )


def add_label(commands: Commands) -> None:
    """Add `handsoff label`, which labels real images with a fit."""
    command = add(commands, "label", "label your own real images with a fit")
    command.add_argument("fit", metavar="FIT", help="id of a succeeded fit")
    command.add_argument(
        "folder", type=Path, metavar="FOLDER", help="folder, zip or tar of PNG, JPEG or WebP images"
    )
    command.add_argument(
        "--out", type=Path, metavar="DIR", help="wait, then download images and labels to DIR"
    )
    command.add_argument(
        "--originals",
        action="store_true",
        help="with --out: also write the labels at the size of the original images, to DIR/originals",
    )
    command.add_argument(
        "--aspect",
        choices=("crop", "pad"),
        help="how images of another aspect ratio are fitted (default: crop)",
    )
    command.add_argument(
        "--condition",
        type=int,
        metavar="CLASS",
        help="class of all images, for a class-conditional generator",
    )
    _add_mask_options(command)
    command.add_argument("--format", choices=("png", "jpeg"), help="image format (default: png)")
    command.add_argument("--shard-size", type=count, metavar="N", help="images per shard")
    command.add_argument("--name", help="name of the labeling (default: name of the folder)")
    _add_wait(command)


def add_stream(commands: Commands) -> None:
    """Add `handsoff stream`, which creates an endless stream, or downloads shards of a stream."""
    text = "create an endless stream of labelled images, or download shards of a stream"
    command = add(commands, "stream", text)
    command.add_argument("what", metavar="FIT|STREAM", help="id of a succeeded fit, or of a stream")
    _add_recipe(command)
    command.add_argument(
        "--out", type=Path, metavar="DIR", help="download shards to DIR as plain tars"
    )
    command.add_argument(
        "--start", type=int, default=0, metavar="K", help="first shard to download (default: 0)"
    )
    command.add_argument(
        "--shards", type=count, default=1, metavar="N", help="number of shards (default: 1)"
    )


def _add_wait_and_out(command: argparse.ArgumentParser) -> None:
    _add_wait(command)
    command.add_argument(
        "--out", type=Path, metavar="DIR", help="wait, then download all shards to DIR"
    )


def _add_wait(command: argparse.ArgumentParser) -> None:
    command.add_argument("--wait", action="store_true", help="wait for the end, show progress")


def _add_training_seed(command: argparse.ArgumentParser) -> None:
    command.add_argument("--seed", type=int, default=0, help="seed of the training (default: 0)")


def _add_recipe(command: argparse.ArgumentParser) -> None:
    """Add the arguments that decide the samples of a batch or a stream."""
    command.add_argument(
        "--seed", type=int, default=0, help="the same seed gives the same samples (default: 0)"
    )
    command.add_argument(
        "--truncation",
        type=float,
        metavar="PSI",
        help="0 to 1: small values are typical, large values are varied",
    )
    command.add_argument(
        "--drop-share",
        type=float,
        metavar="SHARE",
        help="drop this share of the most uncertain candidates, such as 0.1",
    )
    command.add_argument(
        "--condition",
        type=condition,
        metavar="CLASSES",
        help="classes of a class-conditional generator: 3, 0,3 (equal shares), or 0:0.7,3:0.3 (weights)",
    )
    command.add_argument(
        "--target",
        type=target,
        action="append",
        default=[],
        metavar="TARGET",
        help="what the images show: hat=40%% (of the images), hat>=2%%=40%% (with 2%% of their pixels),"
        " hat=30%%,glasses=20%% (never both), more:hair=1.5 or less:hair=1.5; can be repeated",
    )
    _add_mask_options(command)
    command.add_argument("--format", choices=("png", "jpeg"), help="image format (default: png)")
    command.add_argument("--shard-size", type=count, metavar="N", help="samples per shard")


def _add_mask_options(command: argparse.ArgumentParser) -> None:
    """Add the arguments that decide what masks tell about doubt."""
    command.add_argument(
        "--soft-labels",
        type=count,
        metavar="K",
        help="also store the K most probable classes of each pixel with their probabilities (1 to 8)",
    )
    command.add_argument(
        "--ignore-above",
        type=float,
        metavar="NATS",
        help="masks ignore pixels with a higher uncertainty, such as 0.02",
    )
