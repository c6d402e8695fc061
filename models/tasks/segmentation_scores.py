"""Scores of masks and of their probabilities, pooled over all images that are added."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.arrays import IGNORE_INDEX
from models.tasks.intervals import ImageCounts
from models.tasks.task import check_same

NUM_BINS = 15  # as in the experiments of Guo et al., so that errors compare with published ones


class ConfusionMatrix:
    """Counts of (true class, predicted class) over the pixels of all images together."""

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        self.counts: Int[Tensor, "truth predicted"] = torch.zeros(
            num_classes, num_classes, dtype=torch.int64
        )

    def add(self, predicted: Tensor, truth: Tensor) -> None:
        """Add class indices of equal shape; pixels with the truth 255 do not count."""
        check_same(predicted, truth, "masks")
        known = truth != IGNORE_INDEX
        # One number per (truth, predicted) pair: one bincount fills the whole matrix.
        cells = truth[known].long() * self.num_classes + predicted[known].long()
        counts = torch.bincount(cells.flatten().cpu(), minlength=self.num_classes**2)
        self.counts += counts.view_as(self.counts)

    def iou(self) -> Float[Tensor, " classes"]:
        """Return the intersection over union of each class; NaN for a class in neither truth nor prediction."""
        # hits / (truth + predicted - hits): the diagonal, row sums and column sums
        hits = self.counts.diagonal().double()
        union = self.counts.sum(0) + self.counts.sum(1) - self.counts.diagonal()
        return hits / union.double()

    def mean_iou(self) -> float:
        """Return the mean IoU over the classes of the truth; NaN when there are none."""
        present = self.counts.sum(dim=1) > 0  # classes with pixels in the truth
        return float(self.iou()[present].mean())

    def accuracy(self) -> float:
        """Return the share of known pixels that are right."""
        return float(self.counts.diagonal().sum() / self.counts.sum())


def iou_counts(num_classes: int) -> ImageCounts:
    """Return empty counts of images, whose scores are the mean IoU and that of each class."""
    return ImageCounts(num_classes, _ious)


def add_image(images: ImageCounts, image: ConfusionMatrix) -> None:
    """Add one image to the counts of `iou_counts`."""
    hits, truth = image.counts.diagonal(), image.counts.sum(dim=1)
    # right pixels, pixels of truth or prediction, pixels of the truth
    counts = torch.cat([hits, truth + image.counts.sum(dim=0) - hits, truth])
    images.add(counts, truth > 0)


def _ious(totals: Float[Tensor, "draws features"]) -> Float[Tensor, "draws scores"]:
    # A class that no image of a draw contains is left out of the draw, as in the score itself.
    hits, union, truth = totals.unflatten(1, (3, -1)).unbind(dim=1)
    iou = torch.where(truth > 0, hits / union, torch.nan)
    return torch.cat([iou.nanmean(dim=1, keepdim=True), iou], dim=1)


class CalibrationError:
    """How far predicted probabilities are from the share of right pixels: at p, a share p should be right.

    The expected calibration error of Guo et al. (arXiv 1706.04599, equation 3): 15 bins of the highest probability.
    """

    def __init__(self) -> None:
        # Per bin: number of pixels, number of right pixels, sum of probabilities.
        self._bins: Float[Tensor, "3 bins"] = torch.zeros(3, NUM_BINS, dtype=torch.float64)

    def add(self, predicted: Tensor, confidences: Tensor, truth: Tensor) -> None:
        """Add classes with their probabilities; pixels with the truth 255 do not count."""
        check_same(predicted, truth, "masks")
        known = truth != IGNORE_INDEX
        probabilities = confidences[known].double().cpu()
        right = (predicted[known] == truth[known]).double().cpu()
        index = (probabilities * NUM_BINS).long().clamp(max=NUM_BINS - 1)
        # [3, pixels] added up by bin
        values = torch.stack([torch.ones_like(right), right, probabilities])
        self._bins.index_add_(1, index, values)

    def error(self) -> float:
        """Return the mean distance of probability and share of right pixels, weighted by pixels; NaN without any."""
        count, right, probability = self._bins
        # Equation 3: sum over bins of (n_b / n) |acc - conf|; n_b cancels against the means.
        return float((right - probability).abs().sum() / count.sum())
