"""Items made on demand, on the worker's side: make an item once, record it, report a failure, free lost claims.

`ItemKind` (`state/on_demand/kinds.py`) defines an item. Making an item twice changes nothing: the first record counts.
"""

from collections.abc import Callable, Collection

import structlog

from contracts.base import is_recent, now
from contracts.errors.jobs import JobFailed
from state import keys, records
from state.leftovers.plan import plan_sweep
from state.on_demand.kinds import ItemKind, Record, Ref
from state.on_demand.ledger import OnDemandLedger
from workers.runtime.jobs import reason_of
from workers.runtime.machine import Machine

log = structlog.get_logger()


class NotNeeded(Exception):
    """The item's owner was deleted, or no request needs the item any more. Raised by the work of an item."""


def make(
    machine: Machine,
    kind: ItemKind[Ref, Record],
    argument: str,
    attempt: int,
    work: Callable[[Ref], Record],
) -> None:
    """Make an item unless it has a record, then end its claim. `argument` and `attempt` come from the queue.

    `work` stores the item's objects and returns the record that pins them. A `JobFailed` is reported to the requests
    that wait. Any other error, and `Drained`, leave the claim: the queue runs the call again.
    """
    ref = kind.parse(argument)
    ledger, item = OnDemandLedger(machine.ledger), kind.item(ref)
    log.info("item started", item=str(item), attempt=attempt)
    owner_prefix = kind.tombstone_key(ref).removesuffix(f"/{keys.TOMBSTONE}")
    plan_sweep(machine.ledger, owner_prefix, is_over=False)
    try:
        if records.read_intact(machine.store, kind.record_key(ref), kind.record_type) is None:
            _store_record(machine, kind, ref, work(ref))
    except NotNeeded:
        log.info("item not needed", item=str(item))
    except JobFailed as error:
        reason = reason_of(error)
        ledger.fail(item, reason, kind.ttl(reason))
        log.warning("item failed", item=str(item), code=error.code, detail=error.detail)
    ledger.release(item)


def fail_for_good(
    machine: Machine, kind: ItemKind[Ref, Record], argument: str, error: BaseException
) -> None:
    """Report to the requests that wait that the last retry of an item has failed, and end its claim."""
    ledger, item = OnDemandLedger(machine.ledger), kind.item(kind.parse(argument))
    reason = reason_of(error)
    log.error("item failed for good", item=str(item), error=repr(error))
    ledger.fail(item, reason, kind.ttl(reason))
    ledger.release(item)


def free_lost_claims(machine: Machine, rq_ids: Collection[str]) -> None:
    """Free the items of all kinds whose call is in no queue; the requests that wait queue them again.

    `rq_ids` are the calls that are waiting or running. A young claim stays: its call may not be queued yet. An
    unreadable claim is freed: nothing else would end it.
    """
    ledger = OnDemandLedger(machine.ledger)
    for item, claim in ledger.all_claims().items():
        is_young = claim is not None and is_recent(
            claim.at, now(), machine.settings.heartbeat_interval
        )
        if not is_young and (claim is None or claim.rq_id not in rq_ids):
            log.warning("claim freed", item=str(item))
            ledger.release(item)


def _store_record(machine: Machine, kind: ItemKind[Ref, Record], ref: Ref, record: Record) -> None:
    """Store the record unless there is one, and delete the objects that no record pins.

    If the owner was deleted meanwhile, nothing of the item stays.
    """
    key = kind.record_key(ref)
    pinned = {
        artefact.key for artefact in kind.artefacts(records.create(machine.store, key, record))
    }
    unused = {artefact.key for artefact in kind.artefacts(record)} - pinned
    if machine.store.head(kind.tombstone_key(ref)) is not None:
        machine.store.delete(key)  # before the objects that it pins
        unused |= pinned
    for each in unused:
        machine.store.delete(each)
