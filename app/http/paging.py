"""Cursor pagination of lists, newest first.

The cursor is opaque and signed: it is valid only for the list and filters that issued it.
"""

import base64
import heapq
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Generic, TypeVar

import redis
import structlog
from pydantic import ValidationError

from app.http.signing import is_signed, signature
from app.services import Services
from contracts.base import Model
from contracts.errors.tree import InvalidCursor, RecordDamaged
from contracts.ids import DEFAULT_TENANT, is_built_in
from contracts.jobs import JobStatus
from state import keys, records
from state.listing.statuses import StatusIndex

log = structlog.get_logger()

T = TypeVar("T")

_PURPOSE = "cursor"
_READ_AHEAD = 50


class Page(Model, Generic[T]):
    """One page of a list. `next_cursor` is set while `has_more` is true. `damaged`: ids whose record cannot be read."""

    items: tuple[T, ...]
    has_more: bool
    next_cursor: str | None = None
    damaged: tuple[str, ...] = ()


def read_page(
    services: Services,
    tenant: str,
    noun: keys.Noun,
    *,
    limit: int,
    after: str | None,
    filters: str = "",
    status: JobStatus | None = None,
    load: Callable[[str], T | None],
) -> Page[T]:
    """Return the page after the cursor. `load` turns an id into an item, or None to leave it out.

    `status` selects the list of jobs to read; `load` checks each.

    Raises `InvalidCursor` for a cursor of another list or other filters.
    """

    def ids(before: str | None) -> Iterator[str]:
        own = _ids(services, tenant, noun, before, status)
        if noun != "generators" or tenant == DEFAULT_TENANT:
            return own
        return _descending(own, _built_in(services, before))

    scope = f"{tenant}/{noun}?{filters}"
    return page_of(services.secret, scope, ids, limit=limit, after=after, load=load)


def page_of(
    secret: bytes,
    scope: str,
    ids: Callable[[str | None], Iterable[str]],
    *,
    limit: int,
    after: str | None,
    load: Callable[[str], T | None],
) -> Page[T]:
    """Return the page after the cursor of any list. `ids` yields those before an id, or all, in descending order.

    `scope` names the tenant, the list and its filters. Raises `InvalidCursor` for a cursor of another scope.
    """
    before = _decode_cursor(secret, scope, after) if after else None
    matches: list[tuple[str, T]] = []
    damaged: list[str] = []
    for item_id in ids(before):
        try:
            item = load(item_id)
        # One damaged record must not hide the others.
        except (RecordDamaged, ValidationError) as error:
            log.warning("damaged record skipped", list=scope, id=item_id, error=str(error))
            damaged.append(item_id)
            continue
        if item is not None:
            matches.append((item_id, item))
        if len(matches) > limit:  # one more than a page shows that there is a next page
            break
    shown = matches[:limit]
    has_more = len(matches) > limit
    cursor = _encode_cursor(secret, scope, shown[-1][0]) if has_more else None
    return Page(
        items=tuple(item for _, item in shown),
        has_more=has_more,
        next_cursor=cursor,
        damaged=tuple(damaged),
    )


def _built_in(services: Services, before: str | None) -> Iterator[str]:
    """Yield the names of the built-in generators before a name, in descending order."""
    stored = _ids(services, DEFAULT_TENANT, "generators", before, None)
    return (each for each in stored if is_built_in(each))


def _descending(own: Iterable[str], others: Iterable[str]) -> Iterator[str]:
    """Yield the ids of two descending lists in descending order, each once."""
    for each, _ in groupby(heapq.merge(own, others, reverse=True)):
        yield each


def _ids(
    services: Services, tenant: str, noun: keys.Noun, before: str | None, status: JobStatus | None
) -> Iterator[str]:
    """Yield the ids older than `before`, newest first: from Redis, or from the store if Redis is down."""
    try:
        of_status = StatusIndex(services.ledger.redis, tenant, noun)
        if status is not None and of_status.is_complete:
            while ids := of_status.page(status, before, _READ_AHEAD):
                yield from ids
                before = ids[-1]
            return
        if not services.ledger.index_is_complete(tenant, noun):
            records.rebuild_index(services.store, services.ledger, tenant, noun)
        while ids := services.ledger.index_page(tenant, noun, before, _READ_AHEAD):
            yield from ids
            before = ids[-1]
    except redis.RedisError:
        for item_id in reversed(services.store.children(keys.noun_prefix(tenant, noun))):
            if before is None or item_id < before:
                yield item_id


def _encode_cursor(secret: bytes, scope: str, last_id: str) -> str:
    text = f"{last_id} " + signature(secret, _PURPOSE, f"{scope}\n{last_id}")
    return base64.urlsafe_b64encode(text.encode()).decode()


def _decode_cursor(secret: bytes, scope: str, cursor: str) -> str:
    try:
        text = base64.urlsafe_b64decode(cursor).decode()
    except ValueError:
        text = ""
    last_id, _, given = text.partition(" ")
    if not is_signed(secret, _PURPOSE, f"{scope}\n{last_id}", given):
        raise InvalidCursor(
            "Expected in 'after' a 'next_cursor' of this list with the same filters, got another value. Leave 'after'"
            " out to start at the first page."
        )
    return last_id
