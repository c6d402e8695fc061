"""What each task asks of the members' outputs at drawn pixels.

The tasks' losses are added as they are: cross-entropy in nats per pixel, the binary cross-entropies of heat and
visibility summed over the keypoints, and the depth's distance in deviations of the training labels.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from models.arrays import IGNORE_INDEX
from models.labels.features import DrawnPixels
from models.labels.tasks import DEPTH, KEYPOINTS, SEGMENTATION, TaskSet

MemberValues = Float[Tensor, "members count"]
Loss = Float[Tensor, ""]


def total_loss(
    outputs: Float[Tensor, "members count outputs"], drawn: DrawnPixels, tasks: TaskSet
) -> Loss:
    """Summed over tasks and over members, so that each member keeps the gradient that it would have alone."""
    parts = tasks.split(outputs, dim=-1)
    losses = []
    if drawn.classes is not None:
        losses.append(segmentation_loss(parts[SEGMENTATION], drawn.classes))
    if drawn.heat is not None and drawn.visible is not None:
        losses.append(keypoint_loss(parts[KEYPOINTS], drawn.heat, drawn.visible))
    if drawn.depth is not None:
        losses.append(depth_loss(parts[DEPTH].squeeze(-1), drawn.depth))
    return torch.stack(losses).sum()


def segmentation_loss(logits: Float[Tensor, "members count classes"], classes: Tensor) -> Loss:
    """Cross-entropy at the pixels whose class is known."""
    values = F.cross_entropy(
        logits.flatten(0, 1), classes.flatten(), ignore_index=IGNORE_INDEX, reduction="none"
    )
    return _mean_over_known(values.view_as(classes), classes != IGNORE_INDEX)


def keypoint_loss(
    outputs: Float[Tensor, "members count outputs"], heat: Tensor, visible: Tensor
) -> Loss:
    """Binary cross-entropy of each heat map, and of each visibility where its keypoint's heat is.

    The heat map is a probability map: its logits need no upper bound, and pixels far from a keypoint cost little.
    """
    heat_logits, visible_logits = outputs.chunk(2, dim=-1)
    known = ~heat.isnan()
    heat = heat.nan_to_num(0.0)
    found = F.binary_cross_entropy_with_logits(heat_logits, heat, reduction="none")
    seen = F.binary_cross_entropy_with_logits(visible_logits, visible, reduction="none")
    values = ((found + heat * seen) * known).sum(dim=-1)
    return _mean_over_known(values, known.any(dim=-1))


def depth_loss(standardised: MemberValues, depth: Tensor) -> Loss:
    """Huber's distance from the labels, both in deviations of the training labels."""
    known = ~depth.isnan()
    values = F.smooth_l1_loss(standardised, depth.nan_to_num(0.0), reduction="none")
    return _mean_over_known(values, known)


def _mean_over_known(values: MemberValues, known: Bool[Tensor, "members count"]) -> Loss:
    """The sum over members of each one's mean; a member that drew nothing known adds 0."""
    counts = known.sum(dim=1).clamp(min=1)
    return ((values * known).sum(dim=1) / counts).sum()
