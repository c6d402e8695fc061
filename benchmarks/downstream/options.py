"""Command-line options of the downstream benchmarks, and the domains that they open."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from benchmarks.downstream.domain import Domain
from benchmarks.downstream.networks import Networks
from benchmarks.downstream.real_data import Photographs, Portraits
from contracts.evaluations.networks import Network, SmpNetwork
from models.downstream.options import DownstreamOptions
from workers.evaluating.networks.smp_networks import learning_rate
from workers.fitting.downstream import fastest_precision

BUILTIN = Path("assets/generators/portraits-64-diffusion")
PHOTOGRAPHS: dict[str, Callable[[Path], Photographs]] = {
    "faces": Photographs.faces,
    "clothing": Photographs.clothing,
}


def downstream_parser(module: str, description: str | None) -> ArgumentParser:
    """Return a parser with the domains, the protocol and the training of the networks."""
    parser = ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("--generator", type=Path, default=BUILTIN, help="networks of portraits")
    for name in PHOTOGRAPHS:
        parser.add_argument(f"--{name}", type=Path, metavar="FOLDER", help=f"data of {name}")
        parser.add_argument(
            f"--{name}-generator", type=Path, metavar="FOLDER", help=f"networks of {name}"
        )
    parser.add_argument(
        "--only", nargs="+", default=["portraits", *PHOTOGRAPHS], help="domains to measure"
    )
    parser.add_argument("--folder", type=Path, default=Path("build/benchmarks/downstream"))
    parser.add_argument("--labels", type=int, nargs="+", default=[16, 50])
    parser.add_argument("--draws", type=int, default=5, help="sets of labelled images")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each arm")
    parser.add_argument("--steps", type=int, default=DownstreamOptions.steps)
    parser.add_argument("--heldout", type=int, default=200, help="portraits")
    parser.add_argument("--oracle", type=int, default=500, help="portraits of the oracle")
    parser.add_argument("--threads", type=int, default=1)
    return parser


def network_of(text: str) -> Network:
    """Return a downstream network: `unet` or `smp:ARCHITECTURE/ENCODER`. Raises `ValueError` for another name."""
    kind, _, rest = text.partition(":")
    architecture, _, encoder = rest.partition("/")
    fields = {"kind": kind, "architecture": architecture, "encoder": encoder}
    return "unet" if text == "unet" else SmpNetwork.model_validate(fields)


def training_options(options: Namespace) -> DownstreamOptions:
    """Return the options of every training."""
    return DownstreamOptions(
        steps=options.steps,
        learning_rate=learning_rate(getattr(options, "network", "unet")),
        precision=fastest_precision(torch.device("cpu")),
    )


def open_domains(options: Namespace) -> Iterator[Domain]:
    """Yield each domain whose data and networks are given; say which are skipped."""
    if "portraits" in options.only:
        data = Portraits(options.heldout, options.oracle)
        yield Domain(data, Networks.read(options.generator), options.folder)
    for name, read in PHOTOGRAPHS.items():
        folder, networks = getattr(options, name), getattr(options, f"{name}_generator")
        if name in options.only and folder and networks:
            yield Domain(read(folder), Networks.read(networks), options.folder)
        elif name in options.only:
            message = f"{name}: skipped, it needs --{name} and --{name}-generator"
            print(message, file=sys.stderr, flush=True)
