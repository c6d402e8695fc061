"""The API key of the request in whose context the code runs."""

from contextvars import ContextVar
from dataclasses import dataclass

from contracts.access.keys import ApiKey


@dataclass(frozen=True)
class Caller:
    """A valid key with its text, which long answers check again."""

    key: ApiKey
    text: str


CALLER: ContextVar[Caller | None] = ContextVar("caller", default=None)
