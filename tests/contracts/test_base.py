"""The base of all models that cross a process."""

import math

import pytest
from pydantic import ValidationError

from contracts.base import Model, now


class Score(Model):
    """A model for these tests."""

    value: float


def test_a_model_is_frozen() -> None:
    """A field cannot be set after validation."""
    score = Score(value=1.0)
    with pytest.raises(ValidationError, match="frozen"):
        score.value = 2.0  # type: ignore[misc] # the promise under test


def test_an_unknown_field_is_refused() -> None:
    """A misspelt field is an error and is not ignored."""
    with pytest.raises(ValidationError, match="extra"):
        Score.model_validate({"value": 1.0, "valeu": 2.0})


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_nan_and_infinity_are_refused(value: float) -> None:
    """The error is raised by the writer, not later by a reader of the JSON."""
    with pytest.raises(ValidationError, match="finite"):
        Score(value=value)


def test_the_present_time_survives_json() -> None:
    """It is in UTC and has whole milliseconds, so it is read as it was written."""
    time = now()
    assert (time.microsecond % 1_000, str(time.tzinfo)) == (0, "UTC")
