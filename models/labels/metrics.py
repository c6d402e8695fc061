"""Scores of labels against truth, pooled over every image that was added: masks, their probabilities, points, depth."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.arrays import IGNORE_INDEX, Keypoints, PixelScores, Scores
from models.labels.tasks import ABSENT, VISIBLE

NUM_BINS = 15
PCK_SHARE = 0.1
DELTA = 1.25


class ConfusionMatrix:
    """Counts of (true class, predicted class) with pixels pooled over every image that was added."""

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        self.counts: Int[Tensor, "truth predicted"] = torch.zeros(
            num_classes, num_classes, dtype=torch.int64
        )

    def add(self, predicted: Tensor, truth: Tensor) -> None:
        """Add class indices of equal shape; pixels whose truth is 255 do not count."""
        _check_same(predicted, truth, "masks")
        known = truth != IGNORE_INDEX
        cells = truth[known].long() * self.num_classes + predicted[known].long()
        counts = torch.bincount(cells.flatten().cpu(), minlength=self.num_classes**2)
        self.counts += counts.view_as(self.counts)

    def iou(self) -> Float[Tensor, " classes"]:
        """Intersection over union of each class; NaN for a class that occurs in neither truth nor prediction."""
        hits = self.counts.diagonal().double()
        union = self.counts.sum(0) + self.counts.sum(1) - self.counts.diagonal()
        return hits / union.double()

    def mean_iou(self) -> float:
        """Mean over the classes that the truth contains; NaN when there are none."""
        present = self.counts.sum(dim=1) > 0
        return float(self.iou()[present].mean())

    def accuracy(self) -> float:
        """Share of the known pixels that are right."""
        return float(self.counts.diagonal().sum() / self.counts.sum())


class CalibrationError:
    """Whether pixels that are said to be right with probability p are right in a share p of the cases.

    The expected calibration error of Guo et al. (arXiv 1706.04599, equation 3): 15 bins of the highest probability.
    """

    def __init__(self) -> None:
        # Of each bin: how many pixels, how many right, the sum of their probabilities.
        self._bins: Float[Tensor, "3 bins"] = torch.zeros(3, NUM_BINS, dtype=torch.float64)

    def add(self, predicted: Tensor, confidences: Tensor, truth: Tensor) -> None:
        """Add classes with the probabilities of these classes; pixels whose truth is 255 do not count."""
        _check_same(predicted, truth, "masks")
        known = truth != IGNORE_INDEX
        probabilities = confidences[known].double().cpu()
        right = (predicted[known] == truth[known]).double().cpu()
        index = (probabilities * NUM_BINS).long().clamp(max=NUM_BINS - 1)
        values = torch.stack([torch.ones_like(right), right, probabilities])
        self._bins.index_add_(1, index, values)

    def error(self) -> float:
        """The mean distance between probability and share of hits, weighted by pixels; NaN without any."""
        count, right, probability = self._bins
        return float((right - probability).abs().sum() / count.sum())


class KeypointScore:
    """Distances of labelled points from their truth, and how often their visibility is told rightly.

    Absent points (visibility 0) do not count. Distances and PCK are of the visible ones: a hidden point's label is
    itself a guess. Visibility counts all labelled points.
    """

    def __init__(self, num_keypoints: int) -> None:
        zeros = torch.zeros(num_keypoints, dtype=torch.float64)
        self._visible, self._hits, self._distance = zeros.clone(), zeros.clone(), zeros.clone()
        self._labelled = self._told = 0

    def add(
        self, predicted: Keypoints, visibility: Tensor, truth: Keypoints, reference_px: Scores
    ) -> None:
        """Add points of the same images; a hit lies within a tenth of the image's `reference_px`, a head's height say.

        Only x and y of `predicted` are read; the third column of `truth` is the true visibility.
        """
        _check_same(predicted, truth, "keypoints")
        visible = truth[:, :, 2] == VISIBLE
        labelled = truth[:, :, 2] != ABSENT
        distance = (predicted[:, :, :2] - truth[:, :, :2]).norm(dim=2)
        hits = distance <= PCK_SHARE * reference_px[:, None]
        self._visible += visible.sum(dim=0).cpu()
        self._hits += (hits & visible).sum(dim=0).cpu()
        self._distance += distance.where(visible, 0.0).sum(dim=0).cpu()
        self._labelled += int(labelled.sum())
        self._told += int(((visibility == VISIBLE) == visible)[labelled].sum())

    def point_pck(self) -> Float[Tensor, " points"]:
        """Share of hits among the visible points, of each keypoint; NaN where none is visible."""
        return self._hits / self._visible

    def pck(self) -> float:
        """Share of hits among all visible points; NaN without any."""
        return float(self._hits.sum() / self._visible.sum())

    def mean_error_px(self) -> float:
        """Mean distance of the visible points; NaN without any."""
        return float(self._distance.sum() / self._visible.sum())

    def visibility_accuracy(self) -> float:
        """Share of the labelled points whose being hidden or visible is told rightly; NaN without any."""
        return self._told / self._labelled if self._labelled else math.nan


class DepthScore:
    """The usual errors of depth (arXiv 1406.2283, section 4.1) over the pixels whose truth is known, that is not NaN.

    Relative errors have no meaning at a truth of zero or less, so AbsRel and delta1 leave such pixels out; RMSE counts
    them. A prediction of zero or less is a miss for delta1.
    """

    def __init__(self) -> None:
        self._known = self._positive = 0
        self._squares = self._relative = self._close = 0.0

    def add(self, predicted: PixelScores, truth: PixelScores) -> None:
        """Add depth of the same images in the same unit."""
        _check_same(predicted, truth, "depth")
        known = ~truth.isnan()
        found, real = predicted[known].double(), truth[known].double()
        self._known += real.numel()
        self._squares += float((found - real).square().sum())
        found, real = found[real > 0], real[real > 0]
        self._positive += real.numel()
        self._relative += float(((found - real).abs() / real).sum())
        ratio = torch.maximum(found / real, real / found)
        self._close += float(((ratio < DELTA) & (found > 0)).sum())

    def absrel(self) -> float:
        """Mean of |error| / truth; NaN without a positive truth."""
        return self._relative / self._positive if self._positive else math.nan

    def rmse(self) -> float:
        """Root mean square error in the labels' unit; NaN without a known truth."""
        return math.sqrt(self._squares / self._known) if self._known else math.nan

    def delta1(self) -> float:
        """Share of pixels within a factor of 1.25 of the truth; NaN without a positive truth."""
        return self._close / self._positive if self._positive else math.nan


def _check_same(predicted: Tensor, truth: Tensor, what: str) -> None:
    if predicted.shape != truth.shape:
        raise ValueError(
            f"prediction has shape {tuple(predicted.shape)}, truth {tuple(truth.shape)}; "
            f"both must be {what} of the same images"
        )
