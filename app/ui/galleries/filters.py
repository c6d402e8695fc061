"""Which samples of a gallery a page shows: those with a class, or with an uncertainty between two limits.

The facts of a sample are in its shard, so a page looks through a limited number of shards, and says where it stopped.
"""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Query

from app.ui.galleries.galleries import Gallery
from app.ui.images.tars import Indexed
from contracts.errors.tree import InvalidRequest

PAGE_SIZE = 24
MAX_NEW_SHARDS = 8
"""How many shards one request may read. More are searched by the next page."""


@dataclass(frozen=True)
class Filter:
    """What the visitor looks for: a class, and limits of the uncertainty as they were typed."""

    contains: str = ""
    least: str = ""
    most: str = ""

    @property
    def query(self) -> str:
        """The filter as the end of a query; empty without one."""
        fields = {"contains": self.contains, "least": self.least, "most": self.most}
        text = urlencode({name: value for name, value in fields.items() if value})
        return f"&{text}" if text else ""

    @property
    def limits(self) -> tuple[float, float]:
        """The uncertainty from and to. Raises `InvalidRequest` for other text than a number."""
        return _number("least", self.least, 0.0), _number("most", self.most, float("inf"))

    def accepts(self, sample: Indexed) -> bool:
        """Return whether a sample is shown. One without a score passes only without limits."""
        if self.contains and not sample.fractions.get(self.contains):
            return False
        low, high = self.limits
        if sample.score is None:
            return not (self.least or self.most)
        return low <= sample.score <= high


async def _filter(
    contains: Annotated[str, Query()] = "",
    least: Annotated[str, Query()] = "",
    most: Annotated[str, Query()] = "",
) -> Filter:
    return Filter(contains.strip(), least.strip(), most.strip())


FilterQuery = Annotated[Filter, Depends(_filter)]


@dataclass(frozen=True)
class Found:
    """One page: the places that it shows, where it began, the place after the last one searched, and the end."""

    places: tuple[int, ...]
    start: int
    stop: int
    total: int

    @property
    def is_last(self) -> bool:
        """Whether everything after the start was searched."""
        return self.stop >= self.total


def find_places(gallery: Gallery, chosen: Filter, start: int) -> Found:
    """Return the next samples that a filter accepts, from a place on.

    Raises `InvalidRequest` for an unknown class or limits that are no numbers.
    """
    start = min(max(0, start), max(0, gallery.total - 1))
    if not chosen.query:
        start = start // PAGE_SIZE * PAGE_SIZE
        stop = min(start + PAGE_SIZE, gallery.total)
        return Found(tuple(range(start, stop)), start, stop, gallery.total)
    if chosen.contains and chosen.contains not in gallery.labels.classes:
        raise InvalidRequest.at(
            "contains",
            f"Expected one of {', '.join(gallery.labels.classes)}, got {chosen.contains[:80]!r}. Choose one of them.",
        )
    places: list[int] = []
    num_new, place = 0, start
    while place < gallery.total and len(places) < PAGE_SIZE:
        num_new += not gallery.is_known(place)
        if num_new > MAX_NEW_SHARDS:
            break
        if chosen.accepts(gallery.sample(place)):
            places.append(place)
        place += 1
    return Found(tuple(places), start, place, gallery.total)


def _number(name: str, text: str, default: float) -> float:
    try:
        return float(text or default)
    except ValueError:
        detail = f"Expected a number such as 0.1, got {text[:80]!r}. Correct it, or leave it empty."
        raise InvalidRequest.at(name, detail) from None
