"""The gallery shows the samples that a visitor looks for, and says how far it has searched."""

import re

import httpx2
import pytest

from app.ui.galleries import filters
from app.ui.images import tars
from tests.app.ui.conftest import words
from tests.app.ui.rendered import Render


def shown(page: httpx2.Response) -> list[int]:
    """Return the places of the samples on a page."""
    assert page.status_code == 200, page.text
    return [int(place) for place in re.findall(r'samples/(\d+)"><img', page.text)]


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("contains=hair", [1, 3, 5, 7]),
        ("least=0.3", [5, 6, 7]),
        ("least=0.3&most=0.31", [5, 6]),
        ("contains=skin&least=0.3", [6]),
        ("contains=&least=&most=", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("contains=background", []),
    ],
    ids=["all", "class", "least", "both", "class-and-score", "empty-fields", "none"],
)
def test_a_filter_chooses_samples(
    client: httpx2.Client, batch_id: str, query: str, places: list[int]
) -> None:
    """Classes and uncertainty are those of the samples themselves. Every shard is searched."""
    page = client.get(f"/ui/batches/{batch_id}/samples?{query}")
    assert shown(page) == places
    if not places:
        assert "All samples were searched" in words(page)


@pytest.mark.parametrize(
    ("query", "detail"),
    [("contains=nose", "Expected one of background, skin, hair"), ("least=much", "a number")],
    ids=["class", "number"],
)
def test_a_wrong_filter_says_what_was_expected(
    client: httpx2.Client, batch_id: str, query: str, detail: str
) -> None:
    """422 with the classes, or an example of a number."""
    page = client.get(f"/ui/batches/{batch_id}/samples?{query}")
    assert page.status_code == 422
    assert detail in words(page)


def test_pages_of_a_filter_meet(
    client: httpx2.Client, batch_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next page begins after the last sample that was searched, and keeps the filter."""
    monkeypatch.setattr(filters, "PAGE_SIZE", 3)
    page = client.get(f"/ui/batches/{batch_id}/samples?contains=hair")
    (following,) = re.findall(r'rel="next" href="([^"]+)"', page.text)
    rest = client.get(f"/ui/batches/{batch_id}/samples{following.replace('&amp;', '&')}")
    assert shown(page) + shown(rest) == [1, 3, 5, 7]
    assert 'rel="next"' not in rest.text


def test_a_request_reads_few_shards(
    client: httpx2.Client, render: Render, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A filter that finds nothing stops after some new shards, and offers to search on."""
    monkeypatch.setattr(filters, "MAX_NEW_SHARDS", 2)
    monkeypatch.setattr(tars.INDEXES, "_indexes", type(tars.INDEXES._indexes)())
    batch_id = render(seed=9)
    page = client.get(f"/ui/batches/{batch_id}/samples?contains=background")
    assert "0 found in 1 to 6 of 8" in words(page)
    assert "Search on" in words(page)
    rest = client.get(f"/ui/batches/{batch_id}/samples?contains=background&start=6")
    assert "All samples were searched" in words(rest)
