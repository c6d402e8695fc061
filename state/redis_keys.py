"""The Redis keys of this service, all under `handsoff:`. RQ's keys begin with `rq:`.

Data under these keys may be lost: it is rebuilt from the store or from the next heartbeat.
"""

from contracts.jobs import JobRef
from contracts.kinds import QueueName
from contracts.streams import StreamRef
from state.keys import Noun

WORKERS = "handsoff:workers"
"""Hash: worker name -> its last heartbeat (JSON)."""


RECONCILERS = "handsoff:reconcilers"
"""Sorted set: the name of a reconciler -> the time of its last step."""

ATTENTION = "handsoff:attention"
"""List: cancelled jobs, and those whose wait for another job is over. A reconciler takes each one at once."""

WEBHOOKS = "handsoff:webhooks"
"""List: tenants with messages to send. The process that sends takes each one."""

DELIVERIES = "handsoff:deliveries"
"""List: batches to deliver. The process that delivers takes each one."""

SWEEPS = "handsoff:sweeps"
"""Sorted set: the prefixes of resources in the store -> the time of their next sweep."""

SWEEPS_MARK = "handsoff:sweeps-whole"
"""String: exists once every resource was added to the sweeps."""


def store_waits(call: str) -> str:
    """String: the seconds that a call has waited for the store so far."""
    return f"handsoff:store-waits:{call}"


def live(ref: JobRef) -> str:
    """Hash: started_at, attempt, progress, reported_at of a job that has not ended."""
    return f"handsoff:live:{ref}"


def events(ref: JobRef) -> str:
    """Stream: the events of a job, oldest first."""
    return f"handsoff:events:{ref}"


def attempts(ref: JobRef) -> str:
    """Hash: a job, or a part of it -> its number of attempts; and the last attempt that stored work."""
    return f"handsoff:attempts:{ref}"


def followers(ref: JobRef) -> str:
    """Set: the jobs that wait for the end of this one."""
    return f"handsoff:followers:{ref}"


def in_flight(ref: JobRef) -> str:
    """Sorted set: the shards of a batch that are queued or being rendered -> the time of the claim."""
    return f"handsoff:in-flight:{ref}"


def finished_shards(ref: JobRef) -> str:
    """String: one bit for each shard of a batch that has not ended; set once the shard's record is stored."""
    return f"handsoff:finished:{ref}"


# Items made on demand (`state/on_demand`).

CLAIM_OWNERS = "handsoff:on-demand:owners"
"""Set: the owners that have claims."""


def claims(owner: str) -> str:
    """Hash: the owner's items that are queued or being made -> the claim (JSON)."""
    return f"handsoff:on-demand:claims:{owner}"


def failure(item: str) -> str:
    """String: why an item could not be made (JSON). It expires when the item may be tried again."""
    return f"handsoff:on-demand:failure:{item}"


def news(owner: str) -> str:
    """Stream: the name of each item of the owner whose claim has ended."""
    return f"handsoff:on-demand:news:{owner}"


def call_number(owner: str) -> str:
    """Counter: the calls for the owner's items. It numbers their ids in the queue."""
    return f"handsoff:rq-number:{owner}"


# Readers of streams.


def reading(stream: StreamRef) -> str:
    """String: exists while the stream has readers."""
    return f"handsoff:reading:{stream}"


def requested_at(stream: StreamRef) -> str:
    """Sorted set: the shards of a stream -> the time of the last request."""
    return f"handsoff:asked-at:{stream}"


def steering_version(stream: StreamRef) -> str:
    """String: the number of the latest version of a stream's steering state, or of an earlier one."""
    return f"handsoff:steering-version:{stream}"


def reports(stream: StreamRef, window: int) -> str:
    """Counter: the reports about a stream in one minute."""
    return f"handsoff:reports:{stream}:{window}"


# The admission before RQ (`state/admission`).


def admission(queue: QueueName) -> str:
    """Prefix of the keys that hold the waiting work of a queue."""
    return f"handsoff:admission:{queue}"


TENANT_PARTS = "handsoff:tenant-parts"
"""Hash: tenant -> its weight and limits in all queues; without a row, weight 1 and no limit."""


def requests(tenant: str, window: int) -> str:
    """Counter: the requests of a tenant in one minute, of all app processes."""
    return f"handsoff:requests:{tenant}:{window}"


def average(name: str) -> str:
    """String: a running average of measurements, such as the seconds of a sample of one fit."""
    return f"handsoff:average:{name}"


def index(tenant: str, noun: Noun) -> str:
    """Sorted set, all scores 0: the ids of one noun, oldest first."""
    return f"handsoff:index:{tenant}:{noun}"


def index_mark(tenant: str, noun: Noun) -> str:
    """String: exists while the index is complete."""
    return f"handsoff:index-whole:{tenant}:{noun}"


def status_index(tenant: str, noun: Noun, status: str) -> str:
    """Sorted set, all scores 0: the ids of one noun with a status, oldest first."""
    return f"handsoff:index:{tenant}:{noun}:{status}"


def status_mark(tenant: str, noun: Noun) -> str:
    """String: exists while the lists by status are complete."""
    return f"handsoff:index-statuses:{tenant}:{noun}"


def deleted(tenant: str, noun: Noun) -> str:
    """Sorted set: the deleted resources of one noun -> the time of the deletion."""
    return f"handsoff:deleted:{tenant}:{noun}"


def kept_streams(tenant: str) -> str:
    """Set: the streams that may have shards in the store."""
    return f"handsoff:kept-streams:{tenant}"


CHECKED_SERVER = "handsoff:checked-server"
"""String: the run of the Redis server whose lists were last compared with the store."""


def lock(name: str) -> str:
    """String: the process that holds a lock, for work that only one process at a time may do."""
    return f"handsoff:lock:{name}"
