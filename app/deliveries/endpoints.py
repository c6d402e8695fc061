"""`/v1/batches/{id}/deliver` and `/delivery`: send a finished batch to addresses of the caller, and follow that."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends

from app.deliveries import service
from app.deliveries.schemas import BatchDeliveryView, DeliverCreate, show_delivery
from app.http.json_bodies import JsonRoute
from app.http.requests import ServicesDep
from app.jobs.routing import ref_of
from contracts.jobs import JobRef
from contracts.kinds import BATCH

router = APIRouter(route_class=JsonRoute, prefix="/v1/batches", tags=["batches"])

RefDep = Annotated[JobRef, Depends(ref_of(BATCH))]


@router.post("/{batch_id}/deliver", status_code=HTTPStatus.ACCEPTED)
def deliver_batch(
    ref: RefDep, services: ServicesDep, body: DeliverCreate | None = None
) -> BatchDeliveryView:
    """Deliver a batch that has succeeded, to new addresses or once more to those of its last delivery.

    All files are sent again, with the same bytes.
    """
    destination = body.deliver_to if body is not None else None
    return show_delivery(service.deliver(services, ref, destination))


@router.get("/{batch_id}/delivery")
def get_delivery(ref: RefDep, services: ServicesDep) -> BatchDeliveryView:
    """Return the newest delivery of a batch: its status, how far it is, and the last failure."""
    return show_delivery(service.find(services, ref).progress)
