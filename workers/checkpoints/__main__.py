"""`python -m workers.checkpoints`: inspect a checkpoint, convert it to HandsOff's format, or render with it.

Nothing in a checkpoint is executed, so you can inspect files from untrusted sources. FILE is a .pkl of
stylegan2-ada-pytorch, StyleGAN-Human or the stylegan3 repository (--cfg=stylegan2), a .pt of
rosinality/stylegan2-pytorch, HandsOff's safetensors or zip, a folder with generator.safetensors and generator.json, a
diffusers pipeline (folder, .zip, .tar), or a state dict of guided-diffusion (.pt), which needs the import options.
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
from contracts.generators.families import STYLEGAN2
from contracts.generators.import_options import ImportOptions
from models.generators.stylegan2.generator import build_generator
from state.settings import Settings
from workers.checkpoints.checkpoint import Checkpoint, NetworkWeights
from workers.checkpoints.describing import description_of
from workers.checkpoints.import_arguments import add_import_options, import_options
from workers.checkpoints.stylegan2.describing import description
from workers.checkpoints.stylegan2.latents import IMAGES, read_codes, render
from workers.families.family import family_named
from workers.families.table import FAMILIES
from workers.importing.converting_process import Converted, convert_file, limits_for
from workers.runtime.weights import read_network

ENDINGS = ("safetensors", "json")


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Return 0 on success, 2 if the file or the arguments are refused.

    The child process of the service's imports reads the file, under the same limits.
    """
    parsed = _parser().parse_args(arguments)
    try:
        with TemporaryDirectory(prefix="handsoff-") as folder:
            converted = _convert(parsed.file, Path(folder), import_options(parsed))
            parsed.command(parsed, converted, Path(folder))
    except (HandsOffError, ValueError, OSError) as error:
        print(f"{parsed.file}: {error}", file=sys.stderr)
        return 2
    return 0


def inspect(_parsed: argparse.Namespace, converted: Converted, folder: Path) -> None:
    """Print the contents of the file as JSON."""
    checkpoint = _read(converted, folder)
    if converted.family == STYLEGAN2.name:
        described = description(checkpoint)
    else:
        family = family_named(FAMILIES, converted.family)
        facts = family.describe(checkpoint.generator.config)
        described = description_of(converted.family, facts, checkpoint)
    print(json.dumps(described, indent=2))


def convert(parsed: argparse.Namespace, converted: Converted, folder: Path) -> None:
    """Write generator.safetensors and generator.json, and the same for a discriminator and an inverter in the file."""
    parsed.folder.mkdir(parents=True, exist_ok=True)
    for name in converted.networks:
        for ending in ENDINGS:
            shutil.copyfile(folder / f"{name}.{ending}", parsed.folder / f"{name}.{ending}")
    for warning in converted.warnings:
        print(warning, file=sys.stderr)


def render_codes(parsed: argparse.Namespace, converted: Converted, folder: Path) -> None:
    """Write the images of each array of codes in the npz."""
    if converted.family != STYLEGAN2.name:
        raise ValueError(
            f"expected a StyleGAN2, whose W+ codes are rendered, got a generator of family {converted.family}"
        )
    generator = build_generator(*read_network(folder, "generator"))
    codes = read_codes(parsed.latents, generator)
    images: dict[str, Any] = {IMAGES[k]: render(generator, values) for k, values in codes.items()}
    with parsed.out.open("wb") as out:
        np.savez(out, **images)


def _convert(path: Path, folder: Path, options: ImportOptions) -> Converted:
    """Convert the checkpoint in the child process. Its networks are then in the folder."""
    limits = limits_for(Settings(), _size_of(path))
    return convert_file(path, folder, limits, FAMILIES, options=options)


def _read(converted: Converted, folder: Path) -> Checkpoint:
    """Return the converted checkpoint."""
    networks = {name: NetworkWeights(*read_network(folder, name)) for name in converted.networks}
    return Checkpoint(
        format=converted.format,
        generator=networks["generator"],
        discriminator=networks.get("discriminator"),
        inverter=networks.get("inverter"),
        missing=converted.missing,
        warnings=converted.warnings,
    )


def _size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files of a folder."""
    files = path.rglob("*") if path.is_dir() else (path,)
    return sum(file.stat().st_size for file in files if file.is_file())


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
            "file",
            type=Path,
            metavar="FILE",
            help="the checkpoint: a file, a converted folder, or a diffusers folder",
        )
        add_import_options(command)
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
