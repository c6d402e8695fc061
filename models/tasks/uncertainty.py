"""Uncertainty: entropies in nats, and the score of an image from the scores of its pixels."""

import torch
from jaxtyping import Bool
from torch import Tensor

from models.arrays import FeatureMaps, PixelScores, Scores

# Of the pixels. Most pixels are certain, and the mean over all would hide a wrong corner of the image.
WORST_SHARE = 0.1
# Of one nat: stored uncertainty maps have 8 bits and are clipped at 1 nat.
STEPS = 255


def entropy(probabilities: FeatureMaps) -> PixelScores:
    """Return the entropy over the classes; a probability of 0 counts 0."""
    # xlogy is 0 at p = 0, as the limit is; p * log p would be NaN.
    plogp: Tensor = torch.special.xlogy(probabilities, probabilities)
    return -plogp.sum(dim=1)


def binary_entropy(probabilities: FeatureMaps) -> FeatureMaps:
    """Return the entropy of each probability against its complement."""
    # entr(p) = -p ln p, 0 at p = 0: at most ln 2 for the sum of both
    sides: Tensor = torch.special.entr(probabilities) + torch.special.entr(1 - probabilities)
    return sides


def image_scores(uncertainty: PixelScores) -> Scores:
    """Return the mean over each image's most uncertain tenth of pixels (HandsOff, arXiv 2212.12645)."""
    flat = uncertainty.flatten(1)  # [batch, pixels]
    worst = max(round(flat.shape[1] * WORST_SHARE), 1)
    return flat.topk(worst, dim=1).values.mean(dim=1)


def is_above(
    uncertainty: PixelScores, limit: float
) -> Bool[Tensor, "batch label_height label_width"]:
    """Return the pixels whose uncertainty is above `limit` in nats, as its stored map shows it.

    The map is compared in the steps of its file: so every reader finds the same pixels from the file.
    """
    return uncertainty.clamp(0, 1).mul(STEPS).round() > limit * STEPS
