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


class Scores(Model):
    """Models inside a model, and one that keeps every field."""

    scores: tuple[Score, ...]
    best: Score | None = None


def test_a_stored_value_of_a_newer_version_is_read() -> None:
    """Fields that this version does not know are left out at every depth. A request with them is still refused."""
    stored = '{"scores": [{"value": 1.5, "unit": "dB"}], "best": {"value": 2, "by": {}}, "at": 0}'
    with pytest.raises(ValidationError, match="extra"):
        Scores.model_validate_json(stored)
    assert Scores.from_stored(stored) == Scores(scores=(Score(value=1.5),), best=Score(value=2.0))


@pytest.mark.parametrize("stored", ["", "[]", '{"value": "much"}', '{"valeu": 2.0}', '{"a": 1}'])
def test_a_stored_value_that_lacks_something_is_an_error(stored: str) -> None:
    """Only unknown fields are forgiven."""
    with pytest.raises(ValidationError):
        Score.from_stored(stored)


def test_fields_that_a_model_keeps_are_kept() -> None:
    """The facts of a further family or task survive beside an unknown field elsewhere."""

    class Facts(Model, extra="allow"):
        name: str

    class Holder(Model):
        facts: Facts

    holder = Holder.from_stored('{"facts": {"name": "a", "own": 1}, "later": true}')
    assert holder.facts.model_extra == {"own": 1}
