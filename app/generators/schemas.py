"""What a caller sends to have a checkpoint imported, and what is answered about a generator."""

from typing import Annotated, Literal

from pydantic import AliasChoices, ConfigDict, Field

from app.http.links import Links, SignedLink
from app.jobs.answers import envelope
from app.jobs.service import JobState
from contracts.base import Model, Sha256, Timestamp
from contracts.generators import (
    GeneratorManifest,
    GeneratorMetrics,
    GeneratorRequest,
    StoredGenerator,
    StoredInverter,
    Tap,
)
from contracts.ids import GeneratorId, UploadId
from contracts.jobs import JobEnvelope

Name = Annotated[str, Field(min_length=1, max_length=200)]
License = Annotated[
    str,
    Field(
        max_length=2_000,
        validation_alias=AliasChoices("license", "licence"),
        description="What the uploader says of the terms it is used under",
    ),
]


class GeneratorForm(Model):
    """What stands beside the file in the form of `POST /v1/generators`."""

    name: Name
    license: License = ""


class GeneratorCreate(GeneratorForm):
    """The JSON body of `POST /v1/generators`: a checkpoint that was sent to an upload's link before."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "faces 256",
                    "license": "CC BY-NC 4.0",
                    "upload": "upload_0192f0c1a5b37c8e9d1f2a3b4c5d6e7f",
                }
            ]
        }
    )

    upload: UploadId


class InverterSummary(Model):
    """An encoder that starts inversions, by the digest that a fit pins it by."""

    digest: Sha256
    created_at: Timestamp


class GeneratorView(JobEnvelope[GeneratorMetrics]):
    """A generator that a fit can be made of, once its import has succeeded; until then its network is not known.

    `sheet` is a picture of 64 samples. The newest inverter comes first and is the default of a fit.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"id": "portraits-64"}]})

    id: GeneratorId
    kind: Literal["generator"] = "generator"
    name: str
    license: str
    source: str
    digest: Sha256 | None = None
    architecture: str | None = None
    height_px: int | None = None
    width_px: int | None = None
    z_dim: int | None = None
    w_dim: int | None = None
    num_ws: int | None = None
    num_classes: int | None = None
    taps: tuple[Tap, ...] = ()
    has_discriminator: bool | None = None
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    sheet: SignedLink | None = None
    inverters: tuple[InverterSummary, ...] = ()


def show_generator(state: JobState, inverters: list[StoredInverter], links: Links) -> GeneratorView:
    """The answer about a generator."""
    request, manifest = state.record.request, state.record.manifest
    assert isinstance(request, GeneratorRequest)
    assert isinstance(manifest, GeneratorManifest | None)
    common = envelope(state, links)
    common["links"]["inverters"] = links.resource("generators", request.id, "inverters")
    own: dict[str, object] = {
        "name": request.name,
        "license": request.license,
        "source": request.source,
    }
    made = manifest.generator if manifest else None
    if made is not None:
        own |= _network(made, links)
    return GeneratorView.model_validate(
        {
            **common,
            **own,
            "metrics": manifest.metrics if manifest else None,
            "inverters": [
                InverterSummary(digest=found.digest, created_at=found.created_at)
                for found in inverters
            ],
        }
    )


def _network(made: StoredGenerator, links: Links) -> dict[str, object]:
    """What is known once the checkpoint has been read."""
    own = made.model_dump(
        exclude={"tenant", "id", "created_at", "weights", "discriminator", "sheet", "statistics"}
    )
    sheet = links.file(made.sheet) if made.sheet else None
    return {**own, "has_discriminator": made.discriminator is not None, "sheet": sheet}
