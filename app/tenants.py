"""Rules about tenants: who sends a request, and what each tenant may do. No other module decides either.

Without API keys there is one tenant and no limit. `access/` has the rules of API keys. `create_app` accepts others.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from app.access.quotas import Work
from app.access.rates import RequestRates
from app.access.rules import KeyedTenants
from app.access.table import KeyTable
from contracts.access.keys import Scope
from contracts.ids import DEFAULT_TENANT
from contracts.kinds import Kinds
from state.ledger import Ledger
from state.settings import Settings
from state.store import Store

if TYPE_CHECKING:
    from app.access.identity.tokens import Tokens


class Tenants(Protocol):
    """The rules. Each method refuses by raising an error of `contracts/errors/tree.py`."""

    def identify(self, headers: Mapping[str, str], scope: Scope) -> str:
        """Return the tenant of a request that needs a scope.

        It runs in the event loop, so it must not wait for a network or a disk.
        """

    def check(self, tenant: str) -> None:
        """Refuse a tenant that is blocked. It must not wait either.

        Called for each request, signed link, live event and requested stream shard.
        """

    def permits(self, scope: Scope) -> bool:
        """Return whether the caller of the present request, once identified, has a scope. It refuses nothing."""

    def admit(self, tenant: str, prefix: str, *, store: Store, ledger: Ledger) -> None:
        """Refuse the creation of one more resource. `prefix` is the prefix of its id: "fit", "labelset", "stream"...

        It runs in a thread. Requests at the same time may pass together, so a limit can be exceeded by a few.
        """

    def admit_work(self, tenant: str, work: Work, store: Store) -> None:
        """Refuse pairs to render, bytes to receive, or results of some bytes to store. It runs in a thread too."""


class OneTenant:
    """One tenant, no limits."""

    def identify(self, headers: Mapping[str, str], scope: Scope) -> str:
        """Return the default tenant."""
        return DEFAULT_TENANT

    def check(self, tenant: str) -> None:
        """Accept every tenant."""

    def permits(self, scope: Scope) -> bool:
        """Return True: the one tenant may do everything."""
        return True

    def admit(self, tenant: str, prefix: str, *, store: Store, ledger: Ledger) -> None:
        """Accept every creation."""

    def admit_work(self, tenant: str, work: Work, store: Store) -> None:
        """Accept all work."""


def tenants_of(
    settings: Settings,
    keys: KeyTable,
    rates: RequestRates,
    kinds: Kinds,
    tokens: "Tokens | None" = None,
) -> Tenants:
    """Return the rules that the operator chose."""
    return KeyedTenants(keys, rates, kinds, tokens) if settings.auth == "keys" else OneTenant()
