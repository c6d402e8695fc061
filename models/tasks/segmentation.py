"""Segmentation: one class at every pixel.

Labels: masks [n, h, w] of class indices (bytes or wider), 255 = ignore. Outputs: one logit per class.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from models.arrays import IGNORE_INDEX, FeatureMaps, Masks, PixelScores, Scores
from models.tasks.segmentation_scores import (
    CalibrationError,
    ConfusionMatrix,
    add_image,
    iou_counts,
)
from models.tasks.soft_labels import SoftLabels
from models.tasks.task import (
    KnownPixels,
    LabelOptions,
    LabelPx,
    Loss,
    Mean,
    Outputs,
    Places,
    Presence,
    Scale,
    Score,
    Targets,
    Task,
    TaskLabels,
    Votes,
    check_same,
    mean_over_known,
    number,
)
from models.tasks.uncertainty import entropy, image_scores, is_above


@dataclass(frozen=True)
class SegmentationTask(Task):
    """A class at every pixel: one logit per class."""

    name: ClassVar[str] = "segmentation"
    can_mirror: ClassVar[bool] = True
    num_classes: int  # indices 0 to num_classes - 1

    @property
    def outputs(self) -> int:
        return self.num_classes

    def labelled(self, labels: Masks, label_px: LabelPx) -> KnownPixels:
        return labels != IGNORE_INDEX

    def traits(self, labels: Masks) -> Presence:
        """Return the classes that occur in each image."""
        # Image by image: a comparison [images, classes, h, w] would be gigabytes at 1024 px.
        classes = torch.arange(self.num_classes, device=labels.device)
        return torch.stack([torch.isin(classes, mask) for mask in labels])

    def swapped(self, labels: Masks, swap: Sequence[int]) -> Masks:
        table = torch.arange(IGNORE_INDEX + 1, device=labels.device)
        table[: len(swap)] = torch.tensor(swap, device=labels.device)
        return table[labels.long()].to(labels.dtype)

    def unmirrored(self, outputs: FeatureMaps, swap: Sequence[int]) -> FeatureMaps:
        return outputs.flip(3)[:, list(swap)]

    def scale(self, labels: Masks, balance: float) -> "ClassScale":
        return ClassScale(class_weights(labels, self.num_classes, balance))

    def focus(self, labels: Masks, label_px: LabelPx) -> PixelScores:
        """Return the boundaries between classes."""
        # A share of 25% for them gained nothing on portraits, so the default is 0 (LOG.md, "Three tasks").
        return boundaries(labels).float()

    def targets(self, labels: Masks, places: Places) -> Targets:
        # [n, h w] read at [chosen, 1] and [chosen, count] => [chosen, count]
        return {"classes": labels.flatten(1)[places.images, places.pixels].long()}

    def loss(self, outputs: Outputs, targets: Targets) -> Loss:
        """Return the cross-entropy in nats at the pixels with a known class."""
        classes = targets["classes"]  # [members, count]
        # [members, count, classes] to [members * count, classes]: one call for all members.
        values = F.cross_entropy(
            outputs.flatten(0, 1), classes.flatten(), ignore_index=IGNORE_INDEX, reduction="none"
        )
        return mean_over_known(values.view_as(classes), classes != IGNORE_INDEX)

    def votes(self, label_px: LabelPx) -> "ClassVotes":
        return ClassVotes()

    def score(self, label_px: LabelPx) -> "SegmentationScore":
        return SegmentationScore(self.num_classes)


@dataclass(frozen=True)
class ClassScale(Scale):
    """The factors c(y) by which each class is drawn more or less often than it occurs.

    Drawing classes at c(y) times their share shifts the trained logits by log c(y). Subtracting it restores the true
    class shares (logit adjustment, arXiv 2007.07314, in its post-hoc form).
    """

    weights: Float[Tensor, " classes"]  # c(y)

    def pixel_weights(self, labels: Masks) -> PixelScores:
        """Return c(y) for the class of every pixel; 1 if the class is unknown."""
        known = labels != IGNORE_INDEX  # 255 would be no valid index of `weights`
        return torch.where(known, self.weights[labels.where(known, 0).long()], 1.0)

    def undo(self, weight: Tensor, bias: Tensor) -> None:
        # log p(y | x) = logit(y) - log c(y) + constant; the softmax removes the constant.
        bias.sub_(self.weights.log())


def class_weights(masks: Masks, num_classes: int, balance: float) -> Float[Tensor, " classes"]:
    """Return c(y) = share(y) ** -balance, scaled to a mean of 1 over the labelled pixels; 1 for an absent class.

    `balance` 0 draws classes as often as they occur, 1 equally often. The default 0.5 gave four thin classes of
    portraits 1 to 12 points of IoU with 50 labels (benchmarks/LOG.md).
    """
    # [classes], in double precision: a class of 3 pixels among 50 million still has a share.
    counts = torch.bincount(masks[masks != IGNORE_INDEX], minlength=num_classes).double()
    share = counts / counts.sum()
    weights = torch.where(counts > 0, share**-balance, 1.0)
    # E[c(y)] over the labelled pixels; dividing by it keeps the size of the weights independent of `balance`.
    scale = (share * weights).sum()
    return torch.where(counts > 0, weights / scale, 1.0).float()


def boundaries(masks: Masks) -> Bool[Tensor, "batch height width"]:
    """Return the pixels that touch another class above, below, left or right; ignored pixels have no boundary."""
    edge = torch.zeros_like(masks, dtype=torch.bool)
    known = masks != IGNORE_INDEX
    for axis in (1, 2):
        size = masks.shape[axis] - 1
        one, other = masks.narrow(axis, 0, size), masks.narrow(axis, 1, size)
        differs = (one != other) & known.narrow(axis, 0, size) & known.narrow(axis, 1, size)
        # Both neighbours are boundary pixels: the first of the pair, then the second.
        edge.narrow(axis, 0, size).logical_or_(differs)
        edge.narrow(axis, 1, size).logical_or_(differs)
    return edge


class ClassVotes(Votes):
    """The mean class probabilities, and the Jensen-Shannon divergence of the members in nats (arXiv 2212.12645).

    JS = H(mean p) - mean H(p): the entropy of the mean minus the mean entropy. Members that are all equally unsure have
    divergence 0; only disagreement counts. The bound is ln(members). Probabilities are averaged, never logits: one
    member with extreme logits must not outvote the others.
    """

    def __init__(self) -> None:
        # Mean p and mean H(p): with these two sums no member's map is kept.
        self._mean, self._entropy = Mean(), Mean()

    def add(self, outputs: FeatureMaps) -> None:
        # [n, classes, h, w] of one member. log-softmax first: p log p from it has no 0 * log 0.
        log_probabilities = outputs.log_softmax(dim=1)
        probabilities = log_probabilities.exp()
        # [n, classes, h, w] => [n, h, w]
        self._entropy.add(-(probabilities * log_probabilities).sum(dim=1))
        self._mean.add(probabilities)

    def labels(self) -> dict[str, Tensor]:
        """Return masks, the most probable class as bytes [n, h, w], and confidences, its probability."""
        # [n, classes, h, w] to two maps [n, h, w]: the argmax and its probability.
        confidences, classes = self.probabilities.max(dim=1)
        return {"masks": classes.byte(), "confidences": confidences}

    def refined(self, options: LabelOptions) -> dict[str, Tensor]:
        """Return the labels, and what the options request.

        soft_labels: soft_classes and soft_steps, bytes [n, kept, h, w], see `SoftLabels`; ignored pixels have them too.
        ignore_above: ignored, bool [n, h, w]; these pixels of the masks are 255.
        """
        labels = self.labels()
        if options.soft_labels is not None:
            soft = SoftLabels.of(self.probabilities, options.soft_labels)
            labels |= {"soft_classes": soft.classes, "soft_steps": soft.steps}
        if options.ignore_above is not None:
            ignored = is_above(self.uncertainty, options.ignore_above)
            labels |= {
                "masks": labels["masks"].masked_fill(ignored, IGNORE_INDEX),
                "ignored": ignored,
            }
        return labels

    @cached_property
    def probabilities(self) -> FeatureMaps:
        return self._mean.value

    @cached_property
    def uncertainty(self) -> PixelScores:
        # Never below 0 by Jensen's inequality; rounding can bring it there.
        return (entropy(self.probabilities) - self._entropy.value).clamp(min=0)

    @property
    def scores(self) -> Scores:
        # Rank correlation with an image's true error: .66 on portraits with 16 labels (LOG.md, "Three tasks").
        return image_scores(self.uncertainty)


class SegmentationScore(Score):
    """IoU of the classes with intervals, and the calibration of their probabilities."""

    def __init__(self, num_classes: int) -> None:
        self.confusion = ConfusionMatrix(num_classes)
        self.images = iou_counts(num_classes)
        self.calibration = CalibrationError()

    def add(self, labels: TaskLabels, truth: Masks) -> None:
        check_same(labels["masks"], truth, "masks")
        for predicted, mask in zip(labels["masks"], truth, strict=True):
            image = ConfusionMatrix(self.confusion.num_classes)
            image.add(predicted, mask)
            self.confusion.counts += image.counts
            add_image(self.images, image)
        self.calibration.add(labels["masks"], labels["confidences"], truth)

    def values(self) -> dict[str, Tensor]:
        """Return miou, iou [classes], ece and confusion [truth, predicted].

        Further: miou_interval [2], iou_intervals [classes, 2] and images [classes], the images with each class.
        """
        bounds = self.images.bounds
        return {
            "miou": number(self.confusion.mean_iou()),
            "iou": self.confusion.iou(),
            "miou_interval": bounds[0],
            "iou_intervals": bounds[1:],
            "images": self.images.num_images,
            "ece": number(self.calibration.error()),
            "confusion": self.confusion.counts,
        }
