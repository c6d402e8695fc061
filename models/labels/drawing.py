"""Where training looks: how likely each pixel of a labelled image is to be drawn.

The chance of a pixel x of class y is c(y) s(x), normalised within its image: c raises rare classes, s raises boundaries
between classes and the neighbourhoods of keypoints. What depends on x alone leaves p(y | x) as it is; c does not, so
its logarithm is taken from the trained logits again (arXiv 2007.07314 on logit adjustment, post-hoc form).
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from models.arrays import IGNORE_INDEX, Keypoints, Masks, PixelScores
from models.labels.tasks import ABSENT, Labels, TaskSet

NEIGHBOURHOOD_SIGMAS = 2.0
"""How far the pixels drawn for a keypoint spread around it, in deviations of its heat map."""

KnownPixels = Bool[Tensor, "batch label_height label_width"]


def class_weights(masks: Masks, num_classes: int, balance: float) -> Float[Tensor, " classes"]:
    """c(y) = share(y) ** -balance, scaled to a mean of 1 over the labelled pixels; 1 for a class that never occurs.

    `balance` 0 draws classes as often as they occur, 1 equally often.
    """
    counts = torch.bincount(masks[masks != IGNORE_INDEX], minlength=num_classes).double()
    share = counts / counts.sum()
    weights = torch.where(counts > 0, share**-balance, 1.0)
    scale = (share * weights).sum()
    return torch.where(counts > 0, weights / scale, 1.0).float()


def place_weights(
    labels: Labels, tasks: TaskSet, *, boundary_share: float, keypoint_share: float
) -> PixelScores:
    """s(x): even over all pixels with a label, with shares set aside for boundaries and keypoints.

    They sum to 1 in every image. An image without boundary or keypoint spends that share evenly.
    """
    known = labelled_pixels(labels)
    total = _normalised(known.float()) * (1 - boundary_share - keypoint_share)
    even = _normalised(known.float())
    for share, wanted in (
        (boundary_share, None if labels.masks is None else boundaries(labels.masks).float()),
        (keypoint_share, _near_keypoints(labels, tasks)),
    ):
        chosen = even if wanted is None else _normalised(wanted)
        empty = chosen.flatten(1).sum(dim=1) == 0
        total += share * torch.where(empty[:, None, None], even, chosen)
    return total


def labelled_pixels(labels: Labels) -> KnownPixels:
    """Pixels at which at least one task has a label; a labelled keypoint makes its whole image known."""
    height, width = labels.label_px
    known = torch.zeros(len(labels), height, width, dtype=torch.bool, device=labels.device)
    if labels.masks is not None:
        known |= labels.masks != IGNORE_INDEX
    if labels.depth is not None:
        known |= ~labels.depth.isnan()
    if labels.keypoints is not None:
        known |= (labels.keypoints[:, :, 2] != ABSENT).any(dim=1)[:, None, None]
    return known


def boundaries(masks: Masks) -> KnownPixels:
    """Pixels that touch another class above, below, left or right; ignored pixels have no boundary."""
    edge = torch.zeros_like(masks, dtype=torch.bool)
    known = masks != IGNORE_INDEX
    for axis in (1, 2):
        size = masks.shape[axis] - 1
        one, other = masks.narrow(axis, 0, size), masks.narrow(axis, 1, size)
        differs = (one != other) & known.narrow(axis, 0, size) & known.narrow(axis, 1, size)
        edge.narrow(axis, 0, size).logical_or_(differs)
        edge.narrow(axis, 1, size).logical_or_(differs)
    return edge


def heat(
    keypoints: Keypoints, places: Float[Tensor, "batch count 2"], sigma_px: float
) -> Float[Tensor, "batch count points"]:
    """A Gaussian of height 1 around each keypoint, read at places (x, y); whatever its visibility."""
    squared = (places[:, :, None] - keypoints[:, None, :, :2]).square().sum(dim=-1)
    return torch.exp(-squared / (2 * sigma_px**2))


def pixel_centres(label_px: tuple[int, int], device: torch.device) -> Float[Tensor, "pixels 2"]:
    """X and y of every pixel's centre, row by row."""
    height, width = label_px
    rows = torch.arange(height, device=device) + 0.5
    columns = torch.arange(width, device=device) + 0.5
    return torch.cartesian_prod(rows, columns).flip(1)


def _near_keypoints(labels: Labels, tasks: TaskSet) -> PixelScores | None:
    """How near each pixel is to any labelled keypoint."""
    if labels.keypoints is None or tasks.keypoints is None:
        return None
    sigma_px = NEIGHBOURHOOD_SIGMAS * tasks.keypoints.sigma_px(labels.label_px)
    # A Gaussian is a product over the axes, so no map of a single keypoint is ever built.
    (x, y, visibility), (height, width) = labels.keypoints.unbind(dim=2), labels.label_px
    columns, rows = _hill(x, width, sigma_px), _hill(y, height, sigma_px)
    return torch.einsum("nph,npw,np->nhw", rows, columns, (visibility != ABSENT).float())


def _hill(
    centres: Float[Tensor, "batch points"], length: int, sigma_px: float
) -> Float[Tensor, "batch points length"]:
    """A Gaussian of height 1 along one axis."""
    away = torch.arange(length, device=centres.device) + 0.5 - centres[:, :, None]
    return torch.exp(-away.square() / (2 * sigma_px**2))


def _normalised(weights: PixelScores) -> PixelScores:
    """Each image's weights divided by their sum; an image of zeros stays so."""
    total = weights.sum(dim=(1, 2), keepdim=True)
    return weights / total.clamp(min=torch.finfo(weights.dtype).tiny)
