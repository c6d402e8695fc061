"""What the visitor's tenant used by day, as bars and as a table, its limits, and what it has stored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from fastapi import APIRouter, Response

from app.ui.formatting import count, duration, size
from app.ui.routing import PageRoute
from app.ui.visits import VisitDep
from app.usage import service
from app.usage.schemas import UsageDay
from state.usage import notes

router = APIRouter(route_class=PageRoute, include_in_schema=False)

NUM_DAYS = 30


@dataclass(frozen=True)
class Bar:
    """One day of a chart: what it is for people, and its height as a share of the highest."""

    day: date
    text: str
    height: float


@dataclass(frozen=True)
class Chart:
    """One amount over the last days, oldest first: its name, its sum, and a bar for each day."""

    name: str
    total: str
    bars: tuple[Bar, ...]


def _seconds(day: UsageDay) -> float:
    return sum(day.device_seconds.values())


_AMOUNTS: tuple[tuple[str, Callable[[UsageDay], float], Callable[[float], str]], ...] = (
    ("Rendered pairs", lambda day: day.pairs, lambda value: count(int(value))),
    ("Time of workers", _seconds, duration),
    ("Written", lambda day: day.written_bytes, size),
    ("Uploaded", lambda day: day.uploaded_bytes, size),
)


@router.get("/ui/usage", name="ui_usage")
def show_usage(visit: VisitDep) -> Response:
    """Show the last 30 days."""
    view = service.usage(visit.services, visit.tenant, None, None)
    today = notes.today()
    days = [today - timedelta(days=ago) for ago in reversed(range(NUM_DAYS))]
    charts = [_chart(name, amount, show, view.items, days) for name, amount, show in _AMOUNTS]
    limits = {name: value for name, value in view.limits.model_dump().items() if value is not None}
    return visit.page("account/usage.html", usage=view, charts=charts, days=days, limits=limits)


def _chart(
    name: str,
    amount: Callable[[UsageDay], float],
    show: Callable[[float], str],
    items: Sequence[UsageDay],
    days: Sequence[date],
) -> Chart:
    amounts = {item.day: float(amount(item)) for item in items}
    highest = max(amounts.values(), default=0) or 1
    bars = [Bar(day, show(amounts.get(day, 0.0)), amounts.get(day, 0.0) / highest) for day in days]
    return Chart(name, show(sum(amounts.values())), tuple(bars))
