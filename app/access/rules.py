"""The rules of a service with API keys: each request has one, and the key's tenant is the caller."""

from collections.abc import Mapping
from contextvars import ContextVar

from app.access.table import KeyTable
from contracts.access.keys import Scope
from contracts.errors.access import Forbidden, Unauthorized
from state.ledger import Ledger
from state.store import Store

_CURRENT: ContextVar[str | None] = ContextVar("api_key", default=None)
"""The key of the request in whose context the code runs. Long answers check it again and again."""


class KeyedTenants:
    """A tenant per API key. It sets no limits."""

    def __init__(self, table: KeyTable) -> None:
        self._table = table

    def identify(self, headers: Mapping[str, str], scope: Scope) -> str:
        """Return the tenant of the API key. Raises `Unauthorized`, `Forbidden` or `StoreUnavailable`."""
        text = _bearer(headers.get("Authorization", ""))
        key = self._table.find(text)
        if scope not in key.scopes:
            raise Forbidden(
                f"Expected an API key with the scope '{scope}', got one with {', '.join(key.scopes)}. Use another key.",
                scope=scope,
            )
        _CURRENT.set(text)
        self._table.note_use(key.id)
        return key.tenant

    def check(self, tenant: str) -> None:
        """Raise `Unauthorized` when the key of the present request has ended since the request began.

        Signed links have no key and stay valid until they expire.
        """
        text = _CURRENT.get()
        if text is not None:
            self._table.find(text)

    def admit(self, tenant: str, prefix: str, *, store: Store, ledger: Ledger) -> None:
        """Accept every creation."""


def _bearer(header: str) -> str:
    """Return the key in an `Authorization` header. Raises `Unauthorized` without one."""
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise Unauthorized(
            "Expected an API key in the header 'Authorization: Bearer KEY', got none. The operator of this service"
            " creates the first one.",
            is_missing=True,
        )
    return text.strip()
