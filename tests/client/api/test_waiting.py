"""Wait for resources that the service produces on demand."""

from datetime import timedelta

import pytest

from handsoff_client import ShardNotReady
from handsoff_client.api.waiting import poll


@pytest.mark.parametrize(
    ("timeout", "seconds"),
    [
        (None, 30),
        (timedelta(minutes=5), 30),
        (timedelta(seconds=1.2), 2),
        (timedelta(milliseconds=1), 1),
        (timedelta(0), 0),
    ],
)
def test_the_wait_of_a_request_is_rounded_up(timeout: timedelta | None, seconds: int) -> None:
    """Rounded down, the last second would be spent on many requests without a wait."""
    assert poll(lambda wait, _: wait, ShardNotReady, timeout) == seconds
