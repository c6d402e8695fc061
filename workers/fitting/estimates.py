"""What can be known of a fit's label quality without further labelled images: cross-validation over its own.

Every image has been inverted already, so a fold costs the training of an ensemble only, and of a smaller one than the
fit's: `MAX_MEMBERS` members and `MAX_STEPS` steps. Each image is labelled by the ensemble that never saw its label.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from contracts.fits.metrics import Estimate, ImageEstimate, TaskMetrics
from contracts.schemas import LabelSchema
from models.labels.cross_validation import deal_folds, num_folds
from models.labels.label_generator import LabelGenerator
from workers.fitting.pairs import ImageLabels, Pairs
from workers.fitting.scoring import Scorer
from workers.fitting.tasks import Trainer

MAX_MEMBERS = 3
MAX_STEPS = 500
MAX_WORST = 5
JUDGED_FROM_IMAGES = 2
"""A class in a single image is never in training when that image is judged."""


def estimate(trainer: Trainer, on_step: Callable[[int, int], None]) -> Estimate | None:
    """The cross-validated score of every task, and the images that were labelled worst. None for a single image.

    `on_step(done, total)` is called after every step of all folds' trainings.
    """
    pairs, wanted = trainer.pairs, trainer.wanted
    if len(pairs) < 2:
        return None
    options = replace(
        wanted,
        kind="paper",  # a few images are labelled sooner than an ensemble is made compact
        num_members=min(MAX_MEMBERS, wanted.num_members),
        steps=min(MAX_STEPS, wanted.steps),
    )
    presence = traits(pairs)
    counts = presence.sum(dim=0).tolist()  # the classes come first
    class_images = dict(zip(pairs.schema.classes, counts, strict=False))
    folds = deal_folds(presence, num_folds(len(pairs)), trainer.seed)
    total, images = Scorer(pairs.schema), []
    for number, fold in enumerate(folds):
        held_out = fold.tolist()
        others = [place for place in range(len(pairs)) if place not in held_out]
        ensemble = trainer.train(options, _steps(on_step, number, len(folds)), others)
        judge = _Judge(LabelGenerator(trainer.generator, ensemble), trainer)
        images += [judge.add(place, total) for place in held_out]
    return Estimate(
        **dict(without_unjudged(total.metrics(), class_images)),
        num_folds=len(folds),
        num_members=options.num_members,
        num_steps=options.steps,
        confusion=_table(total) if pairs.schema.classes else None,
        worst_images=tuple(sorted(images, key=_quality)[:MAX_WORST]),
    )


def _steps(
    on_step: Callable[[int, int], None], fold: int, num_folds: int
) -> Callable[[int, int], None]:
    """The steps of one fold's training as steps of all of them."""
    return lambda done, total: on_step(fold * total + done, num_folds * total)


def traits(pairs: Pairs) -> Tensor:  # => Bool[images, classes + keypoints + depth]
    """What each image can teach: which classes, which keypoints, and depth."""
    return torch.from_numpy(np.stack([_traits(one, pairs.schema) for one in pairs.labels]))


def _traits(labels: ImageLabels, schema: LabelSchema) -> NDArray[np.bool_]:
    found = [np.zeros(0, dtype=np.bool_)]
    if labels.mask is not None:
        found.append(np.isin(np.arange(schema.num_classes), labels.mask))
    if labels.points is not None:
        found.append(labels.points[:, 2] > 0)
    if labels.depth is not None:
        found.append(~np.isnan(labels.depth).all(keepdims=True).ravel())
    return np.concatenate(found)


@dataclass(frozen=True)
class _Judge:
    """One fold's label generator, set to the images that it never saw."""

    label_generator: LabelGenerator
    trainer: Trainer

    def add(self, place: int, total: Scorer) -> ImageEstimate:
        """Labels one image, adds it to the total, and says how it went."""
        pairs, codes = self.trainer.pairs, self.trainer.codes
        rendered = self.label_generator.render(codes[place : place + 1])
        alone = Scorer(pairs.schema)
        for scorer in (alone, total):
            scorer.add(rendered, pairs.label_tensors([place]), pairs.reference_px([place]))
        return _headline(pairs.names[place], alone.metrics())


def overall(metrics: TaskMetrics) -> float:
    """One number to compare fits of the same images by: the mean over the tasks, 1 for perfect labels."""
    return _quality(_headline("", metrics))


def _headline(name: str, metrics: TaskMetrics) -> ImageEstimate:
    return ImageEstimate(
        name=name,
        miou=metrics.miou,
        pck=metrics.keypoints.pck if metrics.keypoints else None,
        absrel=metrics.depth.absrel if metrics.depth else None,
    )


def _quality(image: ImageEstimate) -> float:
    """Return one number to order images by: the mean of their scores, 1 for perfect labels."""
    closeness = None if image.absrel is None else max(0.0, 1.0 - image.absrel)
    judged = [one for one in (image.miou, image.pck, closeness) if one is not None]
    return fmean(judged) if judged else 1.0


def without_unjudged(metrics: TaskMetrics, class_images: Mapping[str, int]) -> TaskMetrics:
    """The IoU of a class in fewer than two images means nothing; in the mean it counts as 0.

    So few examples teach next to nothing, and left out of the mean they would flatter it: by 15 points on portraits.
    """
    class_iou = {
        name: metrics.class_iou[name] if count >= JUDGED_FROM_IMAGES else None
        for name, count in class_images.items()
    }
    miou = fmean(iou or 0.0 for iou in class_iou.values()) if class_iou else None
    return metrics.model_copy(update={"class_iou": class_iou, "miou": miou})


def _table(total: Scorer) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(row) for row in total.confusion.counts.tolist())
