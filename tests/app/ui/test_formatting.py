"""Numbers, times and sizes as people read them."""

from datetime import timedelta

import pytest

from app.ui import formatting
from contracts.base import now
from contracts.ids import new_id


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (59, "59 s"), (200, "3 min 20 s"), (7_260, "2 h 1 min"), (None, "unknown")],
)
def test_a_duration_has_two_units(seconds: float | None, text: str) -> None:
    """Longer durations leave out the smaller units."""
    assert formatting.duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1, "just now"), (61, "1 minute ago"), (7_300, "2 hours ago"), (200_000, "2 days ago")],
)
def test_a_time_is_told_from_now(seconds: float, text: str) -> None:
    """The largest unit is enough."""
    assert formatting.ago(now() - timedelta(seconds=seconds)) == text


def test_numbers_are_short() -> None:
    """Sizes, shares, scores and ids have few characters."""
    assert formatting.size(1_600_000) == "1.5 MiB"
    assert (formatting.share(0.5), formatting.share(0.002)) == ("50%", "0.2%")
    assert (formatting.score(0.814), formatting.score(None)) == ("0.81", "–")  # noqa: RUF001
    assert (formatting.decibels(31.26), formatting.decibels(106)) == ("31.3 dB", "exact")
    assert formatting.count(25_600) == "25,600"
    fit_id = new_id("fit")
    assert formatting.short(fit_id) == f"fit_…{fit_id[-6:]}"
    assert formatting.short("portraits-64") == "portraits-64"


def test_a_message_is_a_sentence() -> None:
    """Advice of the code begins in lower case and has no full stop."""
    assert formatting.sentence("class hat has 3 images; add 5") == "Class hat has 3 images; add 5."
    assert formatting.sentence("Use 50 or more.") == "Use 50 or more."
    assert formatting.plain(0.5) == "0.5"
    assert formatting.plain(20.0) == "20"
