"""The dependencies of all requests: settings, kinds, store, Redis, decoder, secret. Built once by `create_app`."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from fastapi.concurrency import run_in_threadpool

from app.access.audit_log import AuditLog
from app.access.identity.loading import tokens_of
from app.access.rates import RequestRates
from app.access.table import KeyTable
from app.admission import UploadsInFlight
from app.decoding.parent import Decoder
from app.decoding.protocol import TASKS
from app.listening import Listener
from app.queueing import Queueing
from app.store_probe import StoreProbe
from app.tenants import Tenants, tenants_of
from contracts.generators.families import GENERATOR_FAMILIES, GeneratorFamily
from contracts.kinds import KINDS, Kind, Kinds
from state.ledger import Ledger
from state.redis_calls import RedisCalls
from state.settings import Settings
from state.store import Store

if TYPE_CHECKING:
    from app.access.identity.tokens import Tokens


@dataclass(frozen=True)
class Services:
    """The process's connections and limits. `secret` signs links and cursors; `families` are its generators'."""

    settings: Settings
    kinds: Kinds
    store: Store
    store_probe: StoreProbe
    ledger: Ledger
    queueing: Queueing
    listener: Listener
    decoder: Decoder
    uploads_in_flight: UploadsInFlight
    secret: bytes
    families: tuple[GeneratorFamily, ...]
    keys: KeyTable
    rates: RequestRates
    audit: AuditLog
    tokens: "Tokens | None"
    tenants: Tenants

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        store: Store | None = None,
        kinds: tuple[Kind, ...] = KINDS,
        upload_tasks: str = TASKS,
        families: Sequence[GeneratorFamily] = GENERATOR_FAMILIES,
        *,
        tenants: Tenants | None = None,
    ) -> Self:
        """Build all services; nothing is sent yet. `upload_tasks` names the tasks that an upload may label.

        Without `link_secret` the secret is random: links and cursors become invalid when the process ends, and are
        not valid in another app process.
        """
        url = settings.redis_url.get_secret_value()
        timeout = settings.redis_timeout
        calls = RedisCalls(timeout, budget=timeout)  # one breaker for the whole process
        secret = settings.link_secret
        store = store or Store.from_settings(settings)
        tokens, registry = tokens_of(settings), Kinds(kinds)
        keys = KeyTable(store, reads_erasures=tokens is not None)
        ledger = Ledger.connect(url, calls)
        rates = RequestRates(ledger)
        return cls(
            settings=settings,
            kinds=registry,
            store=store,
            store_probe=StoreProbe(store),
            ledger=ledger,
            queueing=Queueing(url, calls, settings, registry),
            listener=Listener(url, timeout),
            decoder=Decoder(settings, upload_tasks),
            uploads_in_flight=UploadsInFlight(settings.max_uploads_in_flight),
            secret=secret.get_secret_value().encode() if secret else secrets.token_bytes(32),
            families=tuple(families),
            keys=keys,
            rates=rates,
            audit=AuditLog(store),
            tokens=tokens,
            tenants=tenants or tenants_of(settings, keys, rates, registry, tokens),
        )

    async def start(self) -> None:
        """Begin what runs beside the requests. Without API keys that is nothing."""
        if self.settings.auth == "keys":
            await run_in_threadpool(self.keys.start)
            self.rates.start()
            self.audit.start()
        if self.tokens is not None:
            await run_in_threadpool(self.tokens.keys.start)

    async def close(self) -> None:
        """Close every connection."""
        if self.tokens is not None:
            await run_in_threadpool(self.tokens.keys.close)
        await run_in_threadpool(self.keys.close)
        await run_in_threadpool(self.rates.close)
        await run_in_threadpool(self.audit.close)
        self.ledger.redis.close()
        self.queueing.close()
        await self.listener.close()
