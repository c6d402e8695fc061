"""How much the members of an ensemble disagree: their Jensen-Shannon divergence per pixel, and a score per image."""

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor

from models.arrays import FeatureMaps, Scores

WORST_SHARE = 0.1


def agreement(
    member_logits: Iterable[FeatureMaps],
) -> tuple[FeatureMaps, Float[Tensor, "batch height width"]]:
    """Mean class probabilities, and the members' divergence H(mean p) - mean H(p) in nats (HandsOff, section 3.3).

    Softmax is averaged, never logits. Members come one by one and none is kept.
    """
    total: Tensor | None = None
    entropies: Tensor | None = None
    count = 0
    for logits in member_logits:
        log_probabilities = logits.log_softmax(dim=1)
        probabilities = log_probabilities.exp()
        entropy_now = -(probabilities * log_probabilities).sum(dim=1)
        total = probabilities if total is None else total.add_(probabilities)
        entropies = entropy_now if entropies is None else entropies.add_(entropy_now)
        count += 1
    if total is None or entropies is None:
        raise ValueError("an ensemble without members has no opinion; give at least one")
    mean = total / count
    divergence = entropy(mean) - entropies / count
    return mean, divergence.clamp(min=0)


def entropy(probabilities: FeatureMaps) -> Float[Tensor, "batch height width"]:
    """Entropy over the classes in nats; a probability of 0 counts 0."""
    plogp: Tensor = torch.special.xlogy(probabilities, probabilities)
    return -plogp.sum(dim=1)


def image_scores(divergence: Float[Tensor, "batch height width"]) -> Scores:
    """Mean over each image's most uncertain tenth of pixels (HandsOff, section 3.3)."""
    flat = divergence.flatten(1)
    worst = max(round(flat.shape[1] * WORST_SHARE), 1)
    return flat.topk(worst, dim=1).values.mean(dim=1)
