"""Promises of every shape that crosses a process."""

import math

import pytest
from pydantic import ValidationError

from contracts.base import Model, now


class Score(Model):
    """A shape for these tests."""

    value: float


def test_a_shape_does_not_change() -> None:
    """What was checked once stays as it was."""
    score = Score(value=1.0)
    with pytest.raises(ValidationError, match="frozen"):
        score.value = 2.0  # type: ignore[misc] # the promise under test


def test_what_is_not_known_is_refused() -> None:
    """A misspelt field is an error, not passed over."""
    with pytest.raises(ValidationError, match="extra"):
        Score.model_validate({"value": 1.0, "valeu": 2.0})


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_json_cannot_say_is_refused(value: float) -> None:
    """NaN is an error where it arises, and not later to whoever reads the manifest."""
    with pytest.raises(ValidationError, match="finite"):
        Score(value=value)


def test_moments_survive_json() -> None:
    """The present is in UTC and whole milliseconds, so it reads back as it was written."""
    moment = now()
    assert (moment.microsecond % 1_000, str(moment.tzinfo)) == (0, "UTC")
