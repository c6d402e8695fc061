"""The metrics that compare a prediction with the truth."""

import numpy as np
import pytest

from benchmarks.labels.estimates import compare


def test_a_prediction_is_compared_with_a_constant() -> None:
    """A prediction 0.1 too high but in the right order reports its gap, the best constant's gap and rho = 1."""
    true = np.array([0.2, 0.4, 0.9])
    metrics = compare(true + 0.1, true)
    assert metrics["mean_gap"] == pytest.approx(0.1)
    assert metrics["mean_error"] == pytest.approx(0.1)
    assert metrics["constant_gap"] == pytest.approx((0.2 + 0.5) / 3, abs=1e-4)
    assert metrics["spearman"] == 1.0


def test_equal_predictions_share_their_rank() -> None:
    """Tied predictions count as neither the right nor the wrong order."""
    metrics = compare(np.array([1.0, 1.0, 2.0]), np.array([1.0, 2.0, 3.0]))
    assert metrics["spearman"] == pytest.approx(0.866, abs=1e-3)
