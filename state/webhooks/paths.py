"""Keys of the objects about webhooks.

tenants/{tenant}/
├── webhooks/{id}/
│   ├── secrets/{n}-{uuid}.json            A  a key for signatures; a rotation adds one
│   └── endpoint.json                      A  the endpoint exists once this is stored; a change replaces it
├── ended/{job}.json                       W  a job is about to end; deleted once its deliveries are stored
├── deliveries/{webhook}/{message}.json    W  the record of one delivery; a redelivery (A) replaces it
└── due/{webhook}.{message}                A, W  marks a pending delivery
"""

from contracts.jobs import JobRef
from state import keys


def webhooks(tenant: str) -> str:
    """Return the prefix of all endpoints."""
    return keys.noun_prefix(tenant, "webhooks")


def webhook(tenant: str, webhook_id: str) -> str:
    """Return the prefix of all records of an endpoint."""
    return f"{webhooks(tenant)}/{webhook_id}"


def endpoint(tenant: str, webhook_id: str) -> str:
    """Return the key of an endpoint."""
    return f"{webhook(tenant, webhook_id)}/endpoint.json"


def secrets(tenant: str, webhook_id: str) -> str:
    """Return the prefix of the secrets of an endpoint. Their names sort by age."""
    return f"{webhook(tenant, webhook_id)}/secrets"


def ended(ref: JobRef) -> str:
    """Return the key of the note that a job is about to end."""
    return f"{ended_prefix(ref.tenant)}/{ref.id}.json"


def ended_prefix(tenant: str) -> str:
    """Return the prefix of the notes about jobs that end."""
    return keys.noun_prefix(tenant, "ended")


def deliveries(tenant: str, webhook_id: str) -> str:
    """Return the prefix of the deliveries to an endpoint."""
    return f"{keys.noun_prefix(tenant, 'deliveries')}/{webhook_id}"


def delivery(tenant: str, webhook_id: str, message_id: str) -> str:
    """Return the key of one delivery."""
    return f"{deliveries(tenant, webhook_id)}/{message_id}.json"


def due_prefix(tenant: str) -> str:
    """Return the prefix of the marks of pending deliveries."""
    return keys.noun_prefix(tenant, "due")


def due(tenant: str, webhook_id: str, message_id: str) -> str:
    """Return the key of the mark of a pending delivery."""
    return f"{due_prefix(tenant)}/{webhook_id}.{message_id}"


def parse_due(key: str) -> tuple[str, str]:
    """Return the endpoint and the message in a key of `due`."""
    webhook_id, _, message_id = key.rpartition("/")[2].partition(".")
    return webhook_id, message_id
