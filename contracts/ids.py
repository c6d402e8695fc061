"""Ids: a prefix that names the noun and a UUIDv7, so they sort by the time they were made (`fit_0192f0c1...`).

A built-in generator is the exception: its id is the name of its folder (`portraits-64`).
"""

import secrets
import time
from typing import Annotated, Literal

from pydantic import Field

Prefix = Literal["upload", "generator", "inverter", "labelset", "fit", "batch", "stream"]

_HEX = r"[0-9a-f]{32}"

UploadId = Annotated[str, Field(pattern=rf"^upload_{_HEX}$")]
GeneratorId = Annotated[
    str,
    Field(pattern=rf"^(generator_{_HEX}|[a-z0-9][a-z0-9-]{{0,62}})$", examples=["portraits-64"]),
]
InverterId = Annotated[str, Field(pattern=rf"^inverter_{_HEX}$")]
LabelsetId = Annotated[str, Field(pattern=rf"^labelset_{_HEX}$")]
FitId = Annotated[str, Field(pattern=rf"^fit_{_HEX}$")]
BatchId = Annotated[str, Field(pattern=rf"^batch_{_HEX}$")]
StreamId = Annotated[str, Field(pattern=rf"^stream_{_HEX}$")]
TenantId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]

DEFAULT_TENANT = "default"
"""The one tenant there is until there are API keys."""


def new_id(prefix: Prefix) -> str:
    """A fresh id: `prefix`, an underscore and 32 hexadecimal digits that sort by time."""
    return f"{prefix}_{uuid7_hex()}"


def uuid7_hex() -> str:
    """A UUIDv7 (RFC 9562, section 5.7) as 32 hexadecimal digits: 48 bits of milliseconds, then chance."""
    milliseconds = time.time_ns() // 1_000_000
    bits = milliseconds << 80 | 0x7 << 76 | secrets.randbits(12) << 64
    bits |= 0b10 << 62 | secrets.randbits(62)
    return f"{bits:032x}"
