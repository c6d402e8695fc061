"""Promises of the numbers by which a prediction is judged."""

import numpy as np
import pytest

from benchmarks.labels.estimates import compare


def test_a_prediction_is_judged_beside_a_constant_one() -> None:
    """A prediction that is 0.1 too high but in the right order: its gap, the best constant's, its order."""
    true = np.array([0.2, 0.4, 0.9])
    found = compare(true + 0.1, true)
    assert found["mean_gap"] == pytest.approx(0.1)
    assert found["mean_error"] == pytest.approx(0.1)
    assert found["constant_gap"] == pytest.approx((0.2 + 0.5) / 3, abs=1e-4)
    assert found["spearman"] == 1.0


def test_equal_predictions_share_their_rank() -> None:
    """A tie is neither right nor wrong order."""
    found = compare(np.array([1.0, 1.0, 2.0]), np.array([1.0, 2.0, 3.0]))
    assert found["spearman"] == pytest.approx(0.866, abs=1e-3)
