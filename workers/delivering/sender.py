"""The process that delivers batches: a thread of the reconciler. One process at a time delivers one batch.

Orders and progress are in the store, so a killed process or a lost Redis delays a delivery and loses none. Files that
were sent just before its process was killed are sent again, with the same bytes.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import cast

import structlog
from pydantic import ValidationError

from contracts.accounts.delivery import DeliveryOrder, DeliveryProgress
from contracts.base import now
from contracts.batches import BatchManifest
from contracts.errors.jobs import InputMissing
from contracts.errors.tree import RecordDamaged
from contracts.jobs import JobRef, JobStatus
from state import keys, records, redis_keys
from state.delivering import orders, paths
from state.delivering.orders import StoredDelivery, wake
from state.process.spooling import spool_folder
from workers.delivering.files import MANIFEST_FILE, File, count_files, files_of, manifest_of
from workers.delivering.putting import DeliveryFailed, Way, put_artefact, put_file
from workers.outgoing.addresses import Resolve, networks_of, resolve_name
from workers.outgoing.rounds import Rounds, spread
from workers.runtime.machine import Machine

log = structlog.get_logger()

RETRY_AFTER = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1800, 7200))
"""The waits before further attempts at a file: seven in all, over about three hours."""
LOCK = timedelta(minutes=15)
"""Longer than one turn of a batch."""
TURN_SECONDS = 60.0
"""After this time the next batch has its turn."""
AT_ONCE = 4
ABANDONED = timedelta(hours=1)
"""A mark without a batch is dropped at this age: the app stores it just before the batch."""
_ENDS = {JobStatus.FAILED: "failed", JobStatus.CANCELLED: "was cancelled"}


class DeliverySender(Rounds):
    """Delivers the batches of all tenants. `name` is that of the process, for locks."""

    what = "deliveries"

    def __init__(
        self,
        machine: Machine,
        name: str,
        resolve: Resolve = resolve_name,
        waits: Sequence[timedelta] = RETRY_AFTER,
        turn_seconds: float = TURN_SECONDS,
    ) -> None:
        super().__init__()
        self._machine = machine
        self._name = name
        self._waits = waits
        self._turn_seconds = turn_seconds
        settings = machine.settings
        self._way = Way(
            networks_of(settings.delivery_networks), resolve, settings.delivery_bytes_per_second
        )

    def attend(self, seconds: float) -> None:
        """Wait for a batch to deliver, at most `seconds`, and give it a turn."""
        taken = self._machine.ledger.redis.blpop([redis_keys.DELIVERIES], timeout=seconds)
        if taken is not None:
            self._try(cast("tuple[str, str]", taken)[1])

    def scan(self) -> None:
        """Give every batch with a mark a turn."""
        for tenant in self._machine.store.children("tenants"):
            for info in list(self._machine.store.list(paths.marks(tenant))):
                if self.is_stopping.is_set():
                    return
                self._try(f"{tenant}/{info.key.rpartition('/')[2]}")

    def _try(self, text: str) -> None:
        """Give one batch a turn. Others go on, whatever its records are."""
        try:
            self.deliver(JobRef.parse(text))
        except (ValidationError, RecordDamaged):
            log.exception("a delivery was skipped", batch=text[:200])

    def deliver(self, ref: JobRef) -> None:
        """Deliver the due files of one batch, for one turn, unless another process does."""
        lock = f"delivery:{ref}"
        if not self._machine.ledger.try_lock(lock, self._name, LOCK):
            return
        try:
            is_done = self._take_turn(ref)
        finally:
            self._machine.ledger.unlock(lock, self._name)
        if not is_done:
            wake(self._machine.ledger, ref)

    def _take_turn(self, ref: JobRef) -> bool:
        """Return whether nothing more can be delivered now."""
        store = self._machine.store
        delivery, manifest = orders.newest(store, ref), self._manifest(ref)
        if delivery is None or delivery.order is None:
            self._drop(ref)
            return True
        progress = delivery.progress
        if progress.status in {"delivered", "failed"}:
            store.delete(paths.mark(ref))
            return True
        if manifest is None or (progress.due_at is not None and progress.due_at > now()):
            return True
        if manifest.status is not JobStatus.SUCCEEDED:
            reason = f"the batch {_ENDS[manifest.status]}, so nothing was delivered"
            self._fail(ref, delivery.order_id, progress, reason, is_final=True)
            return True
        return self._send_files(ref, delivery, delivery.order, manifest)

    def _manifest(self, ref: JobRef) -> BatchManifest | None:
        return records.read_manifest(self._machine.store, ref, BatchManifest)

    def _send_files(
        self, ref: JobRef, delivery: StoredDelivery, order: DeliveryOrder, manifest: BatchManifest
    ) -> bool:
        """Send files until the turn ends, each group at the same time; then the manifest. Return whether it is done."""
        store, progress = self._machine.store, delivery.progress
        destination, ends_at = order.destination, time.monotonic() + self._turn_seconds
        num_files = count_files(manifest, destination)
        progress = progress.model_copy(update={"num_files": num_files, "status": "delivering"})
        files = files_of(store, manifest, destination, progress.num_delivered)
        try:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                while group := list(islice(files, AT_ONCE)):
                    list(pool.map(partial(self._send, order), group))
                    progress = self._advance(ref, delivery.order_id, progress, len(group))
                    if time.monotonic() > ends_at or self.is_stopping.is_set():
                        return False
            self._send_manifest(order, manifest_of(store, ref.id, manifest, destination))
        except DeliveryFailed as failed:
            self._fail(ref, delivery.order_id, progress, str(failed), is_final=failed.is_final)
            return True
        except InputMissing as missing:
            self._fail(ref, delivery.order_id, progress, missing.detail, is_final=True)
            return True
        changes = {"status": "delivered", "finished_at": now(), "num_delivered": num_files}
        self._save(ref, delivery.order_id, progress.model_copy(update=changes | {"due_at": None}))
        store.delete(paths.order(ref, delivery.order_id))  # its URLs are not needed any more
        store.delete(paths.mark(ref))
        log.info("batch delivered", batch=str(ref), files=num_files)
        return True

    def _send(self, order: DeliveryOrder, file: File) -> None:
        url = order.destination.url_of(file.name, file.shard)
        assert url is not None, "files_of yields no others"
        headers = order.destination.headers
        put_artefact(self._machine.store, file.artefact, url, headers, self._way)

    def _send_manifest(self, order: DeliveryOrder, data: bytes) -> None:
        url = order.destination.url_of(MANIFEST_FILE, None)
        assert url is not None, "every destination has a place for the manifest"
        with spool_folder() as folder:
            path = folder / "file"
            path.write_bytes(data)
            put_file(path, url, order.destination.headers, self._way)

    def _advance(
        self, ref: JobRef, order_id: str, progress: DeliveryProgress, num_files: int
    ) -> DeliveryProgress:
        changes = {
            "num_delivered": progress.num_delivered + num_files,
            "attempts": 0,
            "error": None,
            "due_at": None,
        }
        return self._save(ref, order_id, progress.model_copy(update=changes))

    def _fail(
        self, ref: JobRef, order_id: str, progress: DeliveryProgress, reason: str, *, is_final: bool
    ) -> None:
        """Store a failure: final, or due again after a wait. The order stays, so that it can be repeated."""
        attempts = progress.attempts + 1
        changes: dict[str, object] = {"attempts": attempts, "error": reason}
        if is_final or attempts > len(self._waits):
            changes |= {"status": "failed", "due_at": None, "finished_at": now()}
        else:
            changes |= {"due_at": now() + spread(self._waits[attempts - 1])}
        saved = self._save(ref, order_id, progress.model_copy(update=changes))
        log.warning("delivery failed", batch=str(ref), status=saved.status, error=reason)
        if saved.status == "failed":
            self._machine.store.delete(paths.mark(ref))

    def _save(self, ref: JobRef, order_id: str, progress: DeliveryProgress) -> DeliveryProgress:
        """Store the progress, unless the batch is deleted."""
        if not records.is_deleted(self._machine.store, ref):
            records.write(self._machine.store, paths.progress(ref, order_id), progress)
        return progress

    def _drop(self, ref: JobRef) -> None:
        """Delete the mark of a batch that has no order. The app may be about to store the order."""
        store, key = self._machine.store, paths.mark(ref)
        info = store.head(key)
        has_batch = store.head(keys.job_request(ref)) is not None
        if info is not None and (has_batch or now() - info.modified_at > ABANDONED):
            store.delete(key)
