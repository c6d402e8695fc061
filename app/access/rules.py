"""The rules of a service with API keys: each request has one, its tenant is the caller, and a tenant has limits."""

from collections.abc import Mapping

from app.access.caller import CALLER, Caller
from app.access.quotas import Work, check_day, check_queued_jobs, check_stored_bytes
from app.access.rates import CURRENT_RATE, RequestRates
from app.access.table import KeyTable
from contracts.access.keys import Scope
from contracts.errors.access import Forbidden, Unauthorized
from contracts.kinds import Kinds
from state.ledger import Ledger
from state.store import Store


class KeyedTenants:
    """A tenant per API key, with the limits that the operator sets."""

    def __init__(self, table: KeyTable, rates: RequestRates, kinds: Kinds) -> None:
        self._table = table
        self._rates = rates
        self._kinds = kinds

    def identify(self, headers: Mapping[str, str], scope: Scope) -> str:
        """Return the tenant of the API key, and count the request once, however often it is identified.

        Raises `Unauthorized`, `TooManyRequests`, `Forbidden` or `StoreUnavailable`.
        """
        text = _bearer(headers.get("Authorization", ""))
        key = self._table.find(text)
        CALLER.set(Caller(key, text))
        if CURRENT_RATE.get() is None:
            self._rates.take(key.tenant, self._table.limits(key.tenant).requests_per_minute)
        if scope not in key.scopes:
            raise Forbidden(
                f"Expected an API key with the scope '{scope}', got one with {', '.join(key.scopes)}. Use another key.",
                scope=scope,
            )
        self._table.note_use(key.id)
        return key.tenant

    def check(self, tenant: str) -> None:
        """Raise `Unauthorized` when the key of the present request has ended since the request began.

        Signed links have no key and stay valid until they expire.
        """
        caller = CALLER.get()
        if caller is not None:
            self._table.find(caller.text)

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
