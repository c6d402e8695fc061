"""Batches of many shards: the client reads the list page by page."""

import httpx2
import pytest

from handsoff_client.errors import InvalidAnswer
from tests.client.conftest import Service


def listed(indices: range, *, has_more: bool | None = None) -> httpx2.Response:
    """Return the answer with these shards. A service without pages does not send `has_more`."""
    shards = [
        {
            "index": index,
            "num_samples": 1,
            "num_bytes": 1,
            "sha256": "0" * 64,
            "url": f"http://service/{index}",
            "expires_at": "2026-11-22T10:00:00Z",
        }
        for index in indices
    ]
    more = {} if has_more is None else {"has_more": has_more}
    return httpx2.Response(200, json={"num_samples": 9, "items": shards, "card": None, **more})


def test_all_pages_are_read(service: Service) -> None:
    """Each page starts after the last shard of the one before."""
    service.answers = [listed(range(3), has_more=True), listed(range(3, 5), has_more=False)]
    shards = service.client().batches.shards("batch_1")
    assert [shard.index for shard in shards] == list(range(5))
    assert [dict(one.url.params) for one in service.requests] == [
        {"limit": "1000"},
        {"limit": "1000", "after": "2"},
    ]


def test_a_service_without_pages_answers_all_shards(service: Service) -> None:
    """One request is enough."""
    service.answers = [listed(range(5))]
    assert len(service.client().batches.shards("batch_1")) == 5


@pytest.mark.parametrize("second", [range(4, 6), range(0)])
def test_a_gap_between_pages_is_an_error(service: Service, second: range) -> None:
    """A missing shard is never left out silently."""
    service.answers = [listed(range(3), has_more=True), listed(second, has_more=True)]
    with pytest.raises(InvalidAnswer):
        service.client().batches.shards("batch_1")
