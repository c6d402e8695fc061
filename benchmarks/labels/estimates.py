"""`python -m benchmarks.labels.estimates`: compare a fit's estimate of its label quality with the true quality.

Fits use 8 to 50 inverted portraits. Each has the cross-validated estimate that the service reports, and its score on
held-out inverted portraits. The last line is JSON.
"""

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.defaults import ensemble_options, inversion_options
from benchmarks.inversion.codes import CodeStore, Networks
from benchmarks.labels.quality import MICRO_BATCH
from benchmarks.options import network_parser
from contracts.fits.metrics import TaskMetrics
from contracts.schemas import LabelSchema
from examples.portraits.classes import IMAGE_PX
from examples.portraits.labelset import MASKS_SCHEMA, OTHER_SCHEMAS, stratified_indices
from examples.portraits.many import render_many
from examples.portraits.splits import seed_of
from models.generators.stylegan2.generator import Generator
from models.labels.label_generator import LabelGenerator
from workers.codecs.registry import TASKS
from workers.fitting.estimates import cross_validate
from workers.fitting.pairs import Pairs
from workers.fitting.scoring import Scorer
from workers.fitting.trainer import Trainer
from workers.runtime.micro_batches import MicroBatches

SCHEMA = LabelSchema.model_validate(MASKS_SCHEMA | OTHER_SCHEMAS)
LARGEST = 50
"""Size of the sets from which smaller sets are drawn. The quality benchmark caches codes for sets of this size."""
SIZES = (8, 12, 16, 24, 36, 50)


@dataclass(frozen=True)
class Portraits:
    """Inverted portraits with their images and exact labels."""

    ws: Tensor
    pairs: Pairs

    @classmethod
    def read(cls, codes: CodeStore, split: str, draw: int, count: int) -> "Portraits":
        """Read the stratified set of a split."""
        seed = seed_of(split, draw)
        indices = stratified_indices(seed, count)
        truth = list(render_many(seed, indices))
        pairs = Pairs(
            names=tuple(str(index) for index in indices),
            images=tuple(one.image for one in truth),
            labels=tuple(
                {"segmentation": one.mask, "keypoints": one.keypoints, "depth": one.depth}
                for one in truth
            ),
            schema=SCHEMA,
            codecs=TASKS,
            px=(IMAGE_PX, IMAGE_PX),
        )
        return cls(codes.labelled(split, draw, count).ws, pairs)

    def subset(self, count: int, seed: int) -> "Portraits":
        """Return `count` of them drawn at random, because a user's images are not stratified."""
        chosen = np.random.default_rng(seed).permutation(len(self.pairs))[:count].tolist()
        pairs = Pairs(
            names=tuple(self.pairs.names[place] for place in chosen),
            images=tuple(self.pairs.images[place] for place in chosen),
            labels=tuple(self.pairs.labels[place] for place in chosen),
            schema=self.pairs.schema,
            codecs=self.pairs.codecs,
            px=self.pairs.px,
        )
        return Portraits(self.ws[chosen], pairs)


@dataclass(frozen=True)
class Figures:
    """The main metric of each task."""

    miou: float
    pck: float
    absrel: float

    @classmethod
    def of(cls, metrics: TaskMetrics) -> "Figures":
        """Return NaN for a metric without data."""
        pck = metrics.keypoints.pck if metrics.keypoints else None
        absrel = metrics.depth.absrel if metrics.depth else None
        values = (metrics.miou, pck, absrel)
        return cls(*(float("nan") if value is None else round(value, 4) for value in values))


def main() -> None:
    """Run one fit for every size and draw. Print the summary as one line of JSON."""
    options = _parse()
    codes = CodeStore(options.folder, Networks.read(options.generator), inversion_options())
    generator = codes.networks.generator
    heldout = Portraits.read(codes, "heldout", 0, options.heldout)
    predicted: list[Figures] = []
    true: list[Figures] = []
    classes: list[tuple[float, float]] = []
    for draw, count in product(range(options.draws), options.sizes):
        labelled = Portraits.read(codes, "labelled", draw, LARGEST).subset(count, seed=draw)
        trainer = _trainer(generator, labelled, seed=draw)
        validation = cross_validate(trainer, _ignore)
        assert validation is not None
        estimated = validation.estimate
        ensemble = trainer.train(trainer.options, _ignore)
        measured = _score(LabelGenerator(generator, ensemble), heldout)
        predicted.append(Figures.of(estimated))
        true.append(Figures.of(measured))
        classes += _by_class(estimated, measured)
        line = {"labels": count, "predicted": asdict(predicted[-1]), "true": asdict(true[-1])}
        print(json.dumps(line), file=sys.stderr, flush=True)
    summary = {
        name: compare(_column(predicted, name), _column(true, name)) for name in asdict(true[0])
    }
    summary["class_iou"] = compare(*np.array(classes).T)
    print(json.dumps({"benchmark": "estimates", "fits": len(true), **summary}))


def compare(predicted: NDArray[np.float64], true: NDArray[np.float64]) -> dict[str, float]:
    """Return the mean absolute gap of the prediction and of the best constant (the true median), and Spearman's rho."""
    constant = np.abs(true - np.median(true)).mean()
    return {
        "mean_gap": round(float(np.abs(predicted - true).mean()), 4),
        "mean_error": round(float((predicted - true).mean()), 4),
        "constant_gap": round(float(constant), 4),
        "spearman": round(float(np.corrcoef(_ranks(predicted), _ranks(true))[0, 1]), 3),
    }


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rank of each value. Equal values share their mean rank."""
    below = (values[None] < values[:, None]).sum(axis=1)
    equal = (values[None] == values[:, None]).sum(axis=1)
    return np.asarray(below + (equal - 1) / 2, dtype=np.float64)


def _trainer(generator: Generator, labelled: Portraits, *, seed: int) -> Trainer:
    return Trainer(
        generator=generator,
        pairs=labelled.pairs,
        codes=labelled.ws,
        options=ensemble_options(),
        seed=seed,
        micro_batches=MicroBatches(MICRO_BATCH),
        digest="",
    )


def _by_class(predicted: TaskMetrics, true: TaskMetrics) -> list[tuple[float, float]]:
    """Return pairs of estimated and true IoU for each class that has both."""
    both = ((iou, true.class_iou[name]) for name, iou in predicted.class_iou.items())
    return [(one, other) for one, other in both if one is not None and other is not None]


def _score(label_generator: LabelGenerator, heldout: Portraits) -> TaskMetrics:
    pairs = heldout.pairs
    scorer = Scorer(pairs.codecs, pairs.schema, pairs.px)
    for chosen in torch.arange(len(pairs)).split(MICRO_BATCH):
        places = chosen.tolist()
        rendered = label_generator.render(heldout.ws[chosen])
        scorer.add(rendered.labels, pairs.label_tensors(places))
    return scorer.metrics()


def _column(figures: list[Figures], name: str) -> NDArray[np.float64]:
    return np.array([getattr(one, name) for one in figures])


def _ignore(done: int, total: int) -> None:
    """Ignore the progress of a training."""


def _parse() -> argparse.Namespace:
    parser = network_parser("benchmarks.labels.estimates", __doc__)
    parser.add_argument("--draws", type=int, default=2)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--heldout", type=int, default=200)
    return parser.parse_args()


if __name__ == "__main__":
    main()
