"""The rules of a service with API keys: each request has one, or a token. It decides the tenant, which has limits."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from app.access.caller import CALLER, Caller
from app.access.quotas import Work, check_day, check_queued_jobs, check_stored_bytes
from app.access.rates import CURRENT_RATE, RequestRates
from app.access.table import KeyTable
from contracts.access.keys import MARK, Scope
from contracts.errors.access import Forbidden, Unauthorized
from contracts.kinds import Kinds
from state.ledger import Ledger
from state.store import Store

if TYPE_CHECKING:
    from app.access.identity.tokens import Tokens


class KeyedTenants:
    """A tenant per API key or token, with the limits that the operator sets."""

    def __init__(
        self,
        table: KeyTable,
        rates: RequestRates,
        kinds: Kinds,
        tokens: "Tokens | None" = None,
    ) -> None:
        self._table = table
        self._tokens = tokens
        self._rates = rates
        self._kinds = kinds

    def identify(self, headers: Mapping[str, str], scope: Scope) -> str:
        """Return the tenant of the API key or token, and count the request once, however often it is identified.

        Raises `Unauthorized`, `TooManyRequests`, `Forbidden` or `Unavailable`.
        """
        caller = self._find(self._bearer(headers.get("Authorization", "")))
        CALLER.set(caller)
        if CURRENT_RATE.get() is None:
            self._rates.take(caller.tenant, self._table.limits(caller.tenant).requests_per_minute)
        if scope not in caller.scopes:
            noun = "token" if self._is_token(caller.text) else "API key"
            raise Forbidden(
                f"Expected a caller with the scope '{scope}', got the scopes {', '.join(caller.scopes) or '(none)'}."
                f" Use another {noun}.",
                scope=scope,
            )
        if not self._is_token(caller.text):
            self._table.note_use(caller.id)
        return caller.tenant

    def check(self, tenant: str) -> None:
        """Raise `Unauthorized` when the key or token of the present request has ended since the request began.

        Signed links have no key and stay valid until they expire.
        """
        caller = CALLER.get()
        if caller is not None:
            self._find(caller.text)

    def permits(self, scope: Scope) -> bool:
        """Return whether the caller of the present request has a scope; False before it is identified."""
        caller = CALLER.get()
        return caller is not None and scope in caller.scopes

    def admit(self, tenant: str, prefix: str, *, store: Store, ledger: Ledger) -> None:
        """Raise `QuotaExceeded` if too many jobs of the tenant wait, or it has stored too much."""
        limits = self._table.limits(tenant)
        if any(kind.name == prefix for kind in self._kinds):
            check_queued_jobs(limits, tenant, self._kinds, ledger)
        check_stored_bytes(limits, tenant, store)

    def admit_work(self, tenant: str, work: Work, store: Store) -> None:
        """Raise `QuotaExceeded` if this day's pairs or uploads, or the stored bytes, would exceed a limit."""
        limits = self._table.limits(tenant)
        if work.pairs:
            check_day(limits, tenant, "pairs", work.pairs, store)
        if work.upload_bytes:
            check_day(limits, tenant, "upload_bytes", work.upload_bytes, store)
        check_stored_bytes(limits, tenant, store, work.stored_bytes)

    def _is_token(self, text: str) -> bool:
        return self._tokens is not None and not text.startswith(MARK)

    def _find(self, text: str) -> Caller:
        """Return the caller of a key or token that is valid now."""
        if self._tokens is None or text.startswith(MARK):
            key = self._table.find(text)
            return Caller(key.tenant, key.id, key.scopes, text)
        caller = self._tokens.find(text)
        self._table.check_not_erased(caller.tenant)
        return caller

    def _bearer(self, header: str) -> str:
        """Return the key or token in an `Authorization` header. Raises `Unauthorized` without one."""
        scheme, _, text = header.partition(" ")
        if scheme.lower() == "bearer" and text.strip():
            return text.strip()
        if self._tokens is not None:
            raise Unauthorized(
                "Expected an API key, or a token of the issuer"
                f" '{self._tokens.provider.issuer}', in the header 'Authorization: Bearer TEXT', got none.",
                is_missing=True,
            )
        raise Unauthorized(
            "Expected an API key in the header 'Authorization: Bearer KEY', got none. The operator of this service"
            " creates the first one.",
            is_missing=True,
        )
