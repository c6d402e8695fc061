"""The API keys and the limits of tenants in the memory of one app process. A thread reads them every two seconds.

A request only looks into this table, so it waits for nothing and needs no Redis. A revocation holds on every process
after the next reading, within five seconds. If the store does not answer, the last table is used for a minute.
"""

import math
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from contracts.access.keys import ApiKey, KeySecret, KeyUse, StoredKey, digest_of_text
from contracts.access.tenants import TenantLimits, TenantRecord
from contracts.base import now
from contracts.errors.access import Unauthorized
from contracts.errors.tree import StoreUnavailable
from state.access import key_records
from state.access.erasure import erased_tenants
from state.access.key_records import KeyReader
from state.access.tenant_records import NO_LIMITS, LimitReader
from state.store import Store

log = structlog.get_logger()

REFRESH_SECONDS = 2.0
"""The pause between two readings. With the time of a reading it must stay below five seconds."""
MAX_AGE_SECONDS = 60.0
"""How long the last table is used when the store does not answer. Requests get 503 afterwards."""
USE_INTERVAL = timedelta(minutes=5)
"""How often the last use of a key is stored, at most."""
_JOIN_SECONDS = 5.0


@dataclass(frozen=True)
class _Table:
    """One reading: all keys, each secret by its digest, the limits of tenants that have some, and erased tenants."""

    keys: Mapping[str, StoredKey] = field(default_factory=dict)
    secrets: Mapping[str, tuple[StoredKey, KeySecret]] = field(default_factory=dict)
    tenants: Mapping[str, TenantRecord] = field(default_factory=dict)
    erased: frozenset[str] = frozenset()
    read_at: float = -math.inf


class KeyTable:
    """The keys of the service. `find`, `limits` and `check_not_erased` are for the event loop; others may wait.

    `reads_erasures`: callers may have tokens, which do not end with their tenant as keys do.
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], float] = time.monotonic,
        refresh_seconds: float = REFRESH_SECONDS,
        *,
        reads_erasures: bool = False,
    ) -> None:
        self._store = store
        self._clock = clock
        self._refresh_seconds = refresh_seconds
        self._reads_erasures = reads_erasures
        self._reader = KeyReader(store)
        self._limit_reader = LimitReader(store)
        self._table = _Table()
        self._lock = threading.Lock()
        self._used: dict[str, datetime] = {}
        self._stored_uses: dict[str, datetime] = {}
        self._is_stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Read the keys, and go on in a separate thread: the threads of requests may all be busy."""
        self._try_refresh()
        self._thread = threading.Thread(target=self._run, name="keys", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread, and store the last uses."""
        if self._thread is None:
            return
        self._is_stopping.set()
        self._thread.join(_JOIN_SECONDS)
        with suppress(StoreUnavailable, OSError):
            self.store_uses(timedelta(0))

    def find(self, text: str) -> ApiKey:
        """Return the key with this text.

        Raises `Unauthorized` if it is unknown, expired, replaced or revoked, and `StoreUnavailable` if the table is too
        old.
        """
        found = self._fresh().secrets.get(digest_of_text(text))
        if found is None:
            raise Unauthorized("The API key is unknown. Check that it is complete.")
        stored, secret = found
        _check(stored, secret, now())
        return stored.key

    def check_not_erased(self, tenant: str) -> None:
        """Raise `Unauthorized` for a tenant that is erased, and `StoreUnavailable` if the table is too old."""
        if tenant in self._fresh().erased:
            raise Unauthorized("The tenant of the token is erased.")

    def limits(self, tenant: str) -> TenantLimits:
        """Return the limits of a tenant, as last read."""
        record = self._table.tenants.get(tenant)
        return NO_LIMITS if record is None else record.limits

    @property
    def stored_keys(self) -> Mapping[str, StoredKey]:
        """All keys by id, as last read."""
        return self._table.keys

    @property
    def limited_tenants(self) -> Mapping[str, TenantRecord]:
        """The records of tenants with limits, as last read."""
        return self._table.tenants

    def note_use(self, key_id: str) -> None:
        """Remember that a key was used now. The thread stores it later."""
        self._used[key_id] = now()

    def refresh(self) -> Mapping[str, StoredKey]:
        """Read the keys from the store now, and return them by id. Raises `StoreUnavailable`."""
        with self._lock:
            started = self._clock()
            found, tenants = self._reader.read(), self._limit_reader.read()
            secrets = {
                secret.sha256: (stored, secret)
                for stored in found.values()
                for secret in stored.secrets
            }
            erased = frozenset(erased_tenants(self._store) if self._reads_erasures else ())
            self._table = _Table(found, secrets, tenants, erased, started)
        return found

    def store_uses(self, interval: timedelta = USE_INTERVAL) -> None:
        """Store the last use of each key whose stored one is older than `interval`."""
        for key_id, used_at in list(self._used.items()):
            stored_at = self._stored_uses.get(key_id)
            if stored_at is None or used_at - stored_at > interval:
                key_records.record_use(self._store, key_id, KeyUse(used_at=used_at))
                self._stored_uses[key_id] = used_at

    def _fresh(self) -> _Table:
        """Return the last reading. Raises `StoreUnavailable` if it is too old."""
        table = self._table
        if self._clock() - table.read_at > MAX_AGE_SECONDS:
            raise StoreUnavailable(
                "The API keys cannot be read from the object store. Retry in a few seconds."
            )
        return table

    def _run(self) -> None:
        while not self._is_stopping.wait(self._refresh_seconds):
            self._try_refresh()

    def _try_refresh(self) -> None:
        """Read the keys and store the last uses. The thread must survive every error: without it, requests fail."""
        try:
            self.refresh()
            self.store_uses()
        except (StoreUnavailable, OSError) as error:
            log.warning("the store failed for API keys", error=str(error))
        except Exception:
            log.exception("the store failed for API keys")


def _check(stored: StoredKey, secret: KeySecret, at: datetime) -> None:
    """Raise `Unauthorized` unless the secret is valid. The message may say why: the caller knows the secret."""
    state = stored.state(at)
    if state == "revoked":
        raise Unauthorized(f"The API key '{secret.prefix}' is revoked. Use another one.")
    if state == "expired":
        raise Unauthorized(f"The API key '{secret.prefix}' has expired. Use another one.")
    until = stored.valid_until(secret)
    if until is not None and until <= at:
        raise Unauthorized(f"The API key '{secret.prefix}' was replaced. Use its new secret.")
