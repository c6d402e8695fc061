"""`python -m benchmarks.training.label_quality RUN...`: measure what the generators of a comparison are worth to a fit.

RUN is a folder that `benchmarks.training.recipes` wrote. Labelled images are inverted from the mean code with the
run's own discriminator as the distance (none after a training with the projected one alone), an ensemble is fitted,
and its labels of inverted held-out images are compared with the truth. With `--segmenter`, a network for 32 px that
`benchmarks.labels.families` wrote, rows of portraits also have the shares of samples with glasses and with a hat. The
last line is JSON.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from benchmarks.defaults import ensemble_options, inversion_options
from benchmarks.inversion.faces import read_faces
from benchmarks.labels.quality import confusion_of
from benchmarks.segmenter.network import Segmenter, build_segmenter, segment, to_input
from benchmarks.segmenter.reference import worn_shares
from benchmarks.segmenter.renderings import render_pairs
from benchmarks.training.domains import halved
from benchmarks.training.runs import NUM_SAMPLES, samples
from examples.portraits.classes import CLASS_NAMES
from examples.portraits.labelset import stratified_indices
from examples.portraits.splits import seed_of
from models.generators.stylegan2.discriminator import build_discriminator
from models.generators.stylegan2.generator import build_generator
from models.generators.stylegan2.inversion.discriminator_distance import DiscriminatorDistance
from models.generators.stylegan2.inversion.invert import Tools, invert
from models.labels.label_generator import LabelGenerator, to_bytes
from models.labels.training import train_ensemble
from models.tasks.segmentation import SegmentationTask
from models.tasks.task_set import Labels, TaskSet
from workers.runtime.weights import read_network


def main() -> None:
    """Score every run. Print its row to stderr and all rows as one line of JSON."""
    args = _parse()
    torch.set_num_threads(1)
    segmenter, rows = _read_segmenter(args.segmenter), []
    for folder in args.runs:
        rows.append(_score(folder, segmenter, args))
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    results = {"benchmark": "recipe_label_quality", "labels": args.labels, "runs": rows}
    if segmenter is not None:  # by the same segmenter, of as many images as samples
        renderings = render_pairs(seed_of("generator"), range(NUM_SAMPLES)).images
        results["renderings"] = _shares(segmenter, halved(to_input(renderings)))
    print(json.dumps(results))


def _score(folder: Path, segmenter: Segmenter | None, args: argparse.Namespace) -> dict[str, Any]:
    """Fit on the labelled images of the run's domain and score on its held-out ones."""
    began, described = time.process_time(), json.loads((folder / "row.json").read_text())
    generator = build_generator(*read_network(folder, "generator"))
    distance = None
    if (folder / "discriminator.json").exists():
        network = build_discriminator(*read_network(folder, "discriminator"))
        distance = DiscriminatorDistance(network)
    tools = Tools.of(generator, perceptual=distance)
    options = inversion_options(steps=args.steps)
    images, masks, num_classes = _pairs(described["domain"], "labelled", args.labels, args.data)
    inverted = invert(tools, images, options)
    labels = Labels(label_px=generator.config.image_px, segmentation=masks)
    tasks = TaskSet(SegmentationTask(num_classes))
    ensemble = train_ensemble(
        generator,
        inverted.codes,
        labels,
        tasks=tasks,
        options=ensemble_options(num_members=args.members, steps=args.fit_steps),
        seed=0,
    )
    images, masks, _ = _pairs(described["domain"], "heldout", args.heldout, args.data)
    heldout = invert(tools, images, options)
    worn = _shares(segmenter, samples(generator, NUM_SAMPLES, described["seed"]))
    fitted = LabelGenerator(generator, ensemble)
    confusion = confusion_of(fitted, heldout.codes, masks, num_classes)
    return {
        **{name: described[name] for name in ("recipe", "domain", "seed")},
        "has_distance": distance is not None,
        "heldout_miou": round(confusion.mean_iou(), 4),
        "psnr_db": round(fmean(heldout.psnr_db.tolist()), 2),
        **(worn if described["domain"] == "portraits" else {}),
        "cpu_seconds": round(time.process_time() - began),
    }


def _shares(segmenter: Segmenter | None, images: Tensor) -> dict[str, float]:
    """Return the shares of images [n, 3, 32, 32] with glasses and with a hat."""
    if segmenter is None:
        return {}
    shares = worn_shares(segment(segmenter, to_bytes(images).numpy()))
    return {f"{part}_share": round(share, 4) for part, share in shares.items()}


def _read_segmenter(stem: Path | None) -> Segmenter | None:
    return None if stem is None else build_segmenter(*read_network(stem.parent, stem.name))


def _pairs(domain: str, split: str, count: int, data: Path | None) -> tuple[Tensor, Tensor, int]:
    """Return images [n, 3, 32, 32], masks [n, 32, 32] and the number of classes."""
    if domain == "faces":
        if data is None:
            raise SystemExit("expected --data FOLDER for a run on real faces, got none")
        faces = read_faces(data, split, count)
        return halved(faces.images), faces.masks[:, ::2, ::2], faces.num_classes
    seed = seed_of(split)
    pairs = render_pairs(seed, stratified_indices(seed, count))
    masks = torch.from_numpy(pairs.masks).long()
    return halved(to_input(pairs.images)), masks[:, ::2, ::2], len(CLASS_NAMES)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training.label_quality", description=__doc__
    )
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folder of a run")
    parser.add_argument("--data", type=Path, help="folder of real faces")
    parser.add_argument(
        "--segmenter",
        type=Path,
        metavar="STEM",
        help="network without its suffix, FOLDER/segmenter-32...",
    )
    parser.add_argument("--labels", type=int, default=16)
    parser.add_argument("--heldout", type=int, default=50)
    parser.add_argument("--steps", type=int, default=200, help="of the inversion")
    parser.add_argument("--members", type=int, default=ensemble_options().num_members)
    parser.add_argument(
        "--fit-steps", type=int, default=ensemble_options().steps, help="of the ensemble"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
