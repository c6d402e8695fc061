"""What batches and streams share: what a caller may choose of their samples, and how it is pinned. Knows no HTTP."""

from typing import Annotated, Any

from pydantic import Field

from app.fits import service as fits
from app.services import Services
from contracts.base import Model, Seed
from contracts.batches import RENDER_VERSION, Filter, ImageFormat, PinnedFit, Truncation
from contracts.ids import FitId
from contracts.jobs import JobRef


class RecipeCreate(Model):
    """The fit that samples are rendered by, and everything that decides them."""

    fit: FitId
    seed: Seed = 0
    truncation: Truncation = 0.7
    filter: Filter | None = None
    image_format: ImageFormat = "png"
    shard_size: Annotated[int, Field(ge=1, le=4_096)] | None = None


def pin(services: Services, tenant: str, body: RecipeCreate) -> dict[str, Any]:
    """The fields of a `Recipe`, every default present and the fit by its digest.

    Raises `InvalidRequest` where there is no such fit, `FitNotReady` where it has not succeeded.
    """
    fit, made = fits.find_ready(services, JobRef(tenant=tenant, id=body.fit))
    assert made.digest is not None
    return {
        "fit": PinnedFit(id=fit.id, digest=made.digest),
        "seed": body.seed,
        "truncation": body.truncation,
        "filter": body.filter,
        "image_format": body.image_format,
        "shard_size": body.shard_size or services.settings.shard_size,
        "render_version": RENDER_VERSION,
        "labels": fit.labels,
    }
