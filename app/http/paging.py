"""Lists, newest first, page by page.

The cursor is opaque and signed: it is good for the list that gave it and no other.
"""

import base64
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

import redis

from app.http.signing import is_signed, signature
from app.services import Services
from contracts.base import Model
from contracts.errors.tree import InvalidCursor
from state import keys, records

T = TypeVar("T")

_PURPOSE = "cursor"
_READ_AHEAD = 50


class Page(Model, Generic[T]):
    """One page of a list. `next_cursor` is there while `has_more`."""

    items: tuple[T, ...]
    has_more: bool
    next_cursor: str | None = None


def read_page(
    services: Services,
    tenant: str,
    noun: keys.Noun,
    *,
    limit: int,
    after: str | None,
    filters: str = "",
    load: Callable[[str], T | None],
) -> Page[T]:
    """The page after the cursor. `load` turns an id into an item, or None to leave it out."""
    scope = f"{tenant}/{noun}?{filters}"
    before = _open_cursor(services.secret, scope, after) if after else None
    found: list[tuple[str, T]] = []
    for thing_id in _ids(services, tenant, noun, before):
        item = load(thing_id)
        if item is not None:
            found.append((thing_id, item))
        if len(found) > limit:
            break
    shown = found[:limit]
    has_more = len(found) > limit
    cursor = _seal_cursor(services.secret, scope, shown[-1][0]) if has_more else None
    return Page(items=tuple(item for _, item in shown), has_more=has_more, next_cursor=cursor)


def _ids(services: Services, tenant: str, noun: keys.Noun, before: str | None) -> Iterator[str]:
    """All ids older than `before`, newest first: from the index, or from the store while Redis is away."""
    try:
        if not services.ledger.index_is_complete(tenant, noun):
            records.rebuild_index(services.store, services.ledger, tenant, noun)
        while ids := services.ledger.index_page(tenant, noun, before, _READ_AHEAD):
            yield from ids
            before = ids[-1]
    except redis.RedisError:
        for thing_id in reversed(services.store.children(keys.noun_prefix(tenant, noun))):
            if before is None or thing_id < before:
                yield thing_id


def _seal_cursor(secret: bytes, scope: str, last_id: str) -> str:
    text = f"{last_id} " + signature(secret, _PURPOSE, f"{scope}\n{last_id}")
    return base64.urlsafe_b64encode(text.encode()).decode()


def _open_cursor(secret: bytes, scope: str, cursor: str) -> str:
    try:
        text = base64.urlsafe_b64decode(cursor).decode()
    except ValueError:
        text = ""
    last_id, _, given = text.partition(" ")
    if not is_signed(secret, _PURPOSE, f"{scope}\n{last_id}", given):
        raise InvalidCursor(
            "'after' is not a cursor of this list with these filters. Leave it out to begin anew."
        )
    return last_id
