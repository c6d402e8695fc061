"""Promises of `models.tasks.uncertainty`: entropies, and the score of an image."""

import math

import pytest
import torch

from models.tasks.uncertainty import binary_entropy, entropy, image_scores


def test_the_score_is_the_mean_of_the_worst_tenth() -> None:
    """Ten of a hundred pixels at 1, the others at 0: score 1."""
    divergence = torch.zeros(1, 10, 10)
    divergence[0, 3] = 1.0
    assert image_scores(divergence).item() == pytest.approx(1.0)


def test_certainty_has_no_entropy() -> None:
    """0 and 1 count 0 and not NaN; a half counts ln 2, as one of two classes does."""
    probabilities = torch.tensor([0.0, 1.0, 0.5]).view(1, 1, 1, 3)
    expected = pytest.approx([0.0, 0.0, math.log(2)])
    assert binary_entropy(probabilities).flatten().tolist() == expected
    assert entropy(torch.cat([probabilities, 1 - probabilities], dim=1)).tolist()[0][0] == expected
