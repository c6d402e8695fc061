"""Keypoints: named points, learned as heat maps and read back between the pixels.

Labels: [n, points, 3] of x and y in pixels of the label (the first pixel's center is (0.5, 0.5)) and COCO's visibility,
0 not labelled, 1 hidden, 2 visible. Outputs: the logits of one heat map and one visibility map per point.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from models.arrays import FeatureMaps, Keypoints, PixelScores, Scores
from models.tasks.heat_maps import Points, Window, decode, gaussian_profile, heat, window_radius
from models.tasks.keypoint_scores import ABSENT, HIDDEN, VISIBLE, KeypointScore, reference_px
from models.tasks.task import (
    KnownPixels,
    LabelPx,
    Loss,
    Mean,
    Outputs,
    Places,
    Presence,
    Score,
    Targets,
    Task,
    TaskLabels,
    Votes,
    mean_over_known,
    number,
)
from models.tasks.uncertainty import binary_entropy

# The spread of a keypoint's extra pixels around it, in standard deviations of its heat map.
NEIGHBORHOOD_SIGMAS = 2.0

PointValues = Float[Tensor, "batch points"]


@dataclass(frozen=True)
class KeypointTask(Task):
    """Named points: a heat map for each and a map of its visibility.

    On portraits PCK is .915 with 50 labels and .918 with 500 (LOG.md, "Masks, keypoints and depth in one fit").
    """

    name: ClassVar[str] = "keypoints"
    can_mirror: ClassVar[bool] = True
    num_keypoints: int
    # The standard deviation of a heat map's Gaussian as a share of the label's shorter side, so that one number serves
    # every resolution: 1/32 is 2 px at 64 px and 32 px at 1024 px. Gaussians of 1, 2 and 3 px gave a PCK of .686, .681
    # and .658 on portraits with 16 labels; 1 px predicts visibility worse (.932 against .940).
    sigma_share: float = 1 / 32
    # The indices of the two points whose distance scales the errors; None = the box around all points.
    reference: tuple[int, int] | None = None

    @property
    def outputs(self) -> int:
        return 2 * self.num_keypoints  # heat maps first, then visibilities

    def sigma_px(self, label_px: LabelPx) -> float:
        """Return the Gaussian's standard deviation in pixels of a label of this size."""
        return self.sigma_share * min(label_px)

    def check(self, labels: Tensor, label_px: LabelPx) -> None:
        """Raise ValueError unless the labels are [n, points, 3]; points fit every size of image."""
        if tuple(labels.shape[1:]) != (self.num_keypoints, 3):
            raise ValueError(
                f"labels for keypoints have the shape {tuple(labels.shape[1:])} per image, "
                f"expected {(self.num_keypoints, 3)}"
            )

    def labelled(self, labels: Keypoints, label_px: LabelPx) -> KnownPixels:
        """Return whole images: one labeled point gives every pixel of its image a target, the heat of the point."""
        known = (labels[:, :, 2] != ABSENT).any(dim=1)
        return known[:, None, None].expand(-1, *label_px)

    def mirrored(self, labels: Keypoints, label_px: LabelPx) -> Keypoints:
        x, y, visibility = labels.unbind(dim=2)
        return torch.stack([label_px[1] - x, y, visibility], dim=2)

    def swapped(self, labels: Keypoints, swap: Sequence[int]) -> Keypoints:
        # A swap is its own inverse: keypoint i gets the place of its partner.
        return labels[:, list(swap)]

    def unmirrored(self, outputs: FeatureMaps, swap: Sequence[int]) -> FeatureMaps:
        # heat maps first, then visibilities
        return outputs.flip(3)[:, [*swap, *(self.num_keypoints + one for one in swap)]]

    def traits(self, labels: Keypoints) -> Presence:
        """Return the points that are labeled in each image."""
        return labels[:, :, 2] != ABSENT

    def focus(self, labels: Keypoints, label_px: LabelPx) -> PixelScores:
        """Return the neighborhoods of the labeled points."""
        sigma_px = NEIGHBORHOOD_SIGMAS * self.sigma_px(label_px)
        (x, y, visibility), (height, width) = labels.unbind(dim=2), label_px
        # 25 or 50% of the pixels near the points gave the same PCK (.681, .687 against .678): the default share is 0.
        # A Gaussian is a product over the axes: [points, h] and [points, w] replace [points, h, w].
        columns, rows = gaussian_profile(x, width, sigma_px), gaussian_profile(y, height, sigma_px)
        return torch.einsum("nph,npw,np->nhw", rows, columns, (visibility != ABSENT).float())

    def targets(self, labels: Keypoints, places: Places) -> Targets:
        """Return heat [chosen, count, points], NaN for unlabeled points, and visible: 1 for visible points, else 0."""
        points = labels[places.images[:, 0]]  # [chosen, points, 3]
        # Read at the drawn pixels only: no heat map of the whole image is built.
        around = heat(points, places.centers, self.sigma_px(places.label_px))
        unlabelled = (points[:, None, :, 2] == ABSENT).expand_as(around)
        visible = (points[:, None, :, 2] == VISIBLE).float().expand_as(around)
        return {"heat": around.masked_fill(unlabelled, math.nan), "visible": visible}

    def loss(self, outputs: Outputs, targets: Targets) -> Loss:
        """Return the binary cross-entropy of each heat map, and of each visibility weighted by the heat of its point.

        The heat map is a probability map: its logits need no upper bound, and pixels far from a point cost little.
        Summed over the points, averaged over the pixels. Mean squared error gave the same PCK (.686 against .681).
        """
        heat_logits, visible_logits = outputs.chunk(2, dim=-1)  # each [members, count, points]
        known = ~targets["heat"].isnan()  # false at every pixel for an unlabeled point
        heats = targets["heat"].nan_to_num(0.0)
        place = F.binary_cross_entropy_with_logits(heat_logits, heats, reduction="none")
        visibility = F.binary_cross_entropy_with_logits(
            visible_logits, targets["visible"], reduction="none"
        )
        # [members, count, points] => [members, count]; a pixel far from a point says nothing about its visibility
        values = ((place + heats * visibility) * known).sum(dim=-1)
        return mean_over_known(values, known.any(dim=-1))

    def votes(self, label_px: LabelPx) -> "PointVotes":
        return PointVotes(self, label_px)

    def score(self, label_px: LabelPx) -> "PointScore":
        return PointScore(self, label_px)


class PointVotes(Votes):
    """Mean heat maps and visibilities of the members, and the points that each member predicts."""

    def __init__(self, task: KeypointTask, label_px: LabelPx) -> None:
        self._radius = window_radius(task.sigma_px(label_px))
        self._heat, self._visible, self._entropy = Mean(), Mean(), Mean()
        self._points: list[Points] = []

    def add(self, outputs: FeatureMaps) -> None:
        heats, visible = outputs.sigmoid().chunk(2, dim=1)  # views, each [n, points, h, w]
        # Each member's points before the mean: a mean of two maps 6 px apart has one peak between them.
        self._points.append(decode(heats, Window.around(heats, self._radius)))
        self._entropy.add(binary_entropy(heats).sum(dim=1))
        self._heat.add(heats)
        self._visible.add(visible)

    def labels(self) -> dict[str, Tensor]:
        """Return points [n, points, 3]: x, y, confidence, and visibility [n, points]: bytes, 1 hidden or 2 visible."""
        points, visible = self.read()
        return {"points": points, "visibility": torch.where(visible >= 0.5, VISIBLE, HIDDEN).byte()}

    def read(self) -> tuple[Keypoints, PointValues]:
        """Return x, y and confidence of every point, and the probability that the point is visible.

        The confidence is the height of the mean heat map: 1 where all members are sure of one place. The visibility is
        that of the place: the mean over the window, weighted by the heat.
        """
        heats = self._heat.value  # [n, points, h, w]
        window = Window.around(heats, self._radius)
        # Far from the point the visibility map is untrained, so it is read where the heat is.
        weights = window.read(heats)
        visible = (window.read(self._visible.value) * weights).sum(dim=2) / weights.sum(dim=2)
        confidences = heats.flatten(2).amax(dim=2, keepdim=True)
        return torch.cat([decode(heats, window), confidences], dim=2), visible

    @cached_property
    def spread_px(self) -> PointValues:
        """The root mean square distance of the members' points from their mean."""
        # sqrt(E |p - mean p|^2): [members, n, points, 2] => [n, points]
        points = torch.stack(self._points)  # [members, n, points, 2]
        return (points - points.mean(dim=0)).square().sum(dim=-1).mean(dim=0).sqrt()

    @property
    def uncertainty(self) -> PixelScores:
        """The divergence of the members' heat maps in nats, summed over the points.

        Each heat map is a Bernoulli probability per pixel, so its divergence is that of `ClassVotes` for two classes.
        """
        # Only a map: as an image's score it has a rank correlation of .05 with the error, the spread .56 (LOG.md).
        return (binary_entropy(self._heat.value).sum(dim=1) - self._entropy.value).clamp(min=0)

    @property
    def scores(self) -> Scores:
        """The mean spread in pixels."""
        return self.spread_px.mean(dim=1)


class PointScore(Score):
    """PCK, distance and visibility of the points."""

    def __init__(self, task: KeypointTask, label_px: LabelPx) -> None:
        self._task, self._label_px = task, label_px
        self.errors = KeypointScore(task.num_keypoints)

    def add(self, labels: TaskLabels, truth: Keypoints) -> None:
        lengths = reference_px(truth, self._label_px, self._task.reference)
        self.errors.add(labels["points"], labels["visibility"], truth, lengths)

    def values(self) -> dict[str, Tensor]:
        """Return pck, point_pck [points], mean_error_px and visibility_accuracy.

        Further: pck_interval [2], point_intervals [points, 2] and images [points], the images in which each is visible.
        """
        bounds = self.errors.images.bounds
        return {
            "pck": number(self.errors.pck()),
            "point_pck": self.errors.point_pck(),
            "pck_interval": bounds[0],
            "point_intervals": bounds[1:],
            "images": self.errors.images.num_images,
            "mean_error_px": number(self.errors.mean_error_px()),
            "visibility_accuracy": number(self.errors.visibility_accuracy()),
        }
