"""Keys of the objects about deliveries.

tenants/{tenant}/
├── delivering/{batch}             A  marks a batch with a delivery that has not ended; deleted by the sender
└── batches/{id}/delivery/{order}/
    ├── order.json                 A  the destination; deleted once everything is delivered
    └── progress.json              W  the files delivered so far; the order with the highest id counts
"""

from contracts.jobs import JobRef
from state import keys


def marks(tenant: str) -> str:
    """Return the prefix of the marks of a tenant."""
    return keys.noun_prefix(tenant, "delivering")


def mark(ref: JobRef) -> str:
    """Return the key of the mark of a batch."""
    return f"{marks(ref.tenant)}/{ref.id}"


def deliveries(ref: JobRef) -> str:
    """Return the prefix of all deliveries of a batch."""
    return f"{keys.job_prefix(ref)}/delivery"


def order(ref: JobRef, order_id: str) -> str:
    """Return the key of an order."""
    return f"{deliveries(ref)}/{order_id}/order.json"


def progress(ref: JobRef, order_id: str) -> str:
    """Return the key of the progress of an order."""
    return f"{deliveries(ref)}/{order_id}/progress.json"
