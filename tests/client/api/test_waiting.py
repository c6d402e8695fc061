"""The wait for what the service makes when it is asked for."""

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
def test_the_service_is_told_how_long_to_wait(timeout: timedelta | None, seconds: int) -> None:
    """Full seconds, up: rounded down, the last of them would be spent on asking again and again."""
    assert poll(lambda wait: wait, ShardNotReady, timeout) == seconds
