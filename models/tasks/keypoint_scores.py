"""Scores of keypoints: PCK, distances and visibilities, pooled over all images that are added."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from models.arrays import Keypoints, Scores
from models.tasks.intervals import ImageCounts
from models.tasks.task import LabelPx, check_same

# The visibilities of a keypoint as COCO counts them; an absent one is not labeled.
ABSENT, HIDDEN, VISIBLE = 0, 1, 2
# PCK@0.1: a hit is within a tenth of the reference length.
PCK_SHARE = 0.1


class KeypointScore:
    """Distances of predicted points from the truth, and how often the predicted visibility is right.

    Absent points (visibility 0) do not count. Distances and PCK use the visible points only: the label of a hidden
    point is a guess itself. Visibility counts all labelled points.
    """

    def __init__(self, num_keypoints: int) -> None:
        zeros = torch.zeros(num_keypoints, dtype=torch.float64)
        self._visible, self._hits, self._distance = zeros.clone(), zeros.clone(), zeros.clone()
        self._labelled = self._right = 0
        self.images = ImageCounts(num_keypoints, _pcks)

    def add(
        self, predicted: Keypoints, visibility: Tensor, truth: Keypoints, reference_px: Scores
    ) -> None:
        """Add the points of some images; a hit lies within a tenth of the image's `reference_px` (a head's height).

        Of `predicted` only x and y are read; the third column of `truth` is the true visibility.
        """
        check_same(predicted, truth, "keypoints")
        # Each of these is [n, points].
        visible = truth[:, :, 2] == VISIBLE
        labelled = truth[:, :, 2] != ABSENT
        distance = (predicted[:, :, :2] - truth[:, :, :2]).norm(dim=2)
        # [n, points]: each image has one length for all of its points.
        hits = distance <= PCK_SHARE * reference_px[:, None]
        for hit, seen in zip((hits & visible).long(), visible, strict=True):
            self.images.add(torch.cat([hit, seen.long()]), seen)
        # Sums by point [points], on the CPU, where the accumulators are.
        self._visible += visible.sum(dim=0).cpu()
        self._hits += (hits & visible).sum(dim=0).cpu()
        self._distance += distance.where(visible, 0.0).sum(dim=0).cpu()
        self._labelled += int(labelled.sum())
        self._right += int(((visibility == VISIBLE) == visible)[labelled].sum())

    def point_pck(self) -> Float[Tensor, " points"]:
        """Return the share of hits among the visible points of each keypoint; NaN where none is visible."""
        return self._hits / self._visible

    def pck(self) -> float:
        """Return the share of hits among all visible points; NaN without any."""
        return float(self._hits.sum() / self._visible.sum())

    def mean_error_px(self) -> float:
        """Return the mean distance of the visible points; NaN without any."""
        return float(self._distance.sum() / self._visible.sum())

    def visibility_accuracy(self) -> float:
        """Return the share of labelled points with the right visibility, hidden or visible; NaN without any."""
        return self._right / self._labelled if self._labelled else math.nan


def _pcks(totals: Float[Tensor, "draws features"]) -> Float[Tensor, "draws scores"]:
    """Return the PCK of all points and of each; NaN in a draw without a visible one."""
    hits, visible = totals.unflatten(1, (2, -1)).unbind(dim=1)
    whole = hits.sum(dim=1, keepdim=True) / visible.sum(dim=1, keepdim=True)
    return torch.cat([whole, hits / visible], dim=1)


def reference_px(points: Keypoints, label_px: LabelPx, reference: tuple[int, int] | None) -> Scores:
    """Return the length that judges the errors of each image: PCK@0.1 accepts a tenth of it.

    The distance of the two `reference` keypoints where both are labelled (head_top and chin: the head's height).
    Without them the height of the box around all labelled points, as MPII and COCO scale errors by the size of the
    object; for a single point the height of the image.
    """
    labelled, y = points[:, :, 2] != ABSENT, points[:, :, 1]
    # Infinities keep unlabelled points out of both extremes; without any point the box is -inf and falls away below.
    image_height = torch.full_like(y[:, 0], label_px[0])
    # [n, points] => [n]: the highest minus the lowest labeled point
    box = y.where(labelled, -math.inf).amax(dim=1) - y.where(labelled, math.inf).amin(dim=1)
    lengths = box.where(box > 0, image_height)
    if reference is None:
        return lengths
    # [n]; an image where the reference points coincide is judged by its height
    first, second = reference
    distance = (points[:, first, :2] - points[:, second, :2]).norm(dim=1)
    both = labelled[:, first] & labelled[:, second]
    return torch.where(both, distance.where(distance > 0, image_height), lengths)
