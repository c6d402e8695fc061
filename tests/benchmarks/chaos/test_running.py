"""A short chaos run on real processes keeps every promise; the same run with a broken worker does not."""

from pathlib import Path

import pytest

from benchmarks.chaos.__main__ import describe, result
from benchmarks.chaos.faults import Fault
from benchmarks.chaos.running import Outcome, Plan, run
from benchmarks.chaos.world import FEW_QUEUES
from tests.forked import ForkedStack

pytestmark = pytest.mark.timeout(900)

FAULTS = (
    Fault(at=0.5, kind="kill", target="generate", seconds=0.0),
    Fault(at=1.5, kind="freeze", target="reconcile", seconds=5.0),
    Fault(at=4.0, kind="flush_redis", target="redis", seconds=0.0),
    Fault(at=5.0, kind="terminate", target="app", seconds=0.0),
    Fault(at=7.0, kind="stop_redis", target="redis", seconds=1.0),
)


@pytest.mark.slow
def test_a_short_run_keeps_every_promise(tmp_path: Path) -> None:
    """A worker is killed, a reconciler frozen, Redis flushed and restarted, the app replaced."""
    plan = Plan("file", 5, 200, seed=1, seconds=10, queues=FEW_QUEUES, customers=1, fixed=FAULTS)
    outcome = run(plan, tmp_path, ForkedStack)
    assert outcome.has_kept_all, explained(outcome)
    assert outcome.injected.faults == FAULTS
    assert outcome.restarts >= 3
    line = result([outcome])
    assert line.pop("faults") == len(FAULTS)
    assert line.pop("pairs") == outcome.report.pairs
    line.pop("left_out", None)
    kinds = (
        "lost",
        "duplicated",
        "different",
        "hung",
        "unlisted",
        "left_over",
        "http_500",
        "foreign",
    )
    assert line == dict.fromkeys(kinds, 0)


@pytest.mark.long
def test_a_run_with_workers_that_disagree_fails(tmp_path: Path) -> None:
    """Two workers render other bytes for the same request: the audit finds shards that differ, and nothing else."""
    module = "tests.benchmarks.chaos.broken_worker"
    queues = ("fit", "generate", "generate", "cpu", "reconcile")
    plan = Plan("file", 0, 100, seed=1, seconds=8, queues=queues, customers=1, module=module)
    outcome = run(plan, tmp_path)
    assert not outcome.has_kept_all
    found = {kind for kind, findings in outcome.report.findings.items() if findings}
    assert found == {"different"}, explained(outcome)
    assert any("different: " in line for line in describe(outcome))


def explained(outcome: Outcome) -> str:
    """Return what the command would print."""
    return "\n".join(describe(outcome))
