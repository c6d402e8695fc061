"""Every Redis key of ours, spelled once, all under `handsoff:`; RQ's own begin with `rq:`.

Nothing behind these keys is a fact: each can be lost and is rebuilt from the store, or from the next heartbeat.
"""

from contracts.exports import ExportRef
from contracts.jobs import JobRef
from contracts.streams import StreamRef
from state.keys import Noun

WORKERS = "handsoff:workers"
"""Hash: worker name -> its last heartbeat (JSON)."""


def live(ref: JobRef) -> str:
    """Hash: started_at, attempt, progress of a job that has not ended."""
    return f"handsoff:live:{ref}"


def events(ref: JobRef) -> str:
    """Stream: what happened to a job, oldest first."""
    return f"handsoff:events:{ref}"


def attempts(ref: JobRef) -> str:
    """Hash: a job, or a part of it -> how often it was put into a queue."""
    return f"handsoff:attempts:{ref}"


def in_flight(ref: JobRef) -> str:
    """Sorted set: the shards of a batch that are queued or being rendered -> when each was claimed."""
    return f"handsoff:in-flight:{ref}"


def claims(stream: StreamRef) -> str:
    """Hash: the shards of a stream that are queued or being rendered -> the claim (JSON)."""
    return f"handsoff:claims:{stream}"


def failures(stream: StreamRef, shard: int) -> str:
    """Text: why a shard of a stream could not be rendered (JSON), for as long as nobody should try again."""
    return f"handsoff:failure:{stream}/{shard}"


def news(stream: StreamRef) -> str:
    """Stream: the shards of a stream that were rendered or have failed, as they do."""
    return f"handsoff:news:{stream}"


def reading(stream: StreamRef) -> str:
    """Present while somebody reads the stream."""
    return f"handsoff:reading:{stream}"


def asked_at(stream: StreamRef) -> str:
    """Sorted set: the shards of a stream -> when each was last asked for."""
    return f"handsoff:asked-at:{stream}"


def rq_number(stream: StreamRef) -> str:
    """Counter: how many shards of a stream were ever queued, which numbers their ids in the queue."""
    return f"handsoff:rq-number:{stream}"


EXPORTS = "handsoff:exports"
"""Hash: the exports that are queued or being made -> the claim (JSON)."""


def export_failure(export: ExportRef) -> str:
    """Text: why an export could not be made (JSON), for as long as nobody should try again."""
    return f"handsoff:export-failure:{export}"


WAITED_FOR = "handsoff:waited-for"
"""Sorted set: the ids in the queue that a reader waits for -> since when; they stay before all others."""


def index(tenant: str, noun: Noun) -> str:
    """Sorted set, all scores 0: the ids of one noun, in the order of their time."""
    return f"handsoff:index:{tenant}:{noun}"


def index_mark(tenant: str, noun: Noun) -> str:
    """Present while the index is known to be whole."""
    return f"handsoff:index-whole:{tenant}:{noun}"


def lock(name: str) -> str:
    """A short claim on something that one process at a time may do."""
    return f"handsoff:lock:{name}"
