"""Reads what a tenant used from the store. Knows no HTTP."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from functools import partial

from app.services import Services
from app.usage.schemas import StoredView, UsageDay, UsageView
from contracts.errors.tree import InvalidRequest
from state.usage import notes
from state.usage.stored import read_stored

DEFAULT_DAYS = 30
MAX_DAYS = 400
_READ_AT_ONCE = 8


def usage(services: Services, tenant: str, first: date | None, last: date | None) -> UsageView:
    """Return the usage of the days from `first` to `last`, by default of the last 30. Raises `InvalidRequest`."""
    end = last or notes.today()
    begin = first or end - timedelta(days=min(DEFAULT_DAYS - 1, (end - date.min).days))
    if not 0 <= (end - begin).days < MAX_DAYS:
        raise InvalidRequest.at(
            "since", f"Expected 1 to {MAX_DAYS} days, got {begin} to {end}. Choose other days."
        )
    found = [day for day in notes.known_days(services.store, tenant) if begin <= day <= end]
    with ThreadPoolExecutor(_READ_AT_ONCE) as pool:
        sums = list(pool.map(partial(notes.of_day, services.store, tenant), found))
    items = [
        UsageDay(day=day, **total.model_dump()) for day, total in zip(found, sums, strict=True)
    ]
    stored = read_stored(services.store, tenant)
    return UsageView(
        items=tuple(reversed(items)),
        stored=StoredView.model_validate(stored.model_dump()) if stored is not None else None,
        limits=services.keys.limits(tenant),
    )
