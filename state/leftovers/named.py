"""Objects that exist only as part of a result: a record of their resource names them, or they are leftovers.

A worker stores such an object first and its record last. One that stops in between, or that renders a shard a second
time, leaves an object that no record names.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress

from state import keys
from state.store import ObjectInfo, Store

_NAMED = {
    re.compile(r"(shards/[0-9]+)/[^/]+\.tar"): r"\1.json",
    re.compile(r"(exports/[^/]+)/[^/]+\.zip"): r"\1.json",
    re.compile(r"(sheets/[^/]+)/[^/]+\.png"): r"\1.json",
    re.compile(r"attempts/[^/]+/[^/]+"): "manifest.json",
    re.compile(r"(cards|pages)/[^/]+"): "manifest.json",
    re.compile(r"files/[^/]+/[^/]+"): "manifest.json",
}
"""Which record names an object: both as the part of the key after the resource's prefix."""


def record_of(prefix: str, key: str) -> str | None:
    """Return the key of the record that names an object of a resource; None for an object that needs no name."""
    name = key.removeprefix(f"{prefix}/")
    for pattern, record in _NAMED.items():
        match = pattern.fullmatch(name)
        if match is not None:
            return f"{prefix}/{match.expand(record)}"
    return None


def unnamed_objects(store: Store, prefix: str) -> Iterator[ObjectInfo]:
    """Yield the objects of a resource that their record does not name.

    A record that cannot be read may name all of them. A shard or an export with one object and a record is not read:
    that is the usual case, and a batch has thousands.
    """
    objects = {info.key: info for info in store.list(prefix)}
    for record, candidates in _by_record(prefix, objects).items():
        has_record, is_manifest = record in objects, record == f"{prefix}/{keys.MANIFEST}"
        if has_record and len(candidates) == 1 and not is_manifest:
            continue
        text = _read(store, record) if has_record else "[]"
        if text is not None:
            yield from (info for info in candidates if f'"{info.key}"' not in text)


def _by_record(prefix: str, objects: Mapping[str, ObjectInfo]) -> Mapping[str, list[ObjectInfo]]:
    candidates: defaultdict[str, list[ObjectInfo]] = defaultdict(list)
    for key, info in objects.items():
        record = record_of(prefix, key)
        if record is not None:
            candidates[record].append(info)
    return candidates


def _read(store: Store, record: str) -> str | None:
    """Return the text of a record, or None when it is damaged or gone."""
    with suppress(FileNotFoundError, ValueError):
        text = store.get(record).decode()
        json.loads(text)
        return text
    return None
