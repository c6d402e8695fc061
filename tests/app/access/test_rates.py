"""The limit of requests in a minute: exact in one process, and shared through Redis."""

from collections.abc import Iterator
from typing import cast

import pytest

from app.access.rates import CURRENT_RATE, Rate, RequestRates
from contracts.errors.limits import TooManyRequests
from state.ledger import Ledger


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 600.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Iterator[Clock]:
    """Return a clock at the start of a minute. The rate of the test's context is forgotten afterwards."""
    yield Clock()
    CURRENT_RATE.set(None)


def rate() -> Rate:
    """Return the rate of the last request."""
    return cast("Rate", CURRENT_RATE.get())


def test_requests_beyond_the_limit_are_refused(ledger: Ledger, clock: Clock) -> None:
    """Until the next minute; refused ones do not count. Other tenants are not affected."""
    rates = RequestRates(ledger, clock)
    clock.seconds += 20
    for left in (1, 0):
        rates.take("ada", 2)
        assert rate() == Rate(2, left, 40)
    with pytest.raises(TooManyRequests, match="Retry in 40 s") as refused:
        rates.take("ada", 2)
    assert refused.value.retry_after_seconds == 40
    rates.take("bob", 2)
    clock.seconds += 40
    rates.take("ada", 2)


def test_processes_share_a_limit(ledger: Ledger, clock: Clock) -> None:
    """Each knows the requests of the others after a sync."""
    one, other = RequestRates(ledger, clock), RequestRates(ledger, clock)
    one.take("ada", 3)
    one.take("ada", 3)
    other.take("ada", 3)
    for rates in (one, other, one):
        rates.sync()
    for rates in (one, other):
        with pytest.raises(TooManyRequests):
            rates.take("ada", 3)


def test_a_lost_redis_gives_no_further_requests(ledger: Ledger, clock: Clock) -> None:
    """A process still knows its own."""
    rates = RequestRates(ledger, clock)
    rates.take("ada", 1)
    rates.sync()
    ledger.redis.flushall()
    rates.sync()
    with pytest.raises(TooManyRequests):
        rates.take("ada", 1)


def test_a_tenant_without_a_limit_is_not_counted(ledger: Ledger, clock: Clock) -> None:
    """Redis gets nothing, and answers get no header."""
    rates = RequestRates(ledger, clock)
    rates.take("ada", None)
    rates.sync()
    assert CURRENT_RATE.get() is None
    assert ledger.redis.keys("*requests*") == []


def test_the_headers_are_those_of_the_draft() -> None:
    """draft-ietf-httpapi-ratelimit-headers: structured fields with a named policy."""
    assert Rate(600, 12, 30).headers == {
        "RateLimit-Policy": '"requests";q=600;w=60',
        "RateLimit": '"requests";r=12;t=30',
    }
