"""The base of all models that cross a process: a frozen pydantic model that refuses unknown fields.

Also the annotated types that several models share, so that each bound is written once.
"""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 digest in lower-case hexadecimal."""

Seed = Annotated[int, Field(ge=0, lt=2**53)]
"""A seed: below 2**53, so that every JSON parser reads it exactly."""

Condition = Annotated[int, Field(ge=0, lt=2**31)]
"""A class of a class-conditional generator, which is the condition of a whole image. Masks have classes of pixels."""

LearningRate = Annotated[float, Field(gt=0, le=1)]

Timestamp = AwareDatetime
"""A time with its offset. Times that we write are UTC."""


class Model(BaseModel):
    """A frozen value. An unknown field is an error, so a misspelt option is never ignored.

    Infinity and NaN are errors too: JSON cannot express them, so they would be written and never read again.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Artefact(Model):
    """A stored object, pinned by its digest."""

    key: str
    sha256: Sha256
    num_bytes: Annotated[int, Field(ge=0)]
    media_type: str = "application/octet-stream"


def now() -> datetime:
    """Return the present time in UTC, to the millisecond. All records use it."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
