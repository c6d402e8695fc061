"""Worker and reconciler with data of another version in Redis, during an update of the service."""

from datetime import timedelta

import pytest

from contracts.base import now
from contracts.heartbeats import Heartbeat
from contracts.jobs import JobStatus
from contracts.kinds import QUEUE_NAMES
from state import keys, records, redis_keys
from state.on_demand.ledger import OnDemandLedger
from state.queues import open_queue
from tests.recorded_redis import VERSIONS, load
from tests.workers.scene import Scene
from workers.runtime.worker import Worker
from workers.upkeep.reconcile import Reconciler

pytestmark = pytest.mark.usefixtures("signals")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_queued_fit_of_another_version_is_done(scene: Scene, version: str) -> None:
    """Workers of all queues drop what they cannot run; the reconciler queues the fit again."""
    fit = scene.request_fit()
    older = fit.model_copy(update={"created_at": now() - timedelta(minutes=1)})
    records.write(scene.machine.store, keys.job_request(older.ref), older)
    load(scene.machine.redis, version, fit=fit.id)
    for queue in QUEUE_NAMES:
        Worker(queue, scene.machine).work(burst=True)
    Reconciler(scene.machine).reconcile()
    Worker("fit", scene.machine).work(burst=True)
    assert scene.fit_manifest(fit.ref).status is JobStatus.SUCCEEDED
    assert scene.machine.ledger.live(fit.ref).started_at is None


@pytest.mark.parametrize("version", VERSIONS)
def test_a_lost_fit_is_found_among_entries_of_another_version(scene: Scene, version: str) -> None:
    """Heartbeats, claims and entries that cannot be read end no step of the reconciler."""
    fit = scene.request_fit()
    older = fit.model_copy(update={"created_at": now() - timedelta(minutes=1)})
    records.write(scene.machine.store, keys.job_request(older.ref), older)
    load(scene.machine.redis, version)
    Reconciler(scene.machine).reconcile()
    assert str(*scene.machine.admission.waiting("fit").rq_ids) == f"{fit.id}-1"


def test_readable_heartbeats_are_counted_beside_unreadable_ones(scene: Scene) -> None:
    """One worker of another version hides no other."""
    load(scene.machine.redis, "next")
    beat = Heartbeat(worker="own", queue="fit", state="idle", at=now(), device="cpu")
    scene.machine.ledger.record_heartbeat(beat)
    assert "own" in [each.worker for each in scene.machine.ledger.workers()]


def test_an_unreadable_claim_is_released(scene: Scene) -> None:
    """Nothing else would end it, and its item could never be made."""
    owner = "default/stream_" + "0" * 32
    scene.machine.redis.hset(redis_keys.claims(owner), "3", "[]")
    scene.machine.redis.sadd(redis_keys.CLAIM_OWNERS, owner)
    Reconciler(scene.machine).reconcile()
    assert OnDemandLedger(scene.machine.ledger).all_claims() == {}


@pytest.mark.parametrize("queue", ["fit", "cpu"])
def test_a_queue_that_cannot_be_read_ends_no_other_step(scene: Scene, queue: str) -> None:
    """Its key has another type. Nothing is queued twice meanwhile, and the lists are rebuilt."""
    scene.machine.redis.sadd(open_queue(scene.machine.redis, queue).key, "x")  # type: ignore[arg-type]
    scene.request_fit()
    Reconciler(scene.machine).reconcile()
    assert scene.machine.ledger.index_is_complete("default", "fits")
