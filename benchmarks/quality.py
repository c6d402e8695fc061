"""`python -m benchmarks.quality`: how good labels become with 16 and 50 labelled portraits, over several draws.

Held-out scores are of inverted portraits never trained on, against exact truth; generated ones are of labels of samples
against the reference segmenter. Held-out alone rewards codes that no sample ever has, generated alone trusts the
segmenter. The ceilings are the same features with 500 labels. Ends in one line of JSON.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.codes import CodeStore, Networks
from benchmarks.defaults import ensemble_options, inversion_options
from benchmarks.reference_segmenter import FOLDER, reference_segmenter, worn_shares
from benchmarks.segmenter import Segmenter, segment
from examples.portraits.classes import CLASS_NAMES
from models.generators.stylegan2.generator import Generator
from models.labels.label_generator import LabelGenerator, to_bytes
from models.labels.metrics import ConfusionMatrix
from models.labels.tasks import Labels, SegmentationTask, TaskSet
from models.labels.training import train_ensemble
from models.sampling import Candidate, latents

BUILTIN = Path("assets/generators/portraits-64")
LABELS = (16, 50)
NUM_CEILING = 500
CEILING_DRAW = 900
NUM_GENERATED = 1_000
SAMPLE_SEED, CEILING_SEED, SHARES_SEED = 1, 2, 3
MICRO_BATCH = 32


@dataclass(frozen=True)
class Truth:
    """What every fit is scored on: codes with their masks, held-out and generated."""

    heldout_ws: Tensor
    heldout_masks: Tensor
    generated_ws: Tensor
    generated_masks: Tensor


@dataclass(frozen=True)
class Quality:
    """Scores of one label generator; per class, NaN where a class does not occur."""

    heldout: ConfusionMatrix
    generated: ConfusionMatrix


def main() -> None:
    """Run every draw, print a table to stderr and the summary as one line of JSON."""
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
            runs.append(_judge(networks.generator, coded.ws, coded.masks, truth, seed=draw))
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
    """Codes of samples, and what the reference segmenter sees in their images."""
    ws = _sample_codes(generator, seed, count)
    seen = segment(segmenter, _images(generator, ws))
    return ws, torch.from_numpy(seen).long()


def _sample_codes(generator: Generator, seed: int, count: int) -> Tensor:
    """Codes of untruncated samples: all that the generator can make."""
    z = latents(seed, [Candidate(index) for index in range(count)], generator.config.z_dim)
    return generator.map(z)


def _images(generator: Generator, ws: Tensor) -> NDArray[np.uint8]:
    parts = [to_bytes(generator.synthesize(part).images) for part in ws.split(MICRO_BATCH)]
    return torch.cat(parts).numpy()


def _judge(generator: Generator, ws: Tensor, masks: Tensor, truth: Truth, *, seed: int) -> Quality:
    """Fit an ensemble on coded masks and score it on both kinds of truth."""
    labels = Labels(label_px=generator.config.image_px, masks=masks)
    tasks = TaskSet(segmentation=SegmentationTask(len(CLASS_NAMES)))
    options = ensemble_options()
    ensemble = train_ensemble(generator, ws, labels, tasks=tasks, options=options, seed=seed)
    fitted = LabelGenerator(generator, ensemble)
    return Quality(
        heldout=_confusion(fitted, truth.heldout_ws, truth.heldout_masks),
        generated=_confusion(fitted, truth.generated_ws, truth.generated_masks),
    )


def _confusion(fitted: LabelGenerator, ws: Tensor, masks: Tensor) -> ConfusionMatrix:
    confusion = ConfusionMatrix(len(CLASS_NAMES))
    for codes, truth in zip(ws.split(MICRO_BATCH), masks.split(MICRO_BATCH), strict=True):
        found = fitted.render(codes).masks
        if found is not None:
            confusion.add(found.long(), truth)
    return confusion


def _ceilings(codes: CodeStore, segmenter: Segmenter, truth: Truth) -> dict[str, Any]:
    """Each figure with 500 labels of its own kind: inverted portraits, or samples labelled by the segmenter."""
    generator = codes.networks.generator
    coded = codes.labelled("labelled", CEILING_DRAW, NUM_CEILING)
    heldout = _judge(generator, coded.ws, coded.masks, truth, seed=0).heldout
    ws, masks = generated_truth(generator, segmenter, CEILING_SEED, NUM_CEILING)
    generated = _judge(generator, ws, masks, truth, seed=0).generated
    return {
        "heldout_miou": round(heldout.mean_iou(), 4),
        "generated_miou": round(generated.mean_iou(), 4),
    }


def _shares(generator: Generator, segmenter: Segmenter, count: int) -> dict[str, float]:
    """How many of `count` samples wear glasses or a hat, as the segmenter sees them."""
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
    """Mean and deviation of mIoU over the draws, and the mean IoU of each class."""
    miou = [run.mean_iou() for run in runs]
    iou = np.nanmean([run.iou().numpy() for run in runs], axis=0)
    return {
        "miou": round(mean(miou), 4),
        "deviation": round(stdev(miou), 4) if len(miou) > 1 else None,
        "iou": {name: round(float(v), 3) for name, v in zip(CLASS_NAMES, iou, strict=True)},
    }


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("--generator", type=Path, default=BUILTIN, help="folder of networks")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="segmenter, codes")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--heldout", type=int, default=200)
    parser.add_argument("--steps", type=int, default=inversion_options().steps)
    parser.add_argument(
        "--shares", type=int, default=10_000, help="samples to look for rare modes in"
    )
    parser.add_argument("--ceilings", action=argparse.BooleanOptionalAction, default=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
