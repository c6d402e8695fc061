"""`python -m benchmarks.labels.compact`: compare the compact ensemble with the paper's on the same portraits.

Each draw of 16 and 50 labelled portraits is fitted once, then compressed as in a fit job. Both ensembles are scored on
the same features by mIoU and by the area under the error-rejection curve. The truth is exact for held-out inverted
portraits; for generated samples it comes from the reference segmenter. The last line is JSON.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import mean, stdev

import torch
from torch import Tensor

from benchmarks.defaults import ensemble_options, inversion_options
from benchmarks.inversion.codes import Coded, CodeStore, Networks
from benchmarks.labels.quality import MICRO_BATCH, SAMPLE_SEED, generated_truth
from benchmarks.labels.rejection import area_under_rejection
from benchmarks.options import network_parser
from benchmarks.segmenter.reference import reference_segmenter
from examples.portraits.classes import CLASS_NAMES
from models.arrays import Taps
from models.generators.stylegan2.generator import Generator
from models.labels.compact import compress
from models.labels.ensemble import Ensemble
from models.labels.features import SYNTHESIS_BATCH
from models.labels.label_generator import LabelGenerator
from models.labels.training import train_ensemble
from models.tasks.segmentation import ClassVotes, SegmentationTask
from models.tasks.segmentation_scores import ConfusionMatrix
from models.tasks.task_set import Labels, TaskSet

PAPER = "paper"
Figures = dict[str, float]


@dataclass
class Score:
    """Metrics of one label generator on one kind of truth."""

    confusion: ConfusionMatrix = field(default_factory=lambda: ConfusionMatrix(len(CLASS_NAMES)))
    scores: list[Tensor] = field(default_factory=list)
    errors: list[Tensor] = field(default_factory=list)

    def add(self, fitted: LabelGenerator, taps: Taps, truth: Tensor) -> None:
        """Label some images and compare them with the truth."""
        votes = fitted.label(taps).of(ClassVotes)
        predicted = votes.probabilities.argmax(dim=1)
        self.confusion.add(predicted, truth)
        self.scores.append(votes.scores)
        self.errors.append((predicted != truth).float().flatten(1).mean(dim=1))

    def figures(self) -> Figures:
        """Return mIoU and the area under the curve of pixel error against rejected images."""
        area = area_under_rejection(torch.cat(self.scores), torch.cat(self.errors))
        return {"miou": self.confusion.mean_iou(), "area": area}


@dataclass(frozen=True)
class Truth:
    """Codes and masks by kind: held-out and generated."""

    generator: Generator
    sets: dict[str, tuple[Tensor, Tensor]]

    def score(self, fits: dict[str, LabelGenerator]) -> dict[str, Figures]:
        """Score every fit on the same features. Each feature map is synthesised once."""
        figures: dict[str, Figures] = {kind: {} for kind in fits}
        for name, (all_ws, all_masks) in self.sets.items():
            scores = {kind: Score() for kind in fits}
            batches = zip(all_ws.split(MICRO_BATCH), all_masks.split(MICRO_BATCH), strict=True)
            for ws, masks in batches:
                with torch.no_grad():
                    taps = self.generator.synthesize(ws).taps
                for kind, fitted in fits.items():
                    scores[kind].add(fitted, taps, masks)
            for kind, score in scores.items():
                figures[kind] |= {f"{name}_{key}": value for key, value in score.figures().items()}
        return figures


def main() -> None:
    """Fit and score every draw. Print each row to stderr and the paired summary as one line of JSON."""
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
    print(json.dumps({"benchmark": "compact", "fits": len(rows), "ranks": summary(rows)}))


def _truth(codes: CodeStore, options: argparse.Namespace) -> Truth:
    generator = codes.networks.generator
    segmenter = reference_segmenter(options.folder)
    heldout = codes.labelled("heldout", 0, options.heldout)
    generated = generated_truth(generator, segmenter, SAMPLE_SEED, options.generated)
    sets = {"heldout": (heldout.ws, heldout.masks), "generated": generated}
    return Truth(generator, sets)


def _compare(truth: Truth, coded: Coded, ranks: Sequence[int], *, seed: int) -> dict[str, Figures]:
    """Score the paper's ensemble and its compressed form at each rank, all from the same labelled portraits."""
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
    scores = truth.score({name: LabelGenerator(generator, fit) for name, fit in fits.items()})
    return {name: {**scores[name], "fit_seconds": seconds[name]} for name in fits}


def fit_paper(generator: Generator, coded: Coded, *, seed: int) -> Ensemble:
    """Train the paper's ensemble on the masks of inverted portraits."""
    return train_ensemble(
        generator,
        coded.ws,
        Labels(label_px=generator.config.image_px, segmentation=coded.masks),
        tasks=TaskSet(SegmentationTask(len(CLASS_NAMES))),
        options=ensemble_options(kind="paper"),
        seed=seed,
    )


def summary(rows: Sequence[dict[str, Figures]]) -> dict[str, dict[str, Figures]]:
    """Return, by rank and metric, both means and the paired difference (mIoU) or ratio to the paper's (all others)."""
    ranks = [name for name in rows[0] if name != PAPER]
    return {rank: {name: _paired(rows, rank, name) for name in rows[0][PAPER]} for rank in ranks}


def _paired(rows: Sequence[dict[str, Figures]], rank: str, name: str) -> Figures:
    pairs = [(row[rank][name], row[PAPER][name]) for row in rows]
    is_score = name.endswith("miou")
    paired = [own - paper if is_score else own / paper for own, paper in pairs]
    return _rounded(
        {
            "compact": mean(own for own, _ in pairs),
            "paper": mean(paper for _, paper in pairs),
            "difference" if is_score else "ratio": mean(paired),
            "standard_error": stdev(paired) / math.sqrt(len(paired)) if len(paired) > 1 else 0.0,
        }
    )


def _rounded(figures: Figures) -> Figures:
    return {name: float(f"{value:.4g}") for name, value in figures.items()}


def _parse() -> argparse.Namespace:
    parser = network_parser("benchmarks.labels.compact", __doc__)
    parser.add_argument("--labels", type=int, nargs="+", default=[16, 50])
    parser.add_argument("--ranks", type=int, nargs="+", default=[ensemble_options().rank])
    parser.add_argument("--draws", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--heldout", type=int, default=200)
    parser.add_argument("--generated", type=int, default=1_000)
    return parser.parse_args()


if __name__ == "__main__":
    main()
