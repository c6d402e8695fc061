"""Deletes a job: its objects, then what Redis has of it. A tombstone stays. Used by the app and the reconciler."""

import redis
import structlog

from contracts.jobs import JobRef
from state import keys, records
from state.ledger import Ledger
from state.leftovers.plan import plan_sweep
from state.on_demand.ledger import OnDemandLedger
from state.store import Store
from state.waiting.attention import Attention

log = structlog.get_logger()


def delete_job(store: Store, ledger: Ledger, ref: JobRef) -> None:
    """Delete a job that has ended, or whose record is damaged. Safe to repeat."""
    # first: it finishes a deletion that is interrupted, and deletes what a worker still writes
    plan_sweep(ledger, keys.job_prefix(ref), is_over=True)
    records.delete_objects(
        store,
        keys.job_prefix(ref),
        tombstone_key=keys.job_tombstone(ref),
        first=keys.job_request(ref),
    )
    try:
        Attention(ledger).wake_followers(ref)
        ledger.forget(ref)
        OnDemandLedger(ledger).forget(str(ref))
        ledger.index_remove(ref.tenant, ref.noun, ref.id)
    except redis.RedisError as error:
        # The disk of Redis may be full. Lists skip ids that the store does not have.
        log.warning("deleted but still in the index", job=str(ref), error=str(error))
