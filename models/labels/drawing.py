"""The pixels that training draws: the odds of each pixel of a labeled image.

A pixel x of class y is drawn with odds c(y) s(x), normalized within its image. c raises rare classes; s raises pixels
that a task focuses on, such as boundaries between classes and the neighborhoods of keypoints. s depends on x alone, so
it leaves p(y | x) as it is. c does not, so `Scale.undo` subtracts its logarithm from the trained logits (logit
adjustment, arXiv 2007.07314, post-hoc form).

Measured on portraits (LOG.md, "Three tasks in one ensemble", "The coarsest features"): balance 0.5 instead of 0 raises
the IoU of a thin class (nose .086 to .208 with 50 labels) and costs half a point of mIoU with few labels; shares for
boundaries and keypoints gained nothing, so they are 0.
"""

from collections.abc import Mapping

import torch

from models.arrays import PixelScores
from models.tasks.task import KnownPixels, Scale
from models.tasks.task_set import Labels, TaskSet


def pixel_weights(
    labels: Labels, tasks: TaskSet, scales: Mapping[str, Scale], shares: Mapping[str, float]
) -> PixelScores:
    """Return the odds c(y) s(x) of each pixel to be drawn, up to a factor per image."""
    weights = place_weights(labels, tasks, shares)  # s(x) [n, h, w]
    for task in tasks:
        # c(y) of this task: [n, h, w]; None = 1 everywhere
        factor = scales[task.name].pixel_weights(labels[task.name])
        weights = weights if factor is None else weights * factor
    return weights


def place_weights(labels: Labels, tasks: TaskSet, shares: Mapping[str, float]) -> PixelScores:
    """Return s(x), which sums to 1 in every image: even over the labelled pixels, except for the shares set aside.

    `shares` are those of the tasks' focus pixels, by task. An image without focus pixels spends that share evenly.
    """
    # [n, h, w]; each image sums to 1, so an image with few labels counts as much as others.
    even = _normalized(labelled_pixels(labels, tasks).float())
    total = even * (1 - sum(shares.get(task.name, 0.0) for task in tasks))
    for task in tasks:
        share = shares.get(task.name, 0.0)
        if not share:
            continue
        focus = task.focus(labels[task.name], labels.label_px)
        # An image without a boundary or a labelled point has no focus: its share goes to all labelled pixels.
        chosen = even if focus is None else _normalized(focus)
        empty = chosen.flatten(1).sum(dim=1) == 0
        total += share * torch.where(empty[:, None, None], even, chosen)
    return total


def labelled_pixels(labels: Labels, tasks: TaskSet) -> KnownPixels:
    """Return the pixels at which at least one task has a label."""
    # the union over the tasks [n, h, w]: a pixel with depth but no class is drawn too
    known = torch.zeros(len(labels), *labels.label_px, dtype=torch.bool, device=labels.device)
    for task in tasks:
        known |= task.labelled(labels[task.name], labels.label_px)
    return known


def _normalized(weights: PixelScores) -> PixelScores:
    """Return each image's weights divided by their sum; an image of zeros stays zero."""
    # [n, h, w] => [n, 1, 1]
    total = weights.sum(dim=(1, 2), keepdim=True)
    # The smallest positive number, so that 0 / 0 is 0.
    return weights / total.clamp(min=torch.finfo(weights.dtype).tiny)
