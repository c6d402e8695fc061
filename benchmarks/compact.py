"""`python -m benchmarks.compact`: the compact ensemble against the paper's, fitted on the same portraits.

Every draw of 16 and 50 labelled portraits is fitted once and made compact as a fit does it. Both are scored on the same
features: mIoU and the area under the error-rejection curve, held-out (inverted portraits, exact truth) and generated
(samples, as the reference segmenter sees them). Ends in one line of JSON.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, stdev

import torch
from torch import Tensor

from benchmarks.codes import Coded, CodeStore, Networks
from benchmarks.defaults import ensemble_options, inversion_options
from benchmarks.quality import BUILTIN, MICRO_BATCH, SAMPLE_SEED, generated_truth
from benchmarks.reference_segmenter import FOLDER, reference_segmenter
from benchmarks.rejection import area_under_rejection
from examples.portraits.classes import CLASS_NAMES
from models.arrays import Taps
from models.generators.stylegan2.generator import Generator
from models.labels.compact import compress
from models.labels.ensemble import Ensemble
from models.labels.features import SYNTHESIS_BATCH
from models.labels.label_generator import LabelGenerator
from models.labels.metrics import ConfusionMatrix
from models.labels.tasks import Labels, SegmentationTask, TaskSet
from models.labels.training import train_ensemble

PAPER = "paper"
Figures = dict[str, float]


@dataclass
class Score:
    """What one label generator is worth on one kind of truth."""

    confusion: ConfusionMatrix = field(default_factory=lambda: ConfusionMatrix(len(CLASS_NAMES)))
    scores: list[Tensor] = field(default_factory=list)
    errors: list[Tensor] = field(default_factory=list)

    def add(self, fitted: LabelGenerator, taps: Taps, truth: Tensor) -> None:
        """Labels some images and compares."""
        votes = fitted.label(taps).segmentation
        assert votes is not None
        found = votes.probabilities.argmax(dim=1)
        self.confusion.add(found, truth)
        self.scores.append(votes.scores)
        self.errors.append((found != truth).float().flatten(1).mean(dim=1))

    def figures(self) -> Figures:
        """mIoU, and the area under the curve of pixel errors over rejected images."""
        area = area_under_rejection(torch.cat(self.scores), torch.cat(self.errors))
        return {"miou": self.confusion.mean_iou(), "area": area}


@dataclass(frozen=True)
class Truth:
    """Codes with their masks, by kind: held-out and generated."""

    generator: Generator
    sets: dict[str, tuple[Tensor, Tensor]]

    def judge(self, fits: dict[str, LabelGenerator]) -> dict[str, Figures]:
        """Every fit on the same features, synthesised once."""
        found: dict[str, Figures] = {kind: {} for kind in fits}
        for name, (all_ws, all_masks) in self.sets.items():
            scores = {kind: Score() for kind in fits}
            batches = zip(all_ws.split(MICRO_BATCH), all_masks.split(MICRO_BATCH), strict=True)
            for ws, masks in batches:
                with torch.no_grad():
                    taps = self.generator.synthesize(ws).taps
                for kind, fitted in fits.items():
                    scores[kind].add(fitted, taps, masks)
            for kind, score in scores.items():
                found[kind] |= {f"{name}_{key}": value for key, value in score.figures().items()}
        return found


def main() -> None:
    """Fit and judge every draw, print each row to stderr and the paired summary as one line of JSON."""
    options = _parse()
    codes = CodeStore(options.folder, Networks.read(options.generator), inversion_options())
    truth = _truth(codes, options)
    rows = []
    for count in options.labels:
        for draw in options.draws:
            coded = codes.labelled("labelled", draw, count)
            row = _compare(truth, coded, options.ranks, seed=draw)
            rows.append(row)
            figures = {name: _rounded(each) for name, each in row.items()}
            line = {"labels": count, "draw": draw, **figures}
            print(json.dumps(line), file=sys.stderr, flush=True)
    told = {"benchmark": "compact", "fits": len(rows), "ranks": summary(rows)}
    print(json.dumps(told))


def _truth(codes: CodeStore, options: argparse.Namespace) -> Truth:
    generator = codes.networks.generator
    segmenter = reference_segmenter(options.folder)
    heldout = codes.labelled("heldout", 0, options.heldout)
    generated = generated_truth(generator, segmenter, SAMPLE_SEED, options.generated)
    sets = {"heldout": (heldout.ws, heldout.masks), "generated": generated}
    return Truth(generator, sets)


def _compare(truth: Truth, coded: Coded, ranks: Sequence[int], *, seed: int) -> dict[str, Figures]:
    """The paper's ensemble and what becomes of it at each rank, on the same labelled portraits."""
    generator, fits, seconds = truth.generator, {}, {}
    began = time.process_time()
    paper = fit_paper(generator, coded, seed=seed)
    fits[PAPER], seconds[PAPER] = paper, time.process_time() - began
    for rank in ranks:
        began = time.process_time()
        name = str(rank)
        fits[name] = compress(
            paper, generator, coded.ws, rank=rank, seed=seed, micro_batch=SYNTHESIS_BATCH
        )
        seconds[name] = seconds[PAPER] + time.process_time() - began
    judged = truth.judge({name: LabelGenerator(generator, fit) for name, fit in fits.items()})
    return {name: {**judged[name], "fit_seconds": seconds[name]} for name in fits}


def fit_paper(generator: Generator, coded: Coded, *, seed: int) -> Ensemble:
    """The paper's ensemble on the masks of coded portraits."""
    return train_ensemble(
        generator,
        coded.ws,
        Labels(label_px=generator.config.image_px, masks=coded.masks),
        tasks=TaskSet(segmentation=SegmentationTask(len(CLASS_NAMES))),
        options=ensemble_options(kind="paper"),
        seed=seed,
    )


def summary(rows: Sequence[dict[str, Figures]]) -> dict[str, dict[str, Figures]]:
    """By rank and figure: both means, and the paired difference (mIoU) or share of the paper's (all else)."""
    ranks = [name for name in rows[0] if name != PAPER]
    return {rank: {name: _paired(rows, rank, name) for name in rows[0][PAPER]} for rank in ranks}


def _paired(rows: Sequence[dict[str, Figures]], rank: str, name: str) -> Figures:
    pairs = [(row[rank][name], row[PAPER][name]) for row in rows]
    is_score = name.endswith("miou")
    paired = [ours - theirs if is_score else ours / theirs for ours, theirs in pairs]
    return _rounded(
        {
            "compact": mean(ours for ours, _ in pairs),
            "paper": mean(theirs for _, theirs in pairs),
            "difference" if is_score else "ratio": mean(paired),
            "standard_error": stdev(paired) / math.sqrt(len(paired)) if len(paired) > 1 else 0.0,
        }
    )


def _rounded(figures: Figures) -> Figures:
    return {name: float(f"{value:.4g}") for name, value in figures.items()}


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compact", description=__doc__)
    parser.add_argument("--generator", type=Path, default=BUILTIN, help="folder of networks")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="segmenter, codes")
    parser.add_argument("--labels", type=int, nargs="+", default=[16, 50])
    parser.add_argument("--ranks", type=int, nargs="+", default=[ensemble_options().rank])
    parser.add_argument("--draws", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--heldout", type=int, default=200)
    parser.add_argument("--generated", type=int, default=1_000)
    return parser.parse_args()


if __name__ == "__main__":
    main()
