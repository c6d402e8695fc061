"""The waits before retries."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from handsoff_client.http.retries import Retries, retry_after_seconds


def test_waits_grow_with_full_jitter_up_to_a_limit() -> None:
    """Random waits fill their range."""
    retries = Retries(base_seconds=1, longest_seconds=10)
    drawn = [retries.delay_seconds(2) for _ in range(200)]
    assert 0 <= min(drawn) < 1
    assert 3 < max(drawn) <= 4
    assert max(retries.delay_seconds(20) for _ in range(50)) <= 10


@pytest.mark.parametrize(("header", "seconds"), [("7", 7), ("-1", 0), ("soon", None), (None, None)])
def test_retry_after_in_seconds(header: str | None, seconds: float | None) -> None:
    """A number is read, other text is ignored."""
    assert retry_after_seconds(header) == seconds


def test_retry_after_as_a_date() -> None:
    """The wait ends at the date."""
    header = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert 58 <= (retry_after_seconds(header) or 0) <= 60
