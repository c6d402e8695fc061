"""The deliveries of webhooks in the store: from the end of a job to the record of each attempt.

The id of a message follows from its job, so a message that is sent twice has the same id.
"""

from contracts.accounts.webhooks import Delivery, Message
from contracts.base import now
from contracts.jobs import JobManifest, JobRef
from state import records
from state.store import Store
from state.webhooks import paths


def message_about(ref: JobRef, manifest: JobManifest) -> Message:
    """Return the message about the end of a job."""
    error = manifest.error.model_dump(mode="json") if manifest.error is not None else None
    return Message(
        id=f"message_{ref.id.rpartition('_')[2]}",
        type=f"{ref.kind}.{manifest.status.value}",
        timestamp=manifest.finished_at,
        data={
            "id": ref.id,
            "kind": ref.kind,
            "status": manifest.status.value,
            "finished_at": manifest.finished_at.isoformat(),
            "error": error,
            "path": f"/v1/{ref.noun}/{ref.id}",
        },
    )


def plan(store: Store, tenant: str, webhook_id: str, message: Message) -> None:
    """Store a pending delivery, unless the endpoint has one of this message. Its mark is stored first."""
    delivery = Delivery(webhook=webhook_id, message=message, state="pending", due_at=now())
    if store.head(paths.delivery(tenant, webhook_id, message.id)) is None:
        store.put(paths.due(tenant, webhook_id, message.id), b"")
        records.create(store, paths.delivery(tenant, webhook_id, message.id), delivery)


def read(store: Store, tenant: str, webhook_id: str, message_id: str) -> Delivery | None:
    """Return a delivery, or None. Raises `RecordDamaged`."""
    return records.read(store, paths.delivery(tenant, webhook_id, message_id), Delivery)


def update(store: Store, tenant: str, delivery: Delivery) -> None:
    """Store what happened to a delivery. The mark of one that has ended is deleted afterwards."""
    place = (tenant, delivery.webhook, delivery.message.id)
    if delivery.state == "pending":
        store.put(paths.due(*place), b"")
    records.write(store, paths.delivery(*place), delivery)
    if delivery.state != "pending":
        store.delete(paths.due(*place))


def redeliver(store: Store, tenant: str, delivery: Delivery) -> Delivery:
    """Make a delivery due now, and let its attempts count from the beginning. Returns it."""
    again = delivery.model_copy(
        update={"state": "pending", "due_at": now(), "first": len(delivery.attempts)}
    )
    update(store, tenant, again)
    return again
