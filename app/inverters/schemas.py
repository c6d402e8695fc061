"""The body of `POST /v1/generators/{id}/inverters`, and the view of an inverter."""

from typing import Literal

from pydantic import ConfigDict

from app.http.requests import Exchange
from app.jobs.answers import envelope
from app.jobs.service import JobState
from contracts.base import Model, Seed, Sha256
from contracts.generators.generator import PinnedGenerator
from contracts.generators.inverters import (
    InverterManifest,
    InverterMetrics,
    InverterOptions,
    InverterRequest,
)
from contracts.jobs import JobEnvelope


class InverterCreate(Model):
    """The body of `POST /v1/generators/{id}/inverters`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"seed": 1, "options": {"num_images": 40_000}}]}
    )

    seed: Seed = 0
    options: InverterOptions = InverterOptions()


class InverterView(JobEnvelope[InverterMetrics]):
    """The training of an inverter: an encoder that predicts the latent code of an image for one generator.

    A fit uses the newest inverter of its generator, or the one with the `digest` in its request.
    """

    kind: Literal["inverter"] = "inverter"
    generator: PinnedGenerator
    seed: Seed
    options: InverterOptions
    digest: Sha256 | None = None


def show_inverter(state: JobState, exchange: Exchange) -> InverterView:
    """Return the view of an inverter."""
    request, manifest = state.record.request, state.record.manifest
    assert isinstance(request, InverterRequest)
    assert isinstance(manifest, InverterManifest | None)
    links = exchange.links
    common = envelope(state, links)
    common["links"]["generator"] = links.resource("generators", request.generator.id)
    inverter = manifest.inverter if manifest else None
    return InverterView.model_validate(
        {
            **common,
            **request.model_dump(include={"generator", "seed", "options"}),
            "metrics": manifest.metrics if manifest else None,
            "digest": inverter.digest if inverter else None,
        }
    )
