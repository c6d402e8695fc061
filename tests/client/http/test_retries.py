"""The waits before retries."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from handsoff_client import InvalidInput
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


def test_a_request_is_repeated_for_minutes() -> None:
    """By default for five minutes: a restart of the service and of its machine takes less."""
    waits: list[float] = []
    attempts = Retries(sleep=waits.append).begin()
    while attempts.are_left():
        attempts.pause("Away.")
    assert 299 <= sum(waits) <= 300
    assert len(waits) < 60


def test_the_caller_may_have_a_shorter_limit() -> None:
    """A wait of a few seconds does not last for minutes because the service is away."""
    waits: list[float] = []
    attempts = Retries(sleep=waits.append).begin(within=3)
    while attempts.are_left():
        attempts.pause("Away.")
    assert 2.9 <= sum(waits) <= 3


def test_retry_after_is_kept_at_the_limit() -> None:
    """The service is never asked earlier than it wishes."""
    waits: list[float] = []
    Retries(seconds=2, sleep=waits.append).begin().pause("Away.", "7")
    assert waits[0] >= 7


@pytest.mark.parametrize(("text", "seconds"), [(None, 300), ("0", 0), ("7200", 7200)])
def test_the_environment_sets_the_limit(
    monkeypatch: pytest.MonkeyPatch, text: str | None, seconds: float
) -> None:
    """`HANDSOFF_RETRY_SECONDS`; 0 turns retries off."""
    monkeypatch.delenv("HANDSOFF_RETRY_SECONDS", raising=False)
    if text is not None:
        monkeypatch.setenv("HANDSOFF_RETRY_SECONDS", text)
    retries = Retries.from_environment()
    assert retries.seconds == seconds
    assert retries.begin().are_left() is (seconds > 0)


def test_an_invalid_limit_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would otherwise turn retries off silently."""
    monkeypatch.setenv("HANDSOFF_RETRY_SECONDS", "5 minutes")
    with pytest.raises(InvalidInput, match="HANDSOFF_RETRY_SECONDS, such as 300, got '5 minutes'"):
        Retries.from_environment()


def test_the_log_says_how_long_it_continues(caplog: pytest.LogCaptureFixture) -> None:
    """And that the service answers again."""
    attempts = Retries(seconds=60, sleep=lambda _: None).begin()
    attempts.pause("The service is away.")
    attempts.note_success()
    first, last = caplog.messages
    assert first.startswith("The service is away. Retrying in")
    assert first.endswith("for 60 s at most.")
    assert last.startswith("Answered after 2 attempts")
