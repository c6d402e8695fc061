"""Quality of an uncertainty as a filter: the error of the kept images while the least certain are rejected."""

import torch

from models.arrays import Scores


def area_under_rejection(scores: Scores, errors: Scores) -> float:
    """Return the mean error of the n most certain images, averaged over all n. Lower is better.

    Geifman and El-Yaniv's area under the risk-coverage curve (arXiv 1805.08206, section 3).
    """
    if scores.shape != errors.shape:
        raise ValueError(
            f"expected one score and one error per image, got {tuple(scores.shape)} scores"
            f" and {tuple(errors.shape)} errors"
        )
    kept = errors[scores.argsort()].double().cumsum(dim=0)
    return float((kept / torch.arange(1, len(errors) + 1)).mean())
