"""Ids of resources, and ids of entries in the queues. All of them are formatted and parsed here.

The id of a resource is the prefix of its kind and a UUIDv7, so ids sort by creation time (`fit_0192f0c1...`). A
built-in generator is the exception: its id is the name of its folder (`portraits-64`).
"""

import re
import secrets
import time
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import Field

_HEX = r"[0-9a-f]{32}"
_NAME = r"[a-z0-9][a-z0-9-]{0,62}"
_PREFIX = r"[a-z][a-z0-9]{0,30}"


def id_pattern(prefix: str) -> str:
    """Return the regular expression of ids with this prefix."""
    return rf"^{prefix}_{_HEX}$"


UploadId = Annotated[str, Field(pattern=id_pattern("upload"))]
GeneratorId = Annotated[
    str, Field(pattern=rf"^(generator_{_HEX}|{_NAME})$", examples=["portraits-64"])
]
InverterId = Annotated[str, Field(pattern=id_pattern("inverter"))]
LabelsetId = Annotated[str, Field(pattern=id_pattern("labelset"))]
FitId = Annotated[str, Field(pattern=id_pattern("fit"))]
BatchId = Annotated[str, Field(pattern=id_pattern("batch"))]
LabelingId = Annotated[str, Field(pattern=id_pattern("labeling"))]
EvaluationId = Annotated[str, Field(pattern=id_pattern("evaluation"))]
StreamId = Annotated[str, Field(pattern=id_pattern("stream"))]
KeyId = Annotated[str, Field(pattern=id_pattern("key"))]
TenantId = Annotated[str, Field(pattern=rf"^{_NAME}$")]
JobId = Annotated[str, Field(pattern=rf"^({_PREFIX}_{_HEX}|{_NAME})$")]
"""The id of a job of any kind. `contracts.kinds.Kinds` has the kinds."""

DEFAULT_TENANT = "default"
"""The only tenant without API keys. It also owns the built-in generators, which all tenants may use."""


def new_id(prefix: str) -> str:
    """Return a new id: `prefix`, an underscore and 32 hexadecimal digits that sort by time."""
    return f"{prefix}_{uuid7_hex()}"


def of_same_request(prefix: str, resource_id: str) -> str:
    """Return the id of another resource that the request for `resource_id` creates: the same digits."""
    return f"{prefix}_{resource_id.partition('_')[2]}"


def prefix_of(resource_id: str) -> str:
    """Return the prefix of an id, which is `generator` for the name of a built-in generator."""
    prefix, mark, _ = resource_id.partition("_")
    return prefix if mark else "generator"


def is_built_in(resource_id: str) -> bool:
    """Return whether an id is the name of a built-in generator."""
    return "_" not in resource_id


def owner_of(tenant: str, resource_id: str) -> str:
    """Return the tenant that stores a resource: the caller's, or for a built-in generator the default one."""
    return DEFAULT_TENANT if is_built_in(resource_id) else tenant


def is_prefix(text: str) -> bool:
    """Return whether `text` can be the prefix of ids."""
    return re.fullmatch(_PREFIX, text) is not None


def plural_of(prefix: str) -> str:
    """Return the noun of a prefix, for folders of the store and paths of the API: `batch` => `batches`."""
    return prefix + ("es" if prefix.endswith(("ch", "sh", "s", "x")) else "s")


def uuid7_hex() -> str:
    """Return a UUIDv7 (RFC 9562, section 5.7) as 32 hex digits: 48 bits of milliseconds, then random bits."""
    milliseconds = time.time_ns() // 1_000_000
    bits = milliseconds << 80 | 0x7 << 76 | secrets.randbits(12) << 64
    bits |= 0b10 << 62 | secrets.randbits(62)
    return f"{bits:032x}"


# A built-in generator has no hexadecimal digits that end its name. It has no entry but those of its sheets.
_OWNER = rf"{_PREFIX}_{_HEX}|[a-z0-9][a-z0-9-]{{0,62}}?(?=-sheet-)"
_RQ_ID = re.compile(rf"({_OWNER})(?:-([a-z0-9-]+))?-(0|[1-9][0-9]{{0,8}})")


@dataclass(frozen=True)
class RqId:
    """The id of one entry in a queue: `fit_0192...-2`, `batch_0192...-000017-1`, `batch_0192...-export-coco-1`.

    `owner` is the id of the job or stream. `part` is the part that the entry works on, empty for the whole. `number`
    makes the id unique: RQ would take a reused id for the old entry.
    """

    owner: str
    part: str
    number: int

    def __str__(self) -> str:
        return "-".join(filter(None, (self.owner, self.part, str(self.number))))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the id in the text that `str` returns, or None for other text: Redis may contain any."""
        match = _RQ_ID.fullmatch(text)
        if match is None:
            return None
        return cls(owner=match[1], part=match[2] or "", number=int(match[3]))

    @property
    def shard(self) -> int | None:
        """The index of the shard that the entry renders, or None."""
        return int(self.part) if self.part.isdecimal() else None
