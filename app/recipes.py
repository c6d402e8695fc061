"""The request fields that batches and streams share, and how they are pinned. Knows no HTTP."""

from typing import Annotated, Any

from pydantic import Field

from app.fits import service as fits
from app.services import Services
from contracts.base import Model, Seed
from contracts.batches import RENDER_VERSION, Filter, ImageFormat, PinnedFit, Truncation
from contracts.ids import FitId
from contracts.jobs import JobRef


class RecipeCreate(Model):
    """The fit that renders the samples, and every option that determines them."""

    fit: FitId
    seed: Seed = 0
    truncation: Truncation = 0.7
    filter: Filter | None = None
    image_format: ImageFormat = "png"
    shard_size: Annotated[int, Field(ge=1, le=4_096)] | None = None


def pin(services: Services, tenant: str, body: RecipeCreate) -> dict[str, Any]:
    """Return the fields of a `Recipe` with all defaults and the digest of the fit.

    Raises `InvalidRequest` if the fit does not exist, `FitNotReady` if it has not succeeded.
    """
    fit, manifest = fits.find_ready(services, JobRef(tenant=tenant, id=body.fit))
    assert manifest.digest is not None
    return {
        "fit": PinnedFit(id=fit.id, digest=manifest.digest),
        "seed": body.seed,
        "truncation": body.truncation,
        "filter": body.filter,
        "image_format": body.image_format,
        "shard_size": body.shard_size or services.settings.shard_size,
        "render_version": RENDER_VERSION,
        "labels": fit.labels,
    }
