"""The base of all models that cross a process: a frozen pydantic model that refuses unknown fields.

Values from Redis and the store are read with `from_stored`, because another version may have written them. Also the
annotated types that several models share, so that each bound is written once.
"""

import json
import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import PydanticKnownError

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 digest in lower-case hexadecimal."""

Seed = Annotated[int, Field(ge=0, lt=2**53)]
"""A seed: below 2**53, so that every JSON parser reads it exactly."""

Condition = Annotated[int, Field(ge=0, lt=2**31)]
"""A class of a class-conditional generator, which is the condition of a whole image. Masks have classes of pixels."""

Truncation = Annotated[float, Field(gt=0, le=1)]
"""Truncation psi of samples; 1 = none."""

LearningRate = Annotated[float, Field(gt=0, le=1)]

_WRITTEN_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def _read_text(kind: type[date], error: Literal["date_type", "datetime_type"]) -> BeforeValidator:
    """Return a validator that refuses numbers, which pydantic reads as seconds since 1970."""
    reader = TypeAdapter(kind)

    def read(value: object) -> date:
        is_text = isinstance(value, str) and _WRITTEN_DAY.match(value)
        if not is_text and not isinstance(value, date):
            raise PydanticKnownError(error)
        return reader.validate_python(value)

    return BeforeValidator(read)


Timestamp = Annotated[AwareDatetime, _read_text(datetime, "datetime_type")]
"""A time with its offset. Times that we write are UTC."""

Day = Annotated[date, _read_text(date, "date_type")]
"""A day, written as YYYY-MM-DD."""


class Model(BaseModel):
    """A frozen value. An unknown field is an error, so a misspelt option is never ignored.

    Infinity and NaN are errors too: JSON cannot express them, so they would be written and never read again.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def from_stored(cls, data: bytes | str) -> Self:
        """Return the value that a process of any version wrote as JSON.

        Fields that this version does not know are left out: during an update old and new processes read each other's
        values. Raises `ValidationError` for any other difference.
        """
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            problems = error.errors(include_url=False, include_input=False)
            unknown = [each["loc"] for each in problems if each["type"] == "extra_forbidden"]
            if not unknown:
                raise
        return cls.model_validate_json(_without(unknown, data))


class Artefact(Model):
    """A stored object, pinned by its digest."""

    key: str
    sha256: Sha256
    num_bytes: Annotated[int, Field(ge=0)]
    media_type: str = "application/octet-stream"


def _without(places: list[tuple[int | str, ...]], data: bytes | str) -> str:
    """Return JSON without the fields at some places. A place of pydantic may also contain the name of a type."""
    value = json.loads(data)
    for *folders, name in places:
        here = value
        for step in folders:
            is_field = isinstance(here, dict) and step in here
            if is_field or (isinstance(here, list) and isinstance(step, int)):
                here = here[step]
        if isinstance(here, dict):
            here.pop(name, None)
    return json.dumps(value)


def now() -> datetime:
    """Return the present time in UTC, to the millisecond. All records use it."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


CLOCK_TOLERANCE = timedelta(minutes=1)
"""How far the clock of another machine may be ahead."""


def is_recent(at: datetime, checked_at: datetime, within: timedelta) -> bool:
    """Return whether `at` lies at most `within` before `checked_at`.

    A time far after it was noted while a clock was wrong, and is not recent: else its job would wait until then.
    """
    return -CLOCK_TOLERANCE <= checked_at - at <= within
