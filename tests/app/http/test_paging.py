"""Tests of paginated lists, on fits; the other nouns share the code."""

from itertools import chain

import httpx2
import pytest

from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobRef
from state.ledger import Ledger


@pytest.fixture
def fit_ids(client: httpx2.Client, labelset_id: str) -> list[str]:
    """Five fits, newest first."""
    body = {"generator": "tiny-32", "labelset": labelset_id}
    ids = [client.post("/v1/fits", json=body).json()["id"] for _ in range(5)]
    return ids[::-1]


def walk(client: httpx2.Client, **query: str | int) -> list[list[str]]:
    """Return the ids of every page, by following the `Link` headers."""
    pages = []
    answer = client.get("/v1/fits", params=query)
    while True:
        pages.append([fit["id"] for fit in answer.json()["items"]])
        if "next" not in answer.links:
            return pages
        answer = client.get(answer.links["next"]["url"])


def test_pages_cover_the_list(client: httpx2.Client, fit_ids: list[str]) -> None:
    """Every item appears once, newest first, and the last page has no next link."""
    pages = walk(client, limit=2)
    assert [len(page) for page in pages] == [2, 2, 1]
    assert list(chain(*pages)) == sorted(fit_ids, reverse=True)


def test_a_page_with_all_items_has_no_next(client: httpx2.Client, fit_ids: list[str]) -> None:
    """If the last items fill the page exactly, `has_more` is false."""
    page = client.get("/v1/fits", params={"limit": 5}).json()
    assert (page["has_more"], page["next_cursor"], len(page["items"])) == (False, None, 5)


def test_a_filter_applies_to_every_page(
    client: httpx2.Client, fit_ids: list[str], ledger: Ledger
) -> None:
    """A list filtered by status has only fits of that status, on every page."""
    for fit_id in fit_ids[::2]:
        ledger.record_start(JobRef(tenant=DEFAULT_TENANT, id=fit_id), 1)
    pages = walk(client, status="running", limit=1)
    assert [len(page) for page in pages] == [1, 1, 1]
    assert set(chain(*pages)) == set(fit_ids[::2])


def test_a_cursor_is_valid_for_its_list_only(client: httpx2.Client, fit_ids: list[str]) -> None:
    """A cursor of another filter is refused, and so is a forged one."""
    cursor = client.get("/v1/fits", params={"limit": 1}).json()["next_cursor"]
    forged = ["bm90IG91cnM=", "?", "é", "W10=", "WyJ4IiwgIlx1ZDgwMCJd", "W1tb" * 10_000]
    for query in ({"after": cursor, "status": "queued"}, *({"after": text} for text in forged)):
        answer = client.get("/v1/fits", params=query)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"status": "asleep"}, {"lmit": 1}])
def test_an_invalid_query_is_refused(client: httpx2.Client, query: dict[str, str | int]) -> None:
    """The limit is 1 to 100, the status a job status, and other parameters are refused."""
    assert client.get("/v1/fits", params=query).status_code == 422
