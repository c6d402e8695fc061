"""The area under the rejection curve."""

import pytest
import torch

from benchmarks.labels.rejection import area_under_rejection


def test_the_area_is_that_of_the_curve() -> None:
    """Errors 0, 0, 1 from most to least certain have mean errors 0, 0 and 1/3, which average to 1/9."""
    scores, errors = torch.tensor([0.3, 0.1, 0.2]), torch.tensor([1.0, 0.0, 0.0])
    assert area_under_rejection(scores, errors) == pytest.approx(1 / 9)


def test_a_better_order_has_a_smaller_area() -> None:
    """Scores equal to the errors have a smaller area than their negatives."""
    errors = torch.rand(50)
    assert area_under_rejection(errors, errors) < area_under_rejection(-errors, errors)


def test_every_image_needs_score_and_error() -> None:
    """A missing score raises an error and is not broadcast."""
    with pytest.raises(ValueError, match="one score and one error per image"):
        area_under_rejection(torch.rand(3), torch.rand(4))
