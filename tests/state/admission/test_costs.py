"""Predictions from measurements."""

import pytest

from contracts.ids import new_id
from contracts.kinds import RETENTION
from state import redis_keys
from state.admission.costs import Cost, Costs
from state.ledger import Ledger


def test_a_measurement_counts_by_its_samples(ledger: Ledger) -> None:
    """A shard of 8 samples that took 2 s, most of it to load, hardly changes the 0.1 s per sample of one of 256."""
    fit, costs = new_id("fit"), Costs(ledger)
    costs.note_samples(fit, 8, Cost(2, 800))
    assert costs.of_samples(fit, 8) == Cost(2, 800)
    costs.note_samples(fit, 256, Cost(25.6, 25_600))
    assert costs.of_samples(fit, 1).seconds == pytest.approx(0.103, abs=0.001)
    assert costs.of_samples(fit, 1).num_bytes == pytest.approx(100)


def test_newer_measurements_count_more(ledger: Ledger) -> None:
    """A device that became ten times slower is known after a few shards."""
    fit, costs = new_id("fit"), Costs(ledger)
    for seconds in [1.0] * 10 + [10.0] * 10:
        costs.note_samples(fit, 10, Cost(seconds))
    assert costs.of_samples(fit, 10).seconds == pytest.approx(10, rel=0.05)


@pytest.mark.parametrize("text", ["", "0.5", "x y", "nan 1", "1 0", "inf 1", "1 2 3"])
def test_an_unreadable_average_counts_as_none(ledger: Ledger, text: str) -> None:
    """Another version may have written it. The next measurement replaces it."""
    fit, costs = new_id("fit"), Costs(ledger)
    default = costs.of_samples(fit, 1).seconds
    ledger.redis.set(redis_keys.average(f"sample-seconds:{fit}"), text, ex=RETENTION)
    assert costs.of_samples(fit, 1).seconds == default
    costs.note_samples(fit, 1, Cost(3.0))
    assert costs.of_samples(fit, 1).seconds == 3
