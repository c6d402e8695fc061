"""The Redis keys of this service, all under `handsoff:`. RQ's keys begin with `rq:`.

The data behind these keys are no facts: they can be lost and are rebuilt from the store or from the next heartbeat.
"""

from contracts.jobs import JobRef
from contracts.streams import StreamRef
from state.keys import Noun

WORKERS = "handsoff:workers"
"""Hash: worker name -> its last heartbeat (JSON)."""


def live(ref: JobRef) -> str:
    """Hash: started_at, attempt, progress of a job that has not ended."""
    return f"handsoff:live:{ref}"


def events(ref: JobRef) -> str:
    """Stream: the events of a job, oldest first."""
    return f"handsoff:events:{ref}"


def attempts(ref: JobRef) -> str:
    """Hash: a job, or a part of it -> how often it was queued."""
    return f"handsoff:attempts:{ref}"


def in_flight(ref: JobRef) -> str:
    """Sorted set: the shards of a batch that are queued or being rendered -> when each was claimed."""
    return f"handsoff:in-flight:{ref}"


# Items made on demand (`state/on_demand`).

CLAIM_OWNERS = "handsoff:on-demand:owners"
"""Set: the owners that have claims."""


def claims(owner: str) -> str:
    """Hash: the owner's items that are queued or being made -> the claim (JSON)."""
    return f"handsoff:on-demand:claims:{owner}"


def failure(item: str) -> str:
    """Text: why an item could not be made (JSON), for as long as no request may have it tried again."""
    return f"handsoff:on-demand:failure:{item}"


def news(owner: str) -> str:
    """Stream: the owner's items as their claims end."""
    return f"handsoff:on-demand:news:{owner}"


def call_number(owner: str) -> str:
    """Counter: the calls that were queued for the owner's items. It numbers their ids in the queue."""
    return f"handsoff:rq-number:{owner}"


# Readers of streams.


def reading(stream: StreamRef) -> str:
    """Present while the stream has readers."""
    return f"handsoff:reading:{stream}"


def requested_at(stream: StreamRef) -> str:
    """Sorted set: the shards of a stream -> when each was last requested."""
    return f"handsoff:asked-at:{stream}"


WAITED_FOR = "handsoff:waited-for"
"""Sorted set: the ids in the queue that readers wait for -> since when. They stay ahead of all others."""


def index(tenant: str, noun: Noun) -> str:
    """Sorted set, all scores 0: the ids of one noun, oldest first."""
    return f"handsoff:index:{tenant}:{noun}"


def index_mark(tenant: str, noun: Noun) -> str:
    """Present while the index is complete."""
    return f"handsoff:index-whole:{tenant}:{noun}"


def lock(name: str) -> str:
    """A short claim on work that one process at a time may do."""
    return f"handsoff:lock:{name}"
