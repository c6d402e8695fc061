"""The caller of the request in whose context the code runs, by its API key or its token."""

from contextvars import ContextVar
from dataclasses import dataclass

from contracts.access.keys import Scope


@dataclass(frozen=True)
class Caller:
    """Who calls. `id` is for the audit log, `text` is the key or the token, which long answers check again."""

    tenant: str
    id: str
    scopes: tuple[Scope, ...]
    text: str


CALLER: ContextVar[Caller | None] = ContextVar("caller", default=None)
