"""The measures of the benchmark of labelings."""

import numpy as np
import pytest

from benchmarks.service.labelings import confusion_of, miou, spearman


def test_ignored_pixels_do_not_count() -> None:
    """Rows are the truth, columns the prediction."""
    truth = np.array([[0, 1], [1, 255]], np.uint8)
    predicted = np.array([[0, 1], [0, 1]], np.uint8)
    assert confusion_of(truth, predicted, 2).tolist() == [[1, 0], [1, 1]]


def test_a_class_that_the_truth_lacks_has_no_iou() -> None:
    """The mean is over the others: 1 of 2 pixels, and 1 of 1."""
    confusion = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0]])
    assert miou(confusion) == pytest.approx(0.75)


def test_the_rank_correlation_ignores_scale_and_shares_ranks() -> None:
    """Monotonic values correlate fully; equal values have their mean rank."""
    assert spearman([1, 2, 30], [0.1, 0.2, 0.9]) == pytest.approx(1)
    assert spearman([3, 2, 1], [1, 2, 3]) == pytest.approx(-1)
    assert spearman([1, 1, 2, 2], [1, 2, 1, 2]) == pytest.approx(0)
