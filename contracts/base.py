"""The base of every shape that crosses a process: a frozen pydantic model that refuses what it does not know.

Also the handful of annotated types that several nouns share, so that a bound is written once.
"""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 digest in lower-case hexadecimal."""

Seed = Annotated[int, Field(ge=0, lt=2**53)]
"""A seed: below 2**53, so that it survives every JSON reader."""

Timestamp = AwareDatetime
"""A moment with its offset; everything we write is UTC."""


class Model(BaseModel):
    """A frozen value. An unknown field is an error, so a misspelt option never passes in silence.

    Infinity and NaN are errors too: JSON has no word for them, so they would be written and never read again.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Artefact(Model):
    """One stored object, pinned by its digest."""

    key: str
    sha256: Sha256
    num_bytes: Annotated[int, Field(ge=0)]
    media_type: str = "application/octet-stream"


def now() -> datetime:
    """The present moment in UTC, to the millisecond: what every record is stamped with."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
