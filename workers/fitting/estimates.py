"""Estimates the label quality of a fit without further labelled images, by cross-validation over its images.

All images are inverted already, so a fold costs only the training of an ensemble, which is smaller than the fit's:
`MAX_MEMBERS` members and `MAX_STEPS` steps. Each image is labelled by the ensemble that never saw its label.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from contracts.fits.metrics import Estimate, ImageEstimate, TaskMetrics
from models.labels.cross_validation import deal_folds, num_folds
from models.labels.label_generator import LabelGenerator
from models.tasks.task import TaskLabels
from workers.codecs.task import CrossValidated, TaskCodec
from workers.fitting.pairs import Pairs
from workers.fitting.scoring import Scorer
from workers.fitting.trainer import Trainer

MAX_MEMBERS = 3
MAX_STEPS = 500
MAX_WORST = 5


@dataclass(frozen=True)
class CrossValidation:
    """The estimate of a fit, the images that each fold held out, and the quality of each image's labels.

    A quality is the mean over the tasks, 1 for perfect labels.
    """

    estimate: Estimate
    folds: Sequence[Sequence[int]]
    qualities: Sequence[float]


def cross_validate(trainer: Trainer, on_step: Callable[[int, int], None]) -> CrossValidation | None:
    """Return the cross-validated score of every task and image; None for a single image.

    `on_step(done, total)` is called after every step of all folds' trainings.
    """
    pairs, full = trainer.pairs, trainer.options
    if len(pairs) < 2:
        return None
    options = replace(
        full,
        kind="paper",  # labelling a few images takes less time than making an ensemble compact
        num_members=min(MAX_MEMBERS, full.num_members),
        steps=min(MAX_STEPS, full.steps),
    )
    presence = traits(pairs)
    folds = deal_folds(
        torch.cat(list(presence.values()), dim=1), num_folds(len(pairs)), trainer.seed
    )
    total, images = Scorer(pairs.codecs, pairs.schema, pairs.px), []
    for number, fold in enumerate(folds):
        held_out = fold.tolist()
        others = [index for index in range(len(pairs)) if index not in held_out]
        ensemble = trainer.train(
            options,
            _steps(on_step, number, len(folds)),
            others,
            name=f"estimating-{options.min_tap_px}-{number}",
        )
        scorer = _FoldScorer(LabelGenerator(trainer.generator, ensemble), trainer)
        images += [(index, scorer.add(index, total)) for index in held_out]
    fields: dict[str, Any] = {}
    for codec in pairs.codecs:
        trait_images = presence[codec.name].sum(dim=0).tolist()
        result = CrossValidated(total.values(codec.name), trait_images)
        fields |= codec.estimated(result, pairs.schema)
    by_index = dict(images)
    qualities = [_quality(pairs.codecs, by_index[index]) for index in range(len(pairs))]
    worst = sorted(by_index, key=qualities.__getitem__)[:MAX_WORST]
    estimate = Estimate(
        **fields,
        num_folds=len(folds),
        num_members=options.num_members,
        num_steps=options.steps,
        worst_images=tuple(by_index[index] for index in worst),
    )
    return CrossValidation(estimate, [fold.tolist() for fold in folds], qualities)


def _steps(
    on_step: Callable[[int, int], None], fold: int, num_folds: int
) -> Callable[[int, int], None]:
    """Return a callback that counts the steps of one fold among those of all folds."""
    return lambda done, total: on_step(fold * total + done, num_folds * total)


def traits(pairs: Pairs) -> dict[str, Tensor]:  # => Bool[images, traits] by task
    """Return the traits of each image: its classes, keypoints and depth. Masks are large, so read one at a time."""
    tasks = {codec.name: codec.task(pairs.schema) for codec in pairs.codecs}
    labels = [pairs.label_tensors([index]) for index in range(len(pairs))]
    return {
        name: torch.cat([task.traits(one[name]) for one in labels]) for name, task in tasks.items()
    }


@dataclass(frozen=True)
class _FoldScorer:
    """Scores one fold's label generator on the images that it never saw."""

    label_generator: LabelGenerator
    trainer: Trainer

    def add(self, index: int, total: Scorer) -> ImageEstimate:
        """Label one image, add its score to the total, and return its own score."""
        pairs, codes = self.trainer.pairs, self.trainer.codes
        rendered = self.label_generator.render(codes[index : index + 1])
        own = Scorer(pairs.codecs, pairs.schema, pairs.px)
        for scorer in (own, total):
            scorer.add(rendered.labels, pairs.label_tensors([index]))
        return _headlines(pairs.codecs, pairs.names[index], own.metrics())


def quality_of(pairs: Pairs, index: int, predicted: Mapping[str, TaskLabels]) -> float:
    """Return the quality of predicted labels of one image: the mean over the tasks, 1 for perfect labels."""
    scorer = Scorer(pairs.codecs, pairs.schema, pairs.px)
    scorer.add(predicted, pairs.label_tensors([index]))
    return overall(pairs.codecs, scorer.metrics())


def overall(codecs: Sequence[TaskCodec], metrics: TaskMetrics) -> float:
    """Return one number to compare fits of the same images: the mean over the tasks, 1 for perfect labels."""
    return _quality(codecs, _headlines(codecs, "", metrics))


def _headlines(codecs: Sequence[TaskCodec], name: str, metrics: TaskMetrics) -> ImageEstimate:
    fields: dict[str, Any] = dict(codec.headline(metrics) for codec in codecs)
    return ImageEstimate(name=name, **fields)


def _quality(codecs: Sequence[TaskCodec], image: ImageEstimate) -> float:
    """Return one number to order images by: the mean over the scored tasks, 1 for perfect labels."""
    headlines = image.model_dump(exclude={"name"}, exclude_none=True)
    fields = {codec: codec.headline(TaskMetrics())[0] for codec in codecs}
    scores = [codec.quality(headlines[name]) for codec, name in fields.items() if name in headlines]
    return fmean(scores) if scores else 1.0
