"""The ledger of items made on demand, on a real Redis."""

from datetime import timedelta
from typing import cast

import pytest

from contracts.jobs import JobError
from state import redis_keys
from state.ledger import Ledger
from state.on_demand.ledger import Item, OnDemandLedger

BATCH, STREAM = "default/batch_1", "default/stream_1"
EXPORT, REPORT, SHARD = Item(BATCH, "export-coco"), Item(BATCH, "report"), Item(STREAM, "17")


@pytest.fixture
def items(ledger: Ledger) -> OnDemandLedger:
    """Return an empty ledger of items."""
    return OnDemandLedger(ledger)


def news(ledger: Ledger, owner: str) -> list[str]:
    """Return the names in an owner's news, oldest first."""
    entries = cast("list[tuple[str, dict[str, str]]]", ledger.redis.xrange(redis_keys.news(owner)))
    return [fields["item"] for _, fields in entries]


def test_an_item_has_one_claim(items: OnDemandLedger) -> None:
    """The first call keeps the claim until its release; other items can be claimed."""
    assert [items.claim(EXPORT, rq_id) for rq_id in ("a", "b")] == [True, False]
    claim = items.claim_of(EXPORT)
    assert claim is not None
    assert claim.rq_id == "a"
    assert items.claim(REPORT, "c")
    items.release(EXPORT)
    assert items.claim_of(EXPORT) is None
    assert list(items.claims(BATCH)) == ["report"]


def test_the_claims_of_all_owners_are_listed(items: OnDemandLedger, ledger: Ledger) -> None:
    """An owner is kept exactly while it has claims."""
    for item in (EXPORT, REPORT, SHARD):
        items.claim(item, "a")
    items.release(EXPORT)
    assert set(items.all_claims()) == {REPORT, SHARD}
    items.release(REPORT)
    items.release(SHARD)
    assert items.all_claims() == {}
    assert not ledger.redis.exists(redis_keys.CLAIM_OWNERS)


def test_the_end_of_a_claim_is_news_of_its_owner(items: OnDemandLedger, ledger: Ledger) -> None:
    """Requests for items of another owner are not woken."""
    items.release(REPORT)
    items.release(EXPORT)
    assert (news(ledger, BATCH), news(ledger, STREAM)) == (["report", "export-coco"], [])


def test_calls_are_numbered_by_owner(items: OnDemandLedger) -> None:
    """Each owner counts from 1."""
    assert [items.next_number(owner) for owner in (BATCH, BATCH, STREAM)] == [1, 2, 1]


def test_a_failure_is_reported_for_a_while(items: OnDemandLedger, ledger: Ledger) -> None:
    """Redis deletes it after that time."""
    error = JobError(code="input_missing", detail="A shard is gone.")
    items.fail(EXPORT, error, timedelta(seconds=30))
    assert (items.failure(EXPORT), items.failure(REPORT)) == (error, None)
    assert 0 < ledger.redis.pttl(redis_keys.failure(str(EXPORT))) <= 30_000


def test_a_deleted_owner_is_forgotten(items: OnDemandLedger, ledger: Ledger) -> None:
    """Its claims end, with news for the requests that wait. No key stays for more than a minute."""
    items.claim(EXPORT, "a")
    items.next_number(BATCH)
    items.forget(BATCH)
    assert items.all_claims() == {}
    assert news(ledger, BATCH) == ["export-coco"]
    ttls_ms = [ledger.redis.pttl(key) for key in ledger.redis.scan_iter("handsoff:*")]
    assert [0 < ttl <= 60_000 for ttl in ttls_ms] == [True]
