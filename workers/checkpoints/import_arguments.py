"""The import options as options of a command line."""

import argparse

from pydantic import ValidationError

from contracts.generators.import_options import ImportOptions

HELP = {
    "attention_order": "order of the rows of qkv: head_major or qkv_major",
    "head_channels": "channels of one attention head (default 64)",
    "num_heads": "heads of every attention layer, instead of --head-channels",
    "px": "side of the images, in pixels",
    "noise_schedule": "linear or cosine",
    "num_timesteps": "steps of the training's noise (default 1000)",
    "rescale_timesteps": "true or false: the network was given steps scaled to 1000",
}
"""By the name of the option. A test compares them with the contract."""


def add_import_options(parser: argparse.ArgumentParser) -> None:
    """Add the options, which only state dicts of guided-diffusion (.pt) need."""
    group = parser.add_argument_group("import options of guided-diffusion's .pt")
    for name, text in HELP.items():
        group.add_argument(f"--{name.replace('_', '-')}", metavar="VALUE", help=text)


def import_options(parsed: argparse.Namespace) -> ImportOptions:
    """Return the options of a command line. Raises `ValueError` with the names and values that are wrong."""
    values = {name: getattr(parsed, name) for name in HELP}
    try:
        return ImportOptions.model_validate(values)
    except ValidationError as error:
        flaws = [
            f"{'.'.join(map(str, each['loc'])) or 'import options'}: {each['msg']}"
            for each in error.errors()
        ]
        raise ValueError("; ".join(flaws)) from None
