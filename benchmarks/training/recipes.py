"""`python -m benchmarks.training.recipes`: compare recipes of adversarial training at equal processor time.

Each run trains at 32 px with one thread for the same number of processor seconds; distances and files are left out
of it. Runs of one seed start with the same weights and see the images in the same order. Finished runs are kept in
the folder, so the command continues where it stopped. The last line is JSON.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.options import CACHE
from benchmarks.training.candidates import CANDIDATES
from benchmarks.training.domains import DOMAINS, Domain, read_domain
from benchmarks.training.runs import (
    RANDOM,
    Features,
    Run,
    Yardstick,
    average_rows,
    random_network,
    samples,
    train,
)
from benchmarks.training.squeezenet10 import FILE_10, FILE_11, SqueezeNet10
from workers.fitting.perceptual_ports import read_mounted
from workers.runtime.weights import write_network
from workers.training.snapshots import draw_grid


def main() -> None:
    """Run every recipe on every domain with every seed. Print the rows and, last, all of them as JSON."""
    args = _parse()
    torch.set_num_threads(1)
    networks: dict[str, Features] = {RANDOM: random_network}
    if args.squeezenet is not None:
        networks["squeezenet"] = SqueezeNet10(args.squeezenet / FILE_10)
    results = []
    for name in args.domains:
        domain = read_domain(name, args.folder, args.data)
        yardstick = Yardstick.of(domain, networks, args.folder)
        for seed in args.seeds:
            for recipe in args.recipes:
                row = _kept(args, recipe, domain, yardstick, seed)
                print(json.dumps(row), file=sys.stderr, flush=True)
                results.append(row)
    print(json.dumps({"benchmark": "recipes", "seconds": args.seconds, "runs": results}))


def _kept(
    args: argparse.Namespace, recipe: str, domain: Domain, yardstick: Yardstick, seed: int
) -> dict[str, Any]:
    """Return the row of a run from its file; run it first if there is none."""
    stem = f"{recipe.replace(' ', '-').replace(',', '')}-{domain.name}-{seed}-{args.seconds:g}"
    folder: Path = args.folder / "runs" / stem
    path = folder / "row.json"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        marks = [args.seconds * share for share in args.marks]
        candidate = CANDIDATES[recipe]
        pretrained = read_mounted(args.squeezenet / FILE_11) if candidate.is_projected else None
        run, curve = train(
            candidate, domain, yardstick, seed=seed, marks=marks, pretrained=pretrained
        )
        row = {"recipe": recipe, "domain": domain.name, "seed": seed, "curve": curve}
        if args.averages:
            row["averages"] = average_rows(run, yardstick, seed)
        _write(run, folder, seed)
        path.write_text(json.dumps(row))
    kept: dict[str, Any] = json.loads(path.read_text())
    return kept


def _write(run: Run, folder: Path, seed: int) -> None:
    state = run.state
    write_network(folder, "generator", state.average, state.average.config.to_dict())
    if run.candidate.adversarial.discriminators != "projected":  # else it has its first weights
        write_network(
            folder, "discriminator", state.discriminator, state.discriminator.config.to_dict()
        )
    draw_grid(samples(state.average, 64, seed)).save(folder / "samples.png")


def _parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training.recipes", description=__doc__
    )
    parser.add_argument("--folder", type=Path, default=CACHE / "training", help="images and runs")
    parser.add_argument("--data", type=Path, help="folder of real faces")
    parser.add_argument("--squeezenet", type=Path, help="folder with the weights of SqueezeNet")
    parser.add_argument("--domains", nargs="+", choices=DOMAINS, default=["portraits"])
    parser.add_argument(
        "--recipes",
        nargs="+",
        choices=list(CANDIDATES),
        metavar="RECIPE",
        help=f"{'; '.join(CANDIDATES)} (default all, without --squeezenet all that do not need it)",
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--seconds", type=float, default=150.0, help="processor time of a training")
    parser.add_argument(
        "--marks", type=float, nargs="+", default=[0.5, 1.0], help="when to measure, as shares"
    )
    parser.add_argument(
        "--averages", action="store_true", help="measure longer averages of the same run too"
    )
    args = parser.parse_args(arguments)
    available = [
        name for name, each in CANDIDATES.items() if args.squeezenet or not each.needs_squeezenet
    ]
    args.recipes = args.recipes or available
    if missing := set(args.recipes) - set(available):
        parser.error(f"expected --squeezenet FOLDER for {', '.join(sorted(missing))}, got none")
    return args


if __name__ == "__main__":
    main()
