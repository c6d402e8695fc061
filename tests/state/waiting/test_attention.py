"""The jobs that a reconciler looks at before its next round."""

from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import JobRef
from state import redis_keys
from state.ledger import Ledger
from state.waiting.attention import MAX_JOBS, Attention


def ref_of(kind: str) -> JobRef:
    """Return a reference to a new job."""
    return JobRef(tenant=DEFAULT_TENANT, id=new_id(kind))


def test_followers_are_woken_once(ledger: Ledger) -> None:
    """Each of them, and none at a second end of the same job."""
    attention, fit = Attention(ledger), ref_of("fit")
    batches = sorted(str(ref_of("batch")) for _ in range(2))
    for batch in batches:
        attention.follow(fit, JobRef.parse(batch))
    attention.wake_followers(fit)
    attention.wake_followers(fit)
    assert [attention.next(0.1) for _ in range(3)] == [*batches, None]


def test_the_list_is_bounded(ledger: Ledger) -> None:
    """Without a reconciler it does not grow for ever."""
    attention = Attention(ledger)
    for _ in range(MAX_JOBS + 5):
        attention.request(ref_of("batch"))
    assert ledger.redis.llen(redis_keys.ATTENTION) == MAX_JOBS
