"""`python -m workers.checkpoints`: inspect a StyleGAN2 checkpoint, convert it to HandsOff's format, or render with it.

Nothing in a checkpoint is executed, so you can inspect files from untrusted sources. FILE is a .pkl of
stylegan2-ada-pytorch, StyleGAN-Human or the stylegan3 repository (--cfg=stylegan2), a .pt of
rosinality/stylegan2-pytorch, HandsOff's safetensors or zip, or a folder with generator.safetensors and generator.json.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from contracts.errors.tree import HandsOffError
from models.generators.stylegan2.generator import build_generator
from state.settings import Settings
from workers.checkpoints.checkpoint import Checkpoint, NetworkWeights
from workers.checkpoints.stylegan2.describing import description
from workers.checkpoints.stylegan2.latents import IMAGES, read_codes, render
from workers.families.table import FAMILIES
from workers.importing.converting_process import convert_file, limits_for
from workers.runtime.weights import read_network

ENDINGS = ("safetensors", "json")


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Return 0 on success, 2 if the file or the arguments are refused.

    The child process of the service's imports reads the file, under the same limits.
    """
    parsed = _parser().parse_args(arguments)
    try:
        with TemporaryDirectory(prefix="handsoff-") as folder:
            parsed.command(parsed, _read(parsed.file, Path(folder)), Path(folder))
    except (HandsOffError, ValueError, OSError) as error:
        print(f"{parsed.file}: {error}", file=sys.stderr)
        return 2
    return 0


def inspect(_parsed: argparse.Namespace, checkpoint: Checkpoint, _folder: Path) -> None:
    """Print the contents of the file as JSON."""
    print(json.dumps(description(checkpoint), indent=2))


def convert(parsed: argparse.Namespace, checkpoint: Checkpoint, folder: Path) -> None:
    """Write generator.safetensors and generator.json, and the same for a discriminator if the file has one."""
    parsed.folder.mkdir(parents=True, exist_ok=True)
    for name in ("generator", "discriminator") if checkpoint.discriminator else ("generator",):
        for ending in ENDINGS:
            shutil.copyfile(folder / f"{name}.{ending}", parsed.folder / f"{name}.{ending}")
    for warning in checkpoint.warnings:
        print(warning, file=sys.stderr)


def render_codes(parsed: argparse.Namespace, checkpoint: Checkpoint, _folder: Path) -> None:
    """Write the images of each array of codes in the npz."""
    weights = checkpoint.generator
    generator = build_generator(weights.config, weights.tensors)
    codes = read_codes(parsed.latents, generator)
    images: dict[str, Any] = {IMAGES[k]: render(generator, values) for k, values in codes.items()}
    with parsed.out.open("wb") as out:
        np.savez(out, **images)


def _read(path: Path, folder: Path) -> Checkpoint:
    """Convert the checkpoint in the child process, and return it in HandsOff's format."""
    limits = limits_for(Settings(), _size_of(path))
    converted = convert_file(path, folder, limits, FAMILIES[:1])
    return Checkpoint(
        format=converted.format,
        generator=NetworkWeights(*read_network(folder, "generator")),
        discriminator=(
            NetworkWeights(*read_network(folder, "discriminator"))
            if converted.has_discriminator
            else None
        ),
        missing=converted.missing,
        warnings=converted.warnings,
    )


def _size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files of a folder."""
    files = path.iterdir() if path.is_dir() else (path,)
    return sum(file.stat().st_size for file in files)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m workers.checkpoints",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    inspecting = commands.add_parser(
        "inspect", help="print format, resolution, taps and missing parts as JSON"
    )
    converting = commands.add_parser(
        "convert", help="write safetensors + JSON, the format that the service keeps"
    )
    rendering = commands.add_parser(
        "render", help="render W+ codes with constant noise, in float32"
    )
    inspecting.set_defaults(command=inspect)
    converting.set_defaults(command=convert)
    rendering.set_defaults(command=render_codes)
    for command in (inspecting, converting, rendering):
        command.add_argument(
            "file", type=Path, metavar="FILE", help="the checkpoint: a file, or a converted folder"
        )
    converting.add_argument(
        "folder", type=Path, metavar="DIR", help="output folder; created if it is missing"
    )
    rendering.add_argument(
        "latents",
        type=Path,
        metavar="LATENTS.npz",
        help=f"one or more of the arrays {', '.join(IMAGES)}, each [n, num_ws, w_dim]",
    )
    rendering.add_argument(
        "out", type=Path, metavar="OUT.npz", help=f"output: {', '.join(IMAGES.values())}, float32"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
