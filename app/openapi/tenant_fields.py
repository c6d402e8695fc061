"""Descriptions of fields about tenants: limits and usage."""

from app.openapi.described import Described, Table

TENANT_FIELDS: Table = {
    "TenantLimits.weight": Described(
        "The tenant's part of the workers beside others: 2 gets twice as much as 1, if both need it.", 1.0
    ),
    "TenantLimits.seconds_in_workers": Described(
        "Predicted device seconds of the tenant that the workers of one queue have at the same time. Null: no limit.",
        3600.0,
    ),
    "TenantLimits.jobs_in_workers": Described(
        "Jobs of the tenant that the workers of one queue have at the same time. Null: no limit.", 4
    ),
    "TenantLimits.queued_jobs": Described("Jobs that may wait. A creation beyond it gets 429. Null: no limit.", 100),
    "TenantLimits.requests_per_minute": Described("Requests in a minute, of all keys. Null: no limit.", 600),
    "TenantLimits.pairs_per_day": Described(
        "Pairs that may be requested in a day (UTC). Null: no limit.", 1_000_000
    ),
    "TenantLimits.upload_bytes_per_day": Described(
        "Bytes that may be uploaded in a day (UTC). Null: no limit.", 10_000_000_000
    ),
    "TenantLimits.stored_bytes": Described(
        "Bytes that the tenant may have in the store, measured every ten minutes. Null: no limit.", 1_000_000_000_000
    ),
    "TenantLimits.expires_after_seconds": Described(
        "How long ended jobs are kept if their request does not say so. Null: without end.", 2_592_000
    ),
}  # fmt: skip
"""By `Schema.field`."""
