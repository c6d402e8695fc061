"""Lists of the service, page by page."""

from collections.abc import Iterator
from typing import TypeVar

from handsoff_client.api.resources import Page
from handsoff_client.http.operations import Operation
from handsoff_client.http.parsing import parse
from handsoff_client.http.transport import Transport

T = TypeVar("T")

ITEMS_ON_A_PAGE = 100
"""The maximum of the service."""


def items_of(
    kind: type[T],
    transport: Transport,
    operation: Operation,
    resource_id: str = "",
    *,
    limit: int | None = None,
    **params: str,
) -> Iterator[T]:
    """Yield the items of a list, at most `limit` (None: all). Each page is requested when its items are needed."""
    left, after = limit, None
    while left is None or left > 0:
        size = min(left or ITEMS_ON_A_PAGE, ITEMS_ON_A_PAGE)
        query = params | {"limit": size} | ({"after": after} if after else {})
        page = parse(Page, transport.call(operation, resource_id, params=query))
        yield from (parse(kind, item) for item in page.items)
        after = page.next_cursor
        left = None if left is None else left - len(page.items)
        if not page.has_more:
            return
