"""Which objects of a store a record names. All others are left over: a tar of a killed worker, a part of an upload.

Known by its place is a record of a resource that exists, such as `request.json`. Any other object is known because a
record contains its key.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from state import keys
from state.store import Store

EXISTS_BY = {"labelsets": "manifest.json", "uploads": "manifest.json"}
"""The record that makes a resource exist. For all other nouns it is `request.json`."""

RECORDS = re.compile(
    r"(request|cancel|start|manifest|stop|training|claim)\.json|content"
    r"|(shards|pilots|plans|inverters|exports|sheets|steering/versions|steering/segments)/[^/]+\.json"
    r"|delivery/[^/]+/(order|progress)\.json|units/[^/]+\.npz|scratch/[^/]+|(pilots|codes)/[^/]+\.state"
)
"""The objects of a resource that are known by their place."""

OF_NO_RESOURCE = re.compile(
    rf"{re.escape(keys.PROBE)}|access/(keys|uses|tenants|audit)/.+\.jsonl?|estimates/.+\.json"
    r"|tenants/[^/]+/(idempotency/[^/]+\.json|usage/.+\.json)"
)
"""The objects that belong to no resource: API keys and limits, the audit log, rates, reserved keys, usage."""

SCRATCH = "scratch/"
PILOT_STATE = re.compile(r"(pilots/.+)\.state")
"""A pilot that was interrupted. Its state is deleted when the pilot is stored."""
TOMBSTONE = "tombstone.json"
MANIFEST = "manifest.json"


def left_over(store: Store, found: Iterable[str]) -> list[str]:
    """Return the keys that no record names. `found` are all keys of the store, also of parts of objects."""
    resources: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    unknown = []
    for key in found:
        match = re.fullmatch(r"tenants/([^/]+)/([^/]+)/([^/]+)/(.+)", key)
        if OF_NO_RESOURCE.fullmatch(key):
            continue
        if match:
            resources[match.groups()[:3]].add(match[4])
        else:
            unknown.append(key)
    named = set(_named(store, resources))
    for resource, names in resources.items():
        prefix = keys.resource_prefix(*resource)
        placed = _placed(resource[1], names)
        unknown += [
            f"{prefix}/{name}"
            for name in names
            if name not in placed and not (placed and f"{prefix}/{name}" in named)
        ]
    return sorted(unknown)


def _placed(noun: str, names: set[str]) -> set[str]:
    """Return the names of one resource that are known by their place; none if the resource does not exist."""
    if TOMBSTONE in names:
        return {TOMBSTONE}
    if EXISTS_BY.get(noun, "request.json") not in names:
        return set()
    placed = {name for name in names if RECORDS.fullmatch(name)}
    return {name for name in placed if not _is_past(name, names)}


def _is_past(name: str, names: set[str]) -> bool:
    """Return whether an object was only of use before another one of the resource existed."""
    state = PILOT_STATE.fullmatch(name)
    if state:
        return f"{state[1]}.json" in names
    return name.startswith(SCRATCH) and MANIFEST in names


def _named(store: Store, resources: Mapping[tuple[str, ...], set[str]]) -> Iterator[str]:
    """Yield every key that a record of an existing resource contains."""
    for resource, names in resources.items():
        if TOMBSTONE in names:
            continue
        for name in _placed(resource[1], names):
            if name.endswith(".json"):
                data = store.get(f"{keys.resource_prefix(*resource)}/{name}")
                yield from _keys_in(json.loads(data))


def _keys_in(value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Yield the texts of a JSON value that are keys of objects."""
    if isinstance(value, str):
        if value.startswith("tenants/"):
            yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _keys_in(item)
