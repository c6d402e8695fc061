"""How long a call waits for a store in trouble."""

import errno
from datetime import timedelta

import pytest

from contracts.errors.tree import QueueUnavailable, StoreUnavailable
from state.capacity.patience import (
    FIRST_WAIT,
    LONGEST_WAIT,
    StorePatience,
    is_trouble_of_the_store,
)
from state.ledger import Ledger
from state.redis_calls import RedisCalls

HOURS, SECOND = timedelta(hours=6), timedelta(seconds=1)


def all_waits(patience: StorePatience, call: str) -> list[timedelta]:
    """Return the waits of a call until it fails."""
    return list(iter(lambda: patience.next_wait(call), None))


def test_the_waits_double_up_to_a_limit(ledger: Ledger) -> None:
    """A short trouble delays little; a long one costs few tries, and its end is noticed within minutes."""
    waits = all_waits(StorePatience(ledger, HOURS), "a")
    assert waits[:4] == [FIRST_WAIT, FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT]
    assert max(waits) == LONGEST_WAIT


def test_the_waits_add_up_to_the_patience(ledger: Ledger) -> None:
    """Then the call fails."""
    total = sum(all_waits(StorePatience(ledger, HOURS), "a"), timedelta())
    assert HOURS - LONGEST_WAIT <= total <= HOURS


def test_a_call_without_trouble_starts_again(ledger: Ledger) -> None:
    """A later trouble has the whole patience. Other calls have their own."""
    patience = StorePatience(ledger, HOURS)
    all_waits(patience, "a")
    assert patience.next_wait("b") == FIRST_WAIT
    assert patience.has_waited("a")
    patience.forget("a")
    assert not patience.has_waited("a")
    assert patience.next_wait("a") == FIRST_WAIT


def test_without_redis_nothing_waits() -> None:
    """Finished work does not fail because its waits cannot be forgotten; the store's error is raised as it is."""
    patience = StorePatience(
        Ledger.connect("redis://127.0.0.1:9/0", RedisCalls(SECOND, SECOND)), HOURS
    )
    patience.forget("a")
    assert not patience.has_waited("a")
    assert patience.next_wait("a") is None


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (StoreUnavailable("away"), True),
        (OSError(errno.ENOSPC, "full"), True),
        (OSError(errno.EROFS, "read-only"), True),
        (OSError(errno.ENOENT, "missing"), False),
        (QueueUnavailable("away"), False),
        (ValueError("wrong"), False),
    ],
)
def test_which_errors_are_waited_for(error: Exception, expected: bool) -> None:  # noqa: FBT001
    """Full or read-only disks, and a store that does not answer. A fault of the program is not."""
    assert is_trouble_of_the_store(error) is expected
