"""Compares the lists in Redis with the store: each list every ten minutes, all of them after a restart of Redis.

Redis may lose entries: when it is full, or when it comes back with an older file. A comparison lists the ids of one
noun, and reads only the resources that Redis does not know.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import cast

import structlog
from pydantic import ValidationError
from redis.exceptions import ResponseError

from contracts.errors.tree import RecordDamaged
from contracts.jobs import JobRef, JobStatus
from state import keys, records, redis_keys
from state.listing.statuses import PRESENT, UNREADABLE, Deleted, State, StatusIndex
from state.records import READ_AT_ONCE
from workers.runtime.machine import Machine

log = structlog.get_logger()

CHECK_INTERVAL = timedelta(minutes=10)


def index_of(machine: Machine, tenant: str, noun: keys.Noun) -> StatusIndex:
    """Return the lists of one noun."""
    return StatusIndex(machine.ledger.redis, tenant, noun)


def unchecked_server(machine: Machine) -> str | None:
    """Return the run of a Redis that was restarted, or is another one, since its lists were compared; else None.

    It may have come back with an older file.
    """
    connection = machine.ledger.redis
    try:
        run = str(cast("dict[str, str]", connection.info("server"))["run_id"])
    except (ResponseError, KeyError):  # an access list may forbid the command
        return None
    return None if connection.get(redis_keys.CHECKED_SERVER) == run else run


def check(machine: Machine, tenant: str, owner: str, *, everything: bool) -> None:
    """List the jobs that the app could not list. Compare lists that are not complete, and one whose turn it is."""
    _list_noted(machine, tenant)
    is_turn_free = True
    for noun in machine.kinds.listed_nouns:
        lock = f"index:{tenant}:{noun}"
        is_needed = everything or not index_of(machine, tenant, noun).is_complete
        if is_needed:
            machine.ledger.redis.set(redis_keys.lock(lock), owner, px=CHECK_INTERVAL)
        elif not is_turn_free or not machine.ledger.try_lock(lock, owner, CHECK_INTERVAL):
            continue
        else:
            is_turn_free = False
        compare(machine, tenant, noun)
        index_of(machine, tenant, noun).complete(lock, owner)


def compare(machine: Machine, tenant: str, noun: keys.Noun) -> None:
    """Put the resources that Redis does not know into its lists."""
    index = index_of(machine, tenant, noun)
    are_jobs = any(kind.noun == noun for kind in machine.kinds)
    unknown = index.unknown(
        machine.store.children(keys.noun_prefix(tenant, noun)), are_jobs=are_jobs
    )
    if not unknown:
        return
    read = _job_state if are_jobs else _resource_state
    states = _read_all(unknown, partial(read, machine, tenant, noun))
    index.fill(states)
    if noun == "streams":
        present = [each for each, state in states.items() if state == PRESENT]
        if present:
            machine.ledger.redis.sadd(redis_keys.kept_streams(tenant), *present)
    log.info("lists filled", noun=noun, tenant=tenant, num_resources=len(states))


def _list_noted(machine: Machine, tenant: str) -> None:
    for note in list(machine.store.list(keys.noun_prefix(tenant, "unlisted"))):
        job_id = note.key.rpartition("/")[2].removesuffix(".json")
        with suppress(ValidationError):
            machine.ledger.index_status(JobRef(tenant=tenant, id=job_id), JobStatus.QUEUED)
        machine.store.delete(note.key)


def _read_all(ids: list[str], read: Callable[[str], State | None]) -> Mapping[str, State]:
    """Return the states of many resources, without those that do not exist: one after another takes minutes."""
    with ThreadPoolExecutor(READ_AT_ONCE) as pool:
        states = zip(ids, pool.map(read, ids), strict=True)
        return {each: state for each, state in states if state is not None}


def _job_state(machine: Machine, tenant: str, noun: keys.Noun, job_id: str) -> State | None:
    try:
        ref = JobRef(tenant=tenant, id=job_id)
        record = records.read_job(machine.store, machine.kinds, ref)
        if record is None:
            return _deletion(machine, tenant, noun, job_id)
        return record.status(machine.ledger.live(ref)).value
    except (ValidationError, RecordDamaged):
        log.exception("unreadable job skipped", job=f"{tenant}/{job_id}")
        return UNREADABLE


def _resource_state(machine: Machine, tenant: str, noun: keys.Noun, each: str) -> State | None:
    """Return the state of a labelset, which exists with its manifest, or of a stream."""
    name = "manifest.json" if noun == "labelsets" else "request.json"
    if machine.store.head(f"{keys.resource_prefix(tenant, noun, each)}/{name}") is not None:
        return PRESENT
    return _deletion(machine, tenant, noun, each)


def _deletion(machine: Machine, tenant: str, noun: keys.Noun, each: str) -> Deleted | None:
    tombstone = machine.store.head(keys.tombstone(tenant, noun, each))
    return Deleted(tombstone.modified_at) if tombstone is not None else None
