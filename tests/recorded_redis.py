"""The data of another version in Redis: that of version 0.1.0, as recorded, and that of a version to come.

`tests/fixtures/stores/redis-0.1.0.json` holds every key that app and workers of version 0.1.0 wrote: heartbeats in
every state, live data, events, claims, failures, and an entry of each of its tasks in the queues.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import redis

RECORDED = Path(__file__).parent / "fixtures" / "stores" / "redis-0.1.0.json"

VERSIONS = ("0.1.0", "next")


def load(client: "redis.Redis", version: str, **ids: str) -> None:
    """Write the data of a version. `ids` replaces recorded ids of kinds (`fit`, `batch`, ...) by those of a test."""
    text = RECORDED.read_text()
    for kind, new in ids.items():
        text = text.replace(json.loads(text)["ids"][kind], new)
    for key, stored in json.loads(text)["keys"].items():
        value = stored["value"]
        if version == "next":
            value = _of_next_version(key, value)
        _WRITERS[stored["type"]](client, key, value)


def _of_next_version(key: str, value: Any) -> Any:
    """Add an unknown field to every JSON object, and a heartbeat, a claim, an event and live data of unknown forms."""
    if isinstance(value, list):
        return [_of_next_version("", each) for each in value]
    if isinstance(value, str):
        return value.replace('{"', '{"added": {"a": 1}, "', 1) if value.startswith('{"') else value
    if not isinstance(value, dict):
        return value
    changed = {name: _of_next_version("", each) for name, each in value.items()}
    if key.startswith("rq:"):
        return value
    strange = {"handsoff:workers": '{"worker": 7}', "handsoff:claims": "[]", "handsoff:live": "no"}
    field = {"handsoff:live": "progress"}
    for prefix, text in strange.items():
        if key.startswith(prefix):
            changed[field.get(prefix, "99")] = text
    return changed


def _bytes(value: object) -> bytes:
    return str(value).encode("latin1")


def _pairs(fields: dict[str, str]) -> Iterator[tuple[bytes, bytes]]:
    return ((_bytes(name), _bytes(text)) for name, text in fields.items())


_WRITERS: dict[str, Callable[["redis.Redis", str, Any], object]] = {
    "hash": lambda client, key, value: client.hset(key, mapping=dict(_pairs(value))),
    "list": lambda client, key, value: client.rpush(key, *map(_bytes, value)),
    "set": lambda client, key, value: client.sadd(key, *map(_bytes, value)),
    "zset": lambda client, key, value: client.zadd(key, dict(value)),
    "string": lambda client, key, value: client.set(key, _bytes(value)),
    "stream": lambda client, key, value: [
        client.xadd(key, dict(_pairs(fields)), id=entry_id) for entry_id, fields in value
    ],
}
