"""Promises of `models.labels.uncertainty`: divergence is disagreement, not doubt."""

import math

import pytest
import torch

from models.labels.uncertainty import agreement, image_scores


def test_members_that_agree_have_no_divergence_even_in_doubt() -> None:
    """All members equally undecided: high entropy, divergence 0."""
    logits = torch.zeros(1, 4, 2, 2)
    probabilities, divergence = agreement([logits, logits, logits])
    assert torch.allclose(probabilities, torch.full_like(probabilities, 0.25))
    assert divergence.max() < 1e-6


def test_members_that_contradict_each_other_diverge_by_log_two() -> None:
    """Two certain members of different opinion: ln 2, the most that two can reach."""
    sure = torch.tensor([50.0, -50.0]).view(1, 2, 1, 1)
    _, divergence = agreement([sure, -sure])
    assert divergence.item() == pytest.approx(math.log(2), abs=1e-5)


def test_softmax_is_averaged_not_logits() -> None:
    """One extreme member does not outvote three mild ones, as it would in a mean of logits."""
    extreme = torch.tensor([100.0, 0.0]).view(1, 2, 1, 1)
    mild = torch.tensor([0.0, 2.0]).view(1, 2, 1, 1)
    probabilities, _ = agreement([extreme, mild, mild, mild])
    assert probabilities.argmax(dim=1).item() == 1


def test_the_score_is_the_mean_of_the_worst_tenth() -> None:
    """Ten of a hundred pixels at 1, the others at 0: score 1."""
    divergence = torch.zeros(1, 10, 10)
    divergence[0, 3] = 1.0
    assert image_scores(divergence).item() == pytest.approx(1.0)


def test_no_members_is_an_error() -> None:
    """An empty ensemble is refused instead of dividing by zero."""
    with pytest.raises(ValueError, match="at least one"):
        agreement([])
