"""Checks the option of a stream to answer, before the stream is created. Knows no HTTP."""

from app.fits import service as fits
from app.services import Services
from app.streams.schemas import StreamCreate
from app.targets import check_steerable
from contracts.errors.tree import InvalidRequest
from contracts.jobs import JobRef
from contracts.recipes.steering import Steering

POINTER = "/steering"


def checked_steering(services: Services, tenant: str, body: StreamCreate) -> Steering | None:
    """Return the steering of a new stream, or None. Raises `InvalidRequest` if its samples cannot be steered."""
    if body.steering is None:
        return None
    fit = fits.find_ready(services, JobRef(tenant=tenant, id=body.fit)).request
    if not fit.labels.num_classes:
        detail = (
            f"Expected no steering, because the fit has no masks, only {', '.join(fit.labels.tasks)}. Leave it out, or"
            " use a fit with masks."
        )
        raise InvalidRequest.at(POINTER, detail)
    if body.targets:
        detail = (
            "Expected targets or steering, got both: targets fix the shares of the classes, steering changes them."
            " Leave one out."
        )
        raise InvalidRequest.at(POINTER, detail)
    check_steerable(services, fit, POINTER, "steering", "Leave it out")
    return body.steering
