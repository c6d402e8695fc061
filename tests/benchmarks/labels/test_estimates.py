"""The metrics that compare a prediction with the truth."""

import numpy as np
import pytest

from benchmarks.labels.estimates import Figures, Judged, compare, summary


def test_a_prediction_is_compared_with_a_constant() -> None:
    """A prediction 0.1 too high but in the right order reports its gap, the best constant's gap and rho = 1."""
    true = np.array([0.2, 0.4, 0.9])
    metrics = compare(true + 0.1, true)
    assert metrics is not None
    assert metrics["mean_gap"] == pytest.approx(0.1)
    assert metrics["mean_error"] == pytest.approx(0.1)
    # The others' means are 0.65, 0.55 and 0.3.
    assert metrics["constant_gap"] == pytest.approx((0.45 + 0.15 + 0.6) / 3, abs=1e-4)
    assert metrics["gain"] == pytest.approx(0.3)
    assert metrics["gain_interval"] == [pytest.approx(0.05), pytest.approx(0.5)]
    assert metrics["spearman"] == 1.0


def test_equal_predictions_share_their_rank() -> None:
    """Tied predictions count as neither the right nor the wrong order."""
    metrics = compare(np.array([1.0, 1.0, 2.0]), np.array([1.0, 2.0, 3.0]))
    assert metrics is not None
    assert metrics["spearman"] == pytest.approx(0.866, abs=1e-3)


def test_both_domains_are_judged_together() -> None:
    """A task that one domain lacks is judged on the other; with too few fits it is None."""
    nothing = float("nan")
    scores = (("portraits", 0.6, 0.7), ("portraits", 0.5, 0.6), ("faces", 0.4, 0.4))
    fits = [
        Judged(
            domain,
            Figures(predicted, nothing, nothing),
            Figures(true, nothing, nothing),
            [(predicted, true)],
        )
        for domain, predicted, true in scores
    ]
    result = summary(fits)
    assert result["domains"] == {"portraits": 2, "faces": 1}
    assert result["miou"]["mean_gap"] == pytest.approx(0.0667, abs=1e-4)
    assert result["pck"] is None
