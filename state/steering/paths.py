"""The keys of the steering state of streams. Nothing there is ever overwritten; all of it goes with the stream.

tenants/{tenant}/streams/{id}/steering/
├── versions/{version}.json         A  the state after a report; the first one stays
└── segments/{segment}.json         W  the version that decides a segment's shards; the first one stays
"""

from contracts.streams import StreamRef
from state import keys


def versions_prefix(stream: StreamRef) -> str:
    """Return the prefix of all versions of a stream."""
    return f"{keys.stream_prefix(stream)}/steering/versions"


def version(stream: StreamRef, number: int) -> str:
    """Return the key of one version."""
    return f"{versions_prefix(stream)}/{number:09d}.json"


def parse_version(key: str) -> int:
    """Return the number in a key of `version`."""
    return int(key.rpartition("/")[2].removesuffix(".json"))


def segment(stream: StreamRef, number: int) -> str:
    """Return the key of the version of one segment."""
    return f"{keys.stream_prefix(stream)}/steering/segments/{number:09d}.json"
