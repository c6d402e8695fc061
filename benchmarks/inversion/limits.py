"""`python -m benchmarks.inversion.limits`: separate the limit of the inversion from the limit of the generator.

One generator with several inversions, one inversion with several generators (snapshots of one training, weakest first),
and more labels with both unchanged. Each row fits ensembles on several draws of labels and scores them on held-out
images and, for portraits, on samples that a segmenter labels. The segmenter also labels the held-out images and their
reconstructions: what it loses against the same masks is the gap of generator and inversion. All generators get an
encoder of the same short training. The output is a table of rows, a table of gains and a line of JSON.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from benchmarks.defaults import encoder_options, inversion_options
from benchmarks.inversion.limit_domains import Domain, Sizes, faces, portraits
from benchmarks.inversion.limit_rows import (
    ALL_LABELS,
    ALONE,
    DEFAULT,
    LONG,
    MEAN,
    Bench,
    Row,
    Stage,
)
from benchmarks.inversion.limit_scores import Estimate, bootstrap, paired
from benchmarks.options import BUILTIN, CACHE
from models.generators.stylegan2.discriminator import build_discriminator
from models.generators.stylegan2.generator import Generator, build_generator
from models.generators.stylegan2.inversion.discriminator_distance import DiscriminatorDistance
from models.generators.stylegan2.inversion.encoder import Encoder, build_encoder
from models.generators.stylegan2.inversion.training import train_encoder
from workers.runtime.weights import read_network, write_network

HEADER = (
    "row",
    "PSNR, dB",
    "s per image",
    "held-out mIoU",
    "generated mIoU",
    "segmenter, images",
    "segmenter, reconstructions",
    "lost",
)

GAINS_HEADER = ("effort", "held-out mIoU", "generated mIoU", "segmenter, reconstructions")


def main() -> None:
    """Measure every domain for which generators are given, and print the tables."""
    options = _parse()
    torch.set_num_threads(1)
    results: dict[str, Any] = {"benchmark": "limits"}
    for name, folders in (("portraits", options.generator), ("faces", options.faces_generator)):
        if not folders:
            print(f"{name}: skipped, no generator", file=sys.stderr, flush=True)
            continue
        stages = [_open_stage(folder, options) for folder in folders]
        rows = _rows(Bench(_open_domain(name, stages[-1], options), options), stages)
        gains = list(_gains(rows, stages))
        print(f"{name}\n{_table(HEADER, [row.cells() for row in rows.values()])}\n")
        print(_table(GAINS_HEADER, [[name, *map(_text, each)] for name, *each in gains]) + "\n")
        results[name] = {row.name: row.to_dict() for row in rows.values()}
    print(json.dumps(results))


def _rows(bench: Bench, stages: list[Stage]) -> dict[tuple[str, str], Row]:
    """Return the rows by stage and inversion: all stages, then all inversions of the last stage, then all labels."""
    last = stages[-1]
    cells = [(stage, DEFAULT) for stage in stages] + [(last, name) for name in (MEAN, ALONE, LONG)]
    rows = {(stage.name, name): bench.row(stage, name) for stage, name in cells}
    if len(bench.domain.draws) > 1:
        rows[last.name, ALL_LABELS] = bench.row_of_all_labels(last)
    return rows


def _gains(
    rows: dict[tuple[str, str], Row], stages: list[Stage]
) -> Iterator[tuple[str, Estimate | None, Estimate | None, Estimate | None]]:
    """Yield the gain of each effort: from one row to another on the same draws."""
    last = stages[-1].name
    default = rows[last, DEFAULT]
    efforts = [
        (f"generator: {a.name} to {b.name}", rows[a.name, DEFAULT], rows[b.name, DEFAULT])
        for a, b in pairwise(stages)
    ]
    efforts += [
        ("inversion: optimization after the encoder", rows[last, ALONE], default),
        ("inversion: encoder instead of the mean code", rows[last, MEAN], default),
        ("inversion: 3 times the steps", default, rows[last, LONG]),
    ]
    if (last, ALL_LABELS) in rows:
        efforts.append(("labels: those of all draws in one fit", default, rows[last, ALL_LABELS]))
    for name, before, after in efforts:
        *_, gain = bootstrap(torch.tensor(after.counts), torch.tensor(before.counts))
        yield (
            name,
            paired(after.heldout, before.heldout),
            paired(after.generated, before.generated),
            gain,
        )


def _open_stage(folder: Path, options: argparse.Namespace) -> Stage:
    """Read a generator and its discriminator, and train or read its encoder."""
    generator = build_generator(*read_network(folder, "generator"))
    distance = DiscriminatorDistance(build_discriminator(*read_network(folder, "discriminator")))
    files = [folder / f"{name}.safetensors" for name in ("generator", "discriminator")]
    if not options.encoder_images:
        files.append(folder / "inverter.safetensors")
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
    if options.encoder_images:
        encoder = _short_encoder(folder, digest, generator, options)
    else:
        encoder = build_encoder(*read_network(folder, "inverter"))
    return Stage(folder.resolve().name, digest, generator, distance, encoder)


def _short_encoder(
    folder: Path, digest: str, generator: Generator, options: argparse.Namespace
) -> Encoder:
    """Return the encoder of a short training, from the cache if it has one for the same networks."""
    name = f"encoder-{digest}-{options.encoder_images}"
    if not (options.folder / f"{name}.json").exists():
        print(f"training an encoder for {folder}", file=sys.stderr, flush=True)
        encoder = train_encoder(
            generator,
            build_discriminator(*read_network(folder, "discriminator")),
            encoder_options(total_images=options.encoder_images),
        )
        write_network(options.folder, name, encoder, encoder.config.to_dict())
    return build_encoder(*read_network(options.folder, name))


def _open_domain(name: str, stage: Stage, options: argparse.Namespace) -> Domain:
    sizes = Sizes(options.draws, options.labels, options.heldout, options.renderings)
    height, width = stage.generator.config.image_px
    if height != width:
        raise SystemExit(f"expected a square generator, got {height}x{width} px in {stage.name}")
    if name == "portraits":
        return portraits(height, sizes, options.folder)
    if options.data is None:
        raise SystemExit("expected --data with --faces-generator: the folder of real faces")
    return faces(height, sizes, options.folder, options.data)


def _table(header: tuple[str, ...], rows: list[list[str]]) -> str:
    lines = [list(header), ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _text(gain: Estimate | None) -> str:
    return "-" if gain is None else gain.signed


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.inversion.limits", description=__doc__
    )
    parser.add_argument(
        "--generator",
        type=Path,
        nargs="*",
        default=[BUILTIN],
        help="folders of portrait generators with discriminators, weakest first; the last gets all inversions",
    )
    parser.add_argument(
        "--faces-generator", type=Path, nargs="*", help="the same for real faces; needs --data"
    )
    parser.add_argument("--data", type=Path, help="folder of real faces")
    parser.add_argument(
        "--folder", type=Path, default=CACHE, help="cache of encoders and segmenters"
    )
    parser.add_argument("--draws", type=int, default=3, help="sets of labels")
    parser.add_argument("--labels", type=int, default=16, help="labels of each set")
    parser.add_argument("--heldout", type=int, default=32)
    parser.add_argument(
        "--steps", type=int, default=inversion_options().steps, help="steps of the optimization"
    )
    parser.add_argument("--generated", type=int, default=300, help="samples to score on")
    parser.add_argument(
        "--encoder-images",
        type=int,
        default=3_000,
        help="training samples of each encoder; 0: the inverter in the folder",
    )
    parser.add_argument(
        "--ensemble-steps", type=int, help="steps of each fit (default: that of fits)"
    )
    parser.add_argument(
        "--renderings", type=int, default=6_000, help="to train the segmenter below 64 px"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
