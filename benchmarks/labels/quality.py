"""`python -m benchmarks.labels.quality`: measure label quality for 16 and 50 labelled portraits, over several draws.

Held-out scores compare labels of inverted portraits, not used in training, with exact truth. Generated scores compare
labels of samples with the reference segmenter. Both are needed: held-out scores alone reward codes that sampling never
produces, and generated scores alone depend on the segmenter. Ceilings use the same features with 500 labels. The last
line is JSON.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.defaults import ensemble_options, inversion_options
from benchmarks.inversion.codes import CodeStore, Networks
from benchmarks.options import network_parser
from benchmarks.segmenter.network import Segmenter, segment
from benchmarks.segmenter.reference import reference_segmenter, worn_shares
from examples.portraits.classes import CLASS_NAMES
from models.generators.stylegan2.generator import Generator
from models.labels.label_generator import LabelGenerator, to_bytes
from models.labels.training import train_ensemble
from models.sampling import Candidate, latents
from models.tasks.segmentation import SegmentationTask
from models.tasks.segmentation_scores import ConfusionMatrix
from models.tasks.task_set import Labels, TaskSet

LABELS = (16, 50)
NUM_CEILING = 500
CEILING_DRAW = 900
NUM_GENERATED = 1_000
SAMPLE_SEED, CEILING_SEED, SHARES_SEED = 1, 2, 3
MICRO_BATCH = 32


@dataclass(frozen=True)
class Truth:
    """Codes and masks on which every fit is scored: held-out and generated."""

    heldout_ws: Tensor
    heldout_masks: Tensor
    generated_ws: Tensor
    generated_masks: Tensor


@dataclass(frozen=True)
class Quality:
    """Scores of one label generator. IoU is NaN for a class that does not occur."""

    heldout: ConfusionMatrix
    generated: ConfusionMatrix


def main() -> None:
    """Run every draw. Print a table to stderr and the summary as one line of JSON."""
    options = _parse()
    networks = Networks.read(options.generator)
    segmenter = reference_segmenter(options.folder)
    codes = CodeStore(options.folder, networks, inversion_options(steps=options.steps))
    truth = _truth(codes, segmenter, options)
    results: dict[str, Any] = {"benchmark": "quality", "steps": options.steps}
    results["shares"] = _shares(networks.generator, segmenter, options.shares)
    for count in LABELS:
        runs = []
        for draw in range(options.draws):
            coded = codes.labelled("labelled", draw, count)
            runs.append(_fit_and_score(networks.generator, coded.ws, coded.masks, truth, seed=draw))
        results[str(count)] = _summary(runs)
        print(f"{count} labels: {json.dumps(results[str(count)])}", file=sys.stderr, flush=True)
    if options.ceilings:
        results["ceiling"] = _ceilings(codes, segmenter, truth)
    print(json.dumps(results))


def _truth(codes: CodeStore, segmenter: Segmenter, options: argparse.Namespace) -> Truth:
    heldout = codes.labelled("heldout", 0, options.heldout)
    ws, masks = generated_truth(codes.networks.generator, segmenter, SAMPLE_SEED, NUM_GENERATED)
    return Truth(heldout.ws, heldout.masks, ws, masks)


def generated_truth(
    generator: Generator, segmenter: Segmenter, seed: int, count: int
) -> tuple[Tensor, Tensor]:
    """Return codes of samples, and the reference segmenter's masks of their images."""
    ws = _sample_codes(generator, seed, count)
    masks = segment(segmenter, _images(generator, ws))
    return ws, torch.from_numpy(masks).long()


def _sample_codes(generator: Generator, seed: int, count: int) -> Tensor:
    """Return codes of untruncated samples, which cover the generator's whole distribution."""
    z = latents(seed, [Candidate(index) for index in range(count)], generator.config.z_dim)
    return generator.map(z)


def _images(generator: Generator, ws: Tensor) -> NDArray[np.uint8]:
    parts = [to_bytes(generator.synthesize(part).images) for part in ws.split(MICRO_BATCH)]
    return torch.cat(parts).numpy()


def _fit_and_score(
    generator: Generator, ws: Tensor, masks: Tensor, truth: Truth, *, seed: int
) -> Quality:
    """Fit an ensemble on codes and masks, and score it on both kinds of truth."""
    labels = Labels(label_px=generator.config.image_px, segmentation=masks)
    tasks = TaskSet(SegmentationTask(len(CLASS_NAMES)))
    options = ensemble_options()
    ensemble = train_ensemble(generator, ws, labels, tasks=tasks, options=options, seed=seed)
    fitted = LabelGenerator(generator, ensemble)
    return Quality(
        heldout=confusion_of(fitted, truth.heldout_ws, truth.heldout_masks),
        generated=confusion_of(fitted, truth.generated_ws, truth.generated_masks),
    )


def confusion_of(
    fitted: LabelGenerator, ws: Tensor, masks: Tensor, num_classes: int = len(CLASS_NAMES)
) -> ConfusionMatrix:
    """Label codes and compare the masks with the true ones."""
    confusion = ConfusionMatrix(num_classes)
    for codes, truth in zip(ws.split(MICRO_BATCH), masks.split(MICRO_BATCH), strict=True):
        predicted = fitted.render(codes).labels["segmentation"]["masks"]
        confusion.add(predicted.long(), truth)
    return confusion


def _ceilings(codes: CodeStore, segmenter: Segmenter, truth: Truth) -> dict[str, Any]:
    """Score fits on 500 labels of the truth's own kind: inverted portraits, or samples labelled by the segmenter."""
    generator = codes.networks.generator
    coded = codes.labelled("labelled", CEILING_DRAW, NUM_CEILING)
    heldout = _fit_and_score(generator, coded.ws, coded.masks, truth, seed=0).heldout
    ws, masks = generated_truth(generator, segmenter, CEILING_SEED, NUM_CEILING)
    generated = _fit_and_score(generator, ws, masks, truth, seed=0).generated
    return {
        "heldout_miou": round(heldout.mean_iou(), 4),
        "generated_miou": round(generated.mean_iou(), 4),
    }


def _shares(generator: Generator, segmenter: Segmenter, count: int) -> dict[str, float]:
    """Return the shares of `count` samples in which the segmenter finds glasses or a hat."""
    masks = [
        segment(segmenter, _images(generator, part))
        for part in _sample_codes(generator, SHARES_SEED, count).split(500)
    ]
    return {name: round(share, 4) for name, share in worn_shares(np.concatenate(masks)).items()}


def _summary(runs: Sequence[Quality]) -> dict[str, Any]:
    return {
        kind: _spread([getattr(run, kind) for run in runs]) for kind in ("heldout", "generated")
    }


def _spread(runs: Sequence[ConfusionMatrix]) -> dict[str, Any]:
    """Return the mean and standard deviation of mIoU over the draws, and the mean IoU of each class."""
    miou = [run.mean_iou() for run in runs]
    iou = np.nanmean([run.iou().numpy() for run in runs], axis=0)
    return {
        "miou": round(mean(miou), 4),
        "deviation": round(stdev(miou), 4) if len(miou) > 1 else None,
        "iou": {name: round(float(v), 3) for name, v in zip(CLASS_NAMES, iou, strict=True)},
    }


def _parse() -> argparse.Namespace:
    parser = network_parser("benchmarks.labels.quality", __doc__)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--heldout", type=int, default=200)
    parser.add_argument("--steps", type=int, default=inversion_options().steps)
    parser.add_argument(
        "--shares", type=int, default=10_000, help="samples in which to count rare modes"
    )
    parser.add_argument("--ceilings", action=argparse.BooleanOptionalAction, default=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
