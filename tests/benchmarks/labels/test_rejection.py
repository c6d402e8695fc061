"""Promises of the figure that filters are compared by."""

import pytest
import torch

from benchmarks.labels.rejection import area_under_rejection


def test_the_area_is_that_of_the_curve() -> None:
    """Errors 0, 0, 1 from the most to the least certain: 0, 0 and a third are kept, a ninth on average."""
    scores, errors = torch.tensor([0.3, 0.1, 0.2]), torch.tensor([1.0, 0.0, 0.0])
    assert area_under_rejection(scores, errors) == pytest.approx(1 / 9)


def test_a_better_order_has_a_smaller_area() -> None:
    """Scores that name the errors beat scores that name them the wrong way round."""
    errors = torch.rand(50)
    assert area_under_rejection(errors, errors) < area_under_rejection(-errors, errors)


def test_every_image_needs_score_and_error() -> None:
    """A missing score is told, not broadcast."""
    with pytest.raises(ValueError, match="each image needs both"):
        area_under_rejection(torch.rand(3), torch.rand(4))
