"""The body of `POST /v1/batches/{id}/deliver`, and the view of a delivery."""

from typing import Annotated

from pydantic import Field

from contracts.accounts.delivery import (
    DeliveryProgress,
    DeliveryStatus,
    DeliveryTarget,
    Destination,
)
from contracts.base import Model, Timestamp


class DeliverCreate(Model):
    """Where a batch is delivered to. Without `deliver_to`, the last delivery is tried again."""

    deliver_to: Annotated[
        Destination | None,
        Field(description="New addresses; null: those of the last delivery, which did not end."),
    ] = None


class BatchDeliveryView(Model):
    """A delivery: where it goes, and how far it is. Addresses are secrets and not shown."""

    target: Annotated[
        DeliveryTarget, Field(description="The kind and the host of the destination.")
    ]
    status: Annotated[
        DeliveryStatus,
        Field(
            description="`waiting` for the end of the batch or its turn, `delivering`, `delivered`, or `failed`.",
            examples=["delivering"],
        ),
    ]
    num_files: Annotated[
        int, Field(description="The number of files; 0 before the first one.", examples=[42])
    ]
    num_delivered: Annotated[
        int, Field(description="How many of them are at the destination.", examples=[40])
    ]
    attempts: Annotated[
        int, Field(description="Failures since the last delivered file.", examples=[0])
    ]
    error: Annotated[
        str | None,
        Field(description="The last failure.", examples=["the address answered 503"]),
    ] = None
    due_at: Annotated[
        Timestamp | None,
        Field(description="The next attempt after a failure.", examples=["2026-01-31T12:00:00Z"]),
    ] = None
    finished_at: Timestamp | None = None


def show_delivery(progress: DeliveryProgress) -> BatchDeliveryView:
    """Return a delivery as the API shows it."""
    return BatchDeliveryView.model_validate(progress.model_dump())
