"""The process that sends webhooks: a thread of the reconciler. One process at a time sends a tenant's messages.

Pending messages are in the store, so a killed process or a lost Redis delays messages and loses none. A message that
was sent just before its process was killed is sent again, with the same id.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import cast

import structlog

from contracts.accounts.webhooks import Attempt, Delivery, WebhookEndpoint, valid_secrets
from contracts.base import now
from contracts.errors.tree import NotFound, RecordDamaged, StoreUnavailable
from contracts.jobs import JobManifest, JobRef
from state import keys, records, redis_keys
from state.webhooks import deliveries, endpoints, paths
from workers.outgoing.addresses import Resolve, networks_of, resolve_name
from workers.outgoing.rounds import Rounds, spread
from workers.runtime.machine import Machine
from workers.webhooks.sending import send

log = structlog.get_logger()

RETRY_AFTER = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1800, 7200, 18_000, 36_000)
)
"""The waits before further attempts: nine in all, over about 18 hours."""
LOCK = timedelta(minutes=10)
"""Longer than the attempts of one round of a tenant."""
AT_ONCE = 8
MAX_IN_A_ROUND = 100
KEPT = timedelta(days=30)
"""How long the record of an ended delivery is kept."""
MAX_ATTEMPTS_KEPT = 30


class WebhookSender(Rounds):
    """Sends the messages of all tenants. `name` is that of the process, for locks."""

    what = "webhooks"

    def __init__(
        self,
        machine: Machine,
        name: str,
        resolve: Resolve = resolve_name,
        waits: Sequence[timedelta] = RETRY_AFTER,
    ) -> None:
        super().__init__()
        self._machine = machine
        self._name = name
        self._resolve = resolve
        self._waits = waits
        self._allowed = networks_of(machine.settings.webhook_networks)
        self._due: dict[str, datetime] = {}

    def attend(self, seconds: float) -> None:
        """Send what is due again; then wait for a tenant with new messages, at most `seconds`, and send them."""
        self.repeat()
        taken = self._machine.ledger.redis.blpop([redis_keys.WEBHOOKS], timeout=seconds)
        if taken is not None:
            self.send_all(cast("tuple[str, str]", taken)[1])

    def repeat(self) -> None:
        """Send the messages that are due again, of tenants whose last round left some."""
        at = now()
        for tenant in [tenant for tenant, due_at in self._due.items() if due_at <= at]:
            self.send_all(tenant)

    def scan(self) -> None:
        """Send all due messages."""
        for tenant in self._machine.store.children("tenants"):
            self.send_all(tenant)

    def send_all(self, tenant: str) -> None:
        """Send the due messages of one tenant, unless another process does."""
        store, lock = self._machine.store, f"webhooks:{tenant}"
        if not self._machine.ledger.try_lock(lock, self._name, LOCK):
            return
        try:
            for info in list(store.list(paths.ended_prefix(tenant))):
                self._plan(tenant, info.key)
            marks = [info.key for info in store.list(paths.due_prefix(tenant))][:MAX_IN_A_ROUND]
            times: list[datetime] = []
            if marks:
                with ThreadPoolExecutor(AT_ONCE) as pool:
                    times = list(filter(None, pool.map(partial(self._send, tenant), marks)))
            self._due.pop(tenant, None)
            if times:
                self._due[tenant] = min(times)
        finally:
            self._machine.ledger.unlock(lock, self._name)

    def _plan(self, tenant: str, key: str) -> None:
        """Store the deliveries of a job that has ended. A note of a job that has not ended yet stays."""
        store, job_id = self._machine.store, key.rpartition("/")[2].removesuffix(".json")
        try:
            ref = JobRef(tenant=tenant, id=job_id)
            kind = self._machine.kinds.of(ref)
            manifest: JobManifest | None = records.read_manifest(store, ref, kind.manifest)
            message = deliveries.message_about(ref, manifest) if manifest is not None else None
        except (ValueError, NotFound, RecordDamaged):
            log.exception("note of an ended job dropped", key=key)
            store.delete(key)
            return
        if message is None and store.head(keys.job_request(ref)) is not None:
            return  # the job is about to end
        if message is not None:
            for endpoint in endpoints.read_all(store, tenant):
                if endpoint.wants(message.type):
                    deliveries.plan(store, tenant, endpoint.id, message)
        store.delete(key)

    def _send(self, tenant: str, key: str) -> datetime | None:
        """Send one delivery if it is due, and store what happened. Returns when it is due again.

        Never raises: others go on.
        """
        try:
            return self._deliver(tenant, key)
        except StoreUnavailable as error:
            log.warning("a delivery waits for the store", key=key, error=str(error))
        except Exception:
            log.exception("a delivery failed", key=key)
        return None

    def _deliver(self, tenant: str, key: str) -> datetime | None:
        webhook_id, message_id = paths.parse_due(key)
        store = self._machine.store
        endpoint = endpoints.read(store, tenant, webhook_id)
        delivery = deliveries.read(store, tenant, webhook_id, message_id)
        if endpoint is None or delivery is None or delivery.state != "pending":
            store.delete(key)
            return None
        if delivery.due_at is None or delivery.due_at <= now():
            delivery = self._attempt(endpoint, delivery)
            deliveries.update(store, tenant, delivery)
        return delivery.due_at

    def _attempt(self, endpoint: WebhookEndpoint, delivery: Delivery) -> Delivery:
        stored = endpoints.read_secrets(self._machine.store, endpoint.tenant, endpoint.id)
        attempt = send(
            endpoint.url,
            delivery.message,
            valid_secrets(stored, now()),
            timeout=self._machine.settings.webhook_timeout,
            allowed=self._allowed,
            resolve=self._resolve,
        )
        log.info(
            "webhook sent",
            webhook=endpoint.id,
            message=delivery.message.id,
            status=attempt.status,
            error=attempt.error,
        )
        return after_attempt(delivery, attempt, attempt.at, self._waits)


def after_attempt(
    delivery: Delivery, attempt: Attempt, at: datetime, waits: Sequence[timedelta] = RETRY_AFTER
) -> Delivery:
    """Return a delivery after an attempt: delivered, failed after the last one, or due again after a wait.

    410 Gone ends it at once: the endpoint says that it wants no more.
    """
    attempts = (*delivery.attempts, attempt)
    tried = len(attempts) - delivery.first
    kept = attempts[-MAX_ATTEMPTS_KEPT:]
    changes = {"attempts": kept, "first": max(0, delivery.first - (len(attempts) - len(kept)))}
    if attempt.error is None:
        return delivery.model_copy(update={**changes, "state": "delivered", "due_at": None})
    if tried > len(waits) or attempt.status == 410:
        return delivery.model_copy(update={**changes, "state": "failed", "due_at": None})
    wait = spread(waits[tried - 1])
    return delivery.model_copy(update={**changes, "due_at": at + wait})
