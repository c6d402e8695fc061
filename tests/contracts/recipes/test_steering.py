"""Promises of `contracts.recipes.steering`: what reports mean, and how much a version remembers."""

import pytest
from pydantic import ValidationError

from contracts.base import now
from contracts.recipes.steering import (
    MAX_RECENT,
    RecentReport,
    Steering,
    SteeringVersion,
    smoothed,
    version_after,
    weights_of,
)


def test_a_report_is_smoothed_into_the_state() -> None:
    """Half of the old loss and half of the new one; the first loss of a class counts fully, others stay."""
    assert smoothed({"hat": 1.0, "skin": 0.25}, {"hat": 0.5, "hair": 2.0}) == {
        "hat": 0.75,
        "skin": 0.25,
        "hair": 2.0,
    }


@pytest.mark.parametrize(
    ("losses", "weights"),
    [
        (
            {"skin": 0.0, "hat": 0.5, "glasses": 1.0, "hair": 0.1},
            {"hat": 0.142857, "glasses": 0.857143},
        ),
        ({"skin": 0.3, "hat": 0.3}, {}),
        ({"skin": 0.3}, {}),
        ({"skin": 0.0, "hat": 0.0}, {}),
    ],
    ids=["two weak", "equal", "one", "zero"],
)
def test_weak_classes_are_those_above_the_mean(
    losses: dict[str, float], weights: dict[str, float]
) -> None:
    """By how far their loss is above it. Without a weaker class the stream is plain."""
    assert weights_of(losses) == weights


def test_a_version_remembers_the_last_reports() -> None:
    """A bounded number, the newest."""
    version: SteeringVersion | None = None
    for number in range(1, MAX_RECENT + 3):
        recent = RecentReport(key=f"{number:064x}", fingerprint="0" * 64, version=number)
        version = version_after(version, {"hat": 1.0}, recent, now())
    assert version is not None
    assert version.version == MAX_RECENT + 2
    assert [one.version for one in version.recent] == list(range(3, MAX_RECENT + 3))


@pytest.mark.parametrize(
    "fields",
    [{"strength": 0}, {"strength": 5.1}, {"every": 0}, {"every": 1_001}],
    ids=["no strength", "too strong", "no shard", "too many shards"],
)
def test_the_options_are_limited(fields: dict[str, float]) -> None:
    """Strengths up to 5, segments of up to 1,000 shards."""
    with pytest.raises(ValidationError):
        Steering.model_validate(fields)
