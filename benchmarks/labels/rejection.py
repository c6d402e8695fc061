"""How much an uncertainty is worth as a filter: the error of what is kept while the least certain is rejected."""

import torch

from models.arrays import Scores


def area_under_rejection(scores: Scores, errors: Scores) -> float:
    """The mean, over all numbers of images kept, of the mean error of the most certain ones; less is better.

    Geifman and El-Yaniv's area under the risk-coverage curve (arXiv 1805.08206, section 3).
    """
    if scores.shape != errors.shape:
        raise ValueError(
            f"{tuple(scores.shape)} scores for {tuple(errors.shape)} errors; each image needs both"
        )
    kept = errors[scores.argsort()].double().cumsum(dim=0)
    return float((kept / torch.arange(1, len(errors) + 1)).mean())
