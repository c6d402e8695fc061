"""What an operator sets for a tenant: its weight, its limits, and how long its jobs are kept. All are optional."""

from typing import Annotated

from pydantic import Field

from contracts.base import Model, Timestamp
from contracts.ids import TenantId

Weight = Annotated[float, Field(ge=0.01, le=100)]
Count = Annotated[int, Field(ge=0, lt=2**53)]
Seconds = Annotated[float, Field(gt=0, le=1e9)]


class TenantLimits(Model):
    """The limits of one tenant. Null is no limit. Days begin at midnight UTC."""

    weight: Weight = 1.0
    seconds_in_workers: Seconds | None = None
    jobs_in_workers: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    queued_jobs: Count | None = None
    requests_per_minute: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    pairs_per_day: Count | None = None
    upload_bytes_per_day: Count | None = None
    stored_bytes: Count | None = None
    expires_after_seconds: Annotated[int, Field(ge=60, le=10 * 366 * 86_400)] | None = None


class TenantRecord(Model):
    """`access/tenants/{tenant}/{uuid}.json`: the limits of a tenant since a time. The newest one is valid."""

    tenant: TenantId
    limits: TenantLimits
    changed_at: Timestamp
