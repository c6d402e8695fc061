"""Promises of lists. Shown on fits; the other nouns share the code."""

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
    """The ids of every page, following the `Link` headers."""
    pages = []
    answer = client.get("/v1/fits", params=query)
    while True:
        pages.append([fit["id"] for fit in answer.json()["items"]])
        if "next" not in answer.links:
            return pages
        answer = client.get(answer.links["next"]["url"])


def test_pages_follow_each_other(client: httpx2.Client, fit_ids: list[str]) -> None:
    """Every item comes once, newest first, and the last page has no next."""
    pages = walk(client, limit=2)
    assert [len(page) for page in pages] == [2, 2, 1]
    assert list(chain(*pages)) == sorted(fit_ids, reverse=True)


def test_a_page_of_all_has_no_next(client: httpx2.Client, fit_ids: list[str]) -> None:
    """A page that holds exactly everything says that there is no more."""
    page = client.get("/v1/fits", params={"limit": 5}).json()
    assert (page["has_more"], page["next_cursor"], len(page["items"])) == (False, None, 5)


def test_a_filter_leaves_the_others_out(
    client: httpx2.Client, fit_ids: list[str], ledger: Ledger
) -> None:
    """A list by status has those of that status, over all pages."""
    for fit_id in fit_ids[::2]:
        ledger.record_start(JobRef(tenant=DEFAULT_TENANT, id=fit_id), 1)
    found = walk(client, status="running", limit=1)
    assert [len(page) for page in found] == [1, 1, 1]
    assert set(chain(*found)) == set(fit_ids[::2])


def test_a_cursor_is_for_its_own_list(client: httpx2.Client, fit_ids: list[str]) -> None:
    """A cursor of one filter is refused by another, and so is one that was made up."""
    cursor = client.get("/v1/fits", params={"limit": 1}).json()["next_cursor"]
    made_up = ["bm90IG91cnM=", "?", "é", "W10=", "WyJ4IiwgIlx1ZDgwMCJd", "W1tb" * 10_000]
    for query in ({"after": cursor, "status": "queued"}, *({"after": text} for text in made_up)):
        answer = client.get("/v1/fits", params=query)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"status": "asleep"}, {"lmit": 1}])
def test_a_bad_query_is_refused(client: httpx2.Client, query: dict[str, str | int]) -> None:
    """A page has a size between 1 and 100, a status is one of ours, and nothing else is taken."""
    assert client.get("/v1/fits", params=query).status_code == 422
