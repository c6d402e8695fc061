"""The lists in Redis are compared with the store, and lost entries return."""

import dataclasses
from datetime import timedelta

import pytest

from benchmarks.counting import CountedStore
from contracts.base import now
from contracts.errors.tree import StoreUnavailable
from contracts.fits.fit import FitRequest
from contracts.ids import new_id
from contracts.jobs import JobRef, JobStatus, Tombstone
from state import keys, records, redis_keys
from state.queues import open_queue
from tests.workers.scene import Scene
from workers.runtime.machine import Machine
from workers.upkeep.indexes import index_of
from workers.upkeep.reconcile import Reconciler


@pytest.fixture
def machine(machine: Machine) -> Machine:
    """Return a machine whose store counts its requests."""
    return dataclasses.replace(machine, store=CountedStore.empty())


def stored_fit(scene: Scene) -> FitRequest:
    """Store a fit of a minute ago without listing or queueing it."""
    fit = scene.request_fit()
    older = fit.model_copy(update={"created_at": now() - timedelta(minutes=1)})
    records.write(scene.machine.store, keys.job_request(older.ref), older)
    return older


def listed(scene: Scene) -> list[str]:
    """Return the ids in the list of all fits."""
    return scene.machine.ledger.index_page("default", "fits", None, 100)


def waiting(scene: Scene) -> list[str]:
    """Return the RQ ids in the queue of the fits."""
    return open_queue(scene.machine.redis, "fit").get_job_ids()


def expire_locks(scene: Scene) -> None:
    """Let the interval between two comparisons pass."""
    for noun in scene.machine.kinds.listed_nouns:
        scene.machine.ledger.redis.delete(redis_keys.lock(f"index:default:{noun}"))


def test_a_lost_job_is_listed_and_queued_again(scene: Scene) -> None:
    """Redis has complete lists, as far as it knows, but lacks a job: each list is compared within ten minutes."""
    reconciler = Reconciler(scene.machine)
    reconciler.reconcile()
    fit = stored_fit(scene)
    reconciler.reconcile()
    assert listed(scene) == []
    expire_locks(scene)
    for _ in scene.machine.kinds.listed_nouns:
        reconciler.reconcile()
    assert listed(scene) == [fit.id]
    assert waiting(scene) == [f"{fit.id}-1"]


def test_a_round_compares_one_list(scene: Scene) -> None:
    """The cost of the comparisons is spread: a second round compares another list."""
    reconciler = Reconciler(scene.machine)
    reconciler.reconcile()
    expire_locks(scene)
    free = []
    for _ in range(3):
        reconciler.reconcile()
        locks = scene.machine.ledger.redis.keys(redis_keys.lock("index:default:*"))
        free.append(len(locks))
    assert free == [1, 2, 3]


def test_a_restarted_redis_is_compared_at_once(scene: Scene) -> None:
    """It may have come back with an older file: its marks say that the lists are complete, but they are not."""
    reconciler = Reconciler(scene.machine)
    reconciler.reconcile()
    fit = stored_fit(scene)
    scene.machine.ledger.redis.set(redis_keys.CHECKED_SERVER, "the run before")
    reconciler.reconcile()
    assert waiting(scene) == [f"{fit.id}-1"]


@dataclasses.dataclass(frozen=True)
class AwayStore(CountedStore):
    """A store that lists no fits."""

    def children(self, prefix: str) -> tuple[str, ...]:
        if prefix.endswith("/fits"):
            raise StoreUnavailable("The store is away.")
        return super().children(prefix)


def test_a_comparison_that_failed_is_repeated(scene: Scene) -> None:
    """The store was away in the first round after the restart of Redis: the next round compares again."""
    Reconciler(scene.machine).reconcile()
    fit = stored_fit(scene)
    scene.machine.ledger.redis.set(redis_keys.CHECKED_SERVER, "the run before")
    away = AwayStore(scene.machine.store.objects)
    with pytest.raises(StoreUnavailable):
        Reconciler(dataclasses.replace(scene.machine, store=away)).reconcile()
    Reconciler(scene.machine).reconcile()
    assert waiting(scene) == [f"{fit.id}-1"]


def test_a_noted_job_is_listed_in_the_next_round(scene: Scene) -> None:
    """Redis was full or away when the app created it. The note is deleted."""
    reconciler = Reconciler(scene.machine)
    reconciler.reconcile()
    fit = stored_fit(scene)
    scene.machine.store.put(keys.unlisted(fit.ref), b"{}")
    reconciler.reconcile()
    assert listed(scene) == [fit.id]
    assert waiting(scene) == [f"{fit.id}-1"]
    assert scene.machine.store.head(keys.unlisted(fit.ref)) is None


def test_a_listed_job_without_a_request_is_dropped(scene: Scene) -> None:
    """The app was killed before it stored the request. The first round waits, because the app may be about to."""
    reconciler = Reconciler(scene.machine)
    reconciler.reconcile()
    ref = JobRef(tenant="default", id=new_id("fit"))
    scene.machine.ledger.index_status(ref, JobStatus.QUEUED)
    reconciler.reconcile()
    assert listed(scene) == [ref.id]
    reconciler.reconcile()
    assert listed(scene) == []


def test_deleted_resources_are_read_once(scene: Scene) -> None:
    """They are in no list, and later comparisons know them."""
    store = scene.machine.store
    assert isinstance(store, CountedStore)
    for noun in ("fits", "streams", "labelsets"):
        key = keys.tombstone("default", noun, new_id(noun.removesuffix("s")))
        records.write(store, key, Tombstone(deleted_at=now()))
    reconciler = Reconciler(scene.machine)
    reconciler.reconcile()
    assert listed(scene) == []
    scene.machine.ledger.redis.delete(redis_keys.CHECKED_SERVER)
    with store.counting() as requests:
        reconciler.reconcile()
    assert requests["get"] == requests["head"] == 0


def test_jobs_are_listed_by_status(scene: Scene) -> None:
    """A comparison finds the status of each job in the store; a start and an end move the job."""
    ended, fit = stored_fit(scene), stored_fit(scene)
    kind = scene.machine.kinds.of(fit.ref)
    manifest = records.ended_without_result(kind.manifest, JobStatus.FAILED, None)
    records.create(scene.machine.store, keys.job_manifest(ended.ref), manifest)
    Reconciler(scene.machine).reconcile()
    index = index_of(scene.machine, "default", "fits")

    def of(status: JobStatus) -> list[str]:
        return index.page(status, None, 10)

    assert index.is_complete
    assert (of(JobStatus.FAILED), of(JobStatus.QUEUED)) == ([ended.id], [fit.id])
    scene.machine.ledger.record_start(fit.ref, 1)
    assert (of(JobStatus.QUEUED), of(JobStatus.RUNNING)) == ([], [fit.id])
    scene.machine.ledger.publish_status(fit.ref, JobStatus.SUCCEEDED)
    assert (of(JobStatus.RUNNING), of(JobStatus.SUCCEEDED)) == ([], [fit.id])
    assert index.unfinished() == []
