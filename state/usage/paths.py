"""Keys of the objects about usage.

tenants/{tenant}/usage/
├── stored.json                      W  the bytes of the tenant in the store, measured from time to time
└── days/{YYYY-MM-DD}/
    ├── notes/{uuid}.json            A, W  one entry of a worker, one accepted request or one upload
    └── totals/{n}.json              W  the sum of the day so far; the highest number is valid
"""

from datetime import date

from state import keys


def prefix(tenant: str) -> str:
    """Return the prefix of all objects about a tenant's usage."""
    return f"{keys.tenant_prefix(tenant)}/usage"


def days(tenant: str) -> str:
    """Return the prefix of all days."""
    return f"{prefix(tenant)}/days"


def notes(tenant: str, day: date) -> str:
    """Return the prefix of the notes of a day."""
    return f"{days(tenant)}/{day.isoformat()}/notes"


def totals(tenant: str, day: date) -> str:
    """Return the prefix of the sums of a day."""
    return f"{days(tenant)}/{day.isoformat()}/totals"


def total(tenant: str, day: date, number: int) -> str:
    """Return the key of one sum of a day. The names sort by number."""
    return f"{totals(tenant, day)}/{number:06d}.json"


def stored(tenant: str) -> str:
    """Return the key of the measured bytes."""
    return f"{prefix(tenant)}/stored.json"
