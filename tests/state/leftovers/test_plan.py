"""The plan of sweeps in Redis."""

from datetime import UTC, datetime, timedelta

import redis

from state.ledger import Ledger
from state.leftovers.plan import SweepPlan, plan_sweep

AT = datetime(2026, 1, 1, tzinfo=UTC)
LATER = AT + timedelta(hours=1)


def test_the_earliest_come_first(ledger: Ledger) -> None:
    """Only those before a time, and no more than the limit."""
    plan = SweepPlan(ledger)
    for hours, name in enumerate(("a", "b", "c")):
        plan.add([name], AT + timedelta(hours=hours))
    assert plan.planned_before(AT + timedelta(hours=1), 10) == ["a", "b"]
    assert plan.planned_before(AT + timedelta(hours=9), 1) == ["a"]


def test_further_work_does_not_delay_a_sweep(ledger: Ledger) -> None:
    """A stream that is always read is swept too. The end of a job delays it: a late worker may still write."""
    plan = SweepPlan(ledger)
    plan.add(["a"], AT)
    plan.add(["a"], LATER)
    assert plan.planned_before(AT, 1) == ["a"]
    plan.put_off("a", LATER)
    assert plan.planned_before(AT, 1) == []


def test_a_dropped_resource_is_not_visited(ledger: Ledger) -> None:
    """Until it is planned again."""
    plan = SweepPlan(ledger)
    plan.add(["a"], AT)
    plan.drop("a")
    assert plan.planned_before(LATER, 1) == []


def test_an_empty_redis_has_no_complete_plan(ledger: Ledger) -> None:
    """So all resources are added once."""
    plan = SweepPlan(ledger)
    assert not plan.is_complete()
    plan.mark_complete()
    assert plan.is_complete()


def test_without_redis_work_goes_on() -> None:
    """A job must not fail because its sweep cannot be planned."""
    away = Ledger(redis.Redis(port=9, decode_responses=True))
    plan_sweep(away, "a", is_over=True)
