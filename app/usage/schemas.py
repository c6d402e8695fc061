"""The response of `/v1/usage`."""

import datetime
from typing import Annotated

from pydantic import Field

from contracts.access.tenants import TenantLimits
from contracts.base import Model, Timestamp


class UsageDay(Model):
    """What the tenant used on one day (UTC)."""

    day: Annotated[
        datetime.date, Field(description="The day, from midnight UTC.", examples=["2026-01-31"])
    ]
    requested_pairs: Annotated[
        int,
        Field(
            description="Pairs of accepted batches, and rendered pairs of streams. `pairs_per_day` limits them.",
            examples=[10_000],
        ),
    ]
    pairs: Annotated[int, Field(description="Rendered pairs.", examples=[9_984])]
    device_seconds: Annotated[
        dict[str, float],
        Field(
            description="Seconds of workers by the device that they use: `cpu`, or the model of an accelerator.",
            examples=[{"cpu": 12.5, "NVIDIA H100 80GB HBM3": 301.2}],
        ),
    ]
    written_bytes: Annotated[
        int, Field(description="Bytes of shards and exports.", examples=[1_850_000_000])
    ]
    uploaded_bytes: Annotated[
        int,
        Field(
            description="Bytes of forms, and announced bytes of uploads. `upload_bytes_per_day` limits them.",
            examples=[52_428_800],
        ),
    ]


class StoredView(Model):
    """What the tenant has in the store."""

    num_bytes: Annotated[int, Field(description="Bytes of all objects.", examples=[2_000_000_000])]
    num_objects: Annotated[int, Field(description="Number of objects.", examples=[412])]
    measured_at: Annotated[
        Timestamp,
        Field(
            description="When they were counted: every hour, with a limit every ten minutes.",
            examples=["2026-01-31T12:00:00Z"],
        ),
    ]


class UsageView(Model):
    """What a tenant used, its limits, and what it has stored."""

    items: Annotated[
        tuple[UsageDay, ...],
        Field(description="The days with any usage, newest first."),
    ]
    stored: Annotated[
        StoredView | None,
        Field(description="All objects in the store. Null: they were not measured yet."),
    ] = None
    limits: Annotated[TenantLimits, Field(description="The limits of the tenant.")]
