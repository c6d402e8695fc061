"""`python -m benchmarks.labels.estimates`: compare a fit's estimate of its label quality with the true quality.

Each fit has the cross-validated estimate that the service reports, and its score on held-out images. The estimate is
compared with the best constant: for each fit, the mean truth of the others, which no owner of a fit knows. With the
folder of real faces and a diffusion model of them, fits of both domains are judged together. The last line is JSON.
"""

import argparse
import json
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.defaults import ensemble_options
from benchmarks.labels.estimate_domains import Domain, LabelledImages, open_domains
from benchmarks.labels.quality import MICRO_BATCH
from benchmarks.options import BUILTIN_DIFFUSION, network_parser
from contracts.fits.metrics import TaskMetrics
from models.generators.generator import Mirrorable
from models.labels.label_generator import LabelGenerator
from workers.fitting.downstream import mirror_swaps
from workers.fitting.estimates import cross_validate
from workers.fitting.mirroring import Mirrored
from workers.fitting.scoring import Scorer
from workers.fitting.trainer import Trainer
from workers.runtime.micro_batches import MicroBatches

SIZES = (16, 32)
NUM_DRAWS = 10_000
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Figures:
    """The main metric of each task; NaN for one without data."""

    miou: float
    pck: float
    absrel: float

    @classmethod
    def of(cls, metrics: TaskMetrics) -> "Figures":
        """Return the figures of one score."""
        pck = metrics.keypoints.pck if metrics.keypoints else None
        absrel = metrics.depth.absrel if metrics.depth else None
        values = (metrics.miou, pck, absrel)
        return cls(*(float("nan") if value is None else round(value, 4) for value in values))


@dataclass(frozen=True)
class Judged:
    """One fit: its domain, its estimate and its truth. `classes` are (estimated IoU, true IoU) of each scored class."""

    domain: str
    predicted: Figures
    true: Figures
    classes: list[tuple[float, float]]


def main() -> None:
    """Run one fit for every domain, size and draw. Print the summary as one line of JSON."""
    options = _parse()
    fits = []
    for domain in open_domains(options):
        heldout = domain.heldout(options.heldout)
        for draw, count in product(range(options.draws), options.sizes):
            fits.append(
                _judge(domain, domain.labelled(draw).subset(count, seed=draw), draw, heldout)
            )
            print(json.dumps({"labels": count, **_line(fits[-1])}), file=sys.stderr, flush=True)
    print(json.dumps({"benchmark": "estimates", **summary(fits)}))


def summary(fits: list[Judged]) -> dict[str, Any]:
    """Return how far the estimates are from the truth, of all fits together."""
    domains = Counter(fit.domain for fit in fits)
    classes = np.array([pair for fit in fits for pair in fit.classes])
    return {
        "fits": len(fits),
        "domains": dict(domains),
        **{
            name: compare(
                np.array([getattr(fit.predicted, name) for fit in fits]),
                np.array([getattr(fit.true, name) for fit in fits]),
            )
            for name in asdict(fits[0].true)
        },
        "class_iou": compare(*classes.T),
    }


def compare(predicted: Values, true: Values) -> dict[str, Any] | None:
    """Return the mean absolute gap of the prediction and of the best constant, and Spearman's rho; None below 3 fits.

    `constant_gap`: each fit is predicted by the mean truth of the others. `gain` is constant_gap - mean_gap with its
    95% interval, a bootstrap over fits (paired: both gaps of a fit are drawn together).
    """
    known = ~(np.isnan(predicted) | np.isnan(true))
    predicted, true = predicted[known], true[known]
    if len(true) < 3:
        return None
    others = (true.sum() - true) / (len(true) - 1)
    gaps, constant_gaps = np.abs(predicted - true), np.abs(others - true)
    chosen = np.random.default_rng(0).integers(0, len(true), (NUM_DRAWS, len(true)))
    gains = (constant_gaps - gaps)[chosen].mean(axis=1)
    return {
        "mean_gap": round(float(gaps.mean()), 4),
        "mean_error": round(float((predicted - true).mean()), 4),
        "constant_gap": round(float(constant_gaps.mean()), 4),
        "gain": round(float((constant_gaps - gaps).mean()), 4),
        "gain_interval": [round(float(end), 4) for end in np.quantile(gains, [0.025, 0.975])],
        "spearman": round(float(np.corrcoef(_ranks(predicted), _ranks(true))[0, 1]), 3),
    }


def _ranks(values: Values) -> Values:
    """Return the rank of each value. Equal values share their mean rank."""
    below = (values[None] < values[:, None]).sum(axis=1)
    equal = (values[None] == values[:, None]).sum(axis=1)
    return np.asarray(below + (equal - 1) / 2, dtype=np.float64)


def _judge(domain: Domain, labelled: LabelledImages, seed: int, heldout: LabelledImages) -> Judged:
    trainer = Trainer(
        generator=domain.generator,
        pairs=labelled.pairs,
        codes=labelled.codes,
        options=ensemble_options(),
        seed=seed,
        micro_batches=MicroBatches(MICRO_BATCH),
        digest="",
        mirrored=_mirrored(domain, labelled),
    )
    validation = cross_validate(trainer, _ignore)
    assert validation is not None
    ensemble = trainer.train(trainer.options, _ignore)
    measured = _score(LabelGenerator(domain.generator, ensemble), heldout)
    estimated = validation.estimate
    return Judged(
        domain.name,
        Figures.of(estimated),
        Figures.of(measured),
        _by_class(estimated, measured),
    )


def _mirrored(domain: Domain, labelled: LabelledImages) -> Mirrored | None:
    """Return the mirrored images that a fit trains on by default."""
    swaps = mirror_swaps(labelled.pairs.schema)
    if swaps is None or not isinstance(domain.generator, Mirrorable):
        return None
    return Mirrored(domain.generator.mirrored(labelled.codes), swaps)


def _line(fit: Judged) -> dict[str, Any]:
    return {
        "domain": fit.domain,
        "predicted": asdict(fit.predicted),
        "true": asdict(fit.true),
    }


def _by_class(predicted: TaskMetrics, true: TaskMetrics) -> list[tuple[float, float]]:
    """Return pairs of estimated and true IoU for each class that has both."""
    both = ((iou, true.class_iou[name]) for name, iou in predicted.class_iou.items())
    return [(one, other) for one, other in both if one is not None and other is not None]


def _score(label_generator: LabelGenerator, heldout: LabelledImages) -> TaskMetrics:
    pairs = heldout.pairs
    scorer = Scorer(pairs.codecs, pairs.schema, pairs.px)
    for chosen in torch.arange(len(pairs)).split(MICRO_BATCH):
        rendered = label_generator.render(heldout.codes[chosen])
        scorer.add(rendered.labels, pairs.label_tensors(chosen.tolist()))
    return scorer.metrics()


def _ignore(done: int, total: int) -> None:
    """Ignore the progress of a training."""


def _parse() -> argparse.Namespace:
    parser = network_parser("benchmarks.labels.estimates", __doc__)
    parser.set_defaults(generator=BUILTIN_DIFFUSION)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--heldout", type=int, default=200)
    parser.add_argument("--faces", type=Path, help="folder of real faces; skipped if missing")
    parser.add_argument(
        "--faces-generator",
        type=Path,
        default=Path("faces"),
        help="folder of their diffusion model",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
