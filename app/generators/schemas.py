"""The bodies of `POST /v1/generators`, and the view of a generator."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AliasChoices, ConfigDict, Field

from app.generators.training_schemas import TrainingView
from app.http.links import Links, SignedLink
from app.jobs.answers import envelope
from app.jobs.service import JobState
from contracts.base import Model, Sha256, Timestamp
from contracts.generators.families import GeneratorFamily, UnknownFamily, facts_of
from contracts.generators.generator import (
    GeneratorManifest,
    GeneratorMetrics,
    GeneratorRequest,
    StoredGenerator,
    StoredInverter,
    Tap,
)
from contracts.generators.import_options import ImportOptions
from contracts.generators.training import TrainingOptions
from contracts.ids import GeneratorId, UploadId
from contracts.jobs import JobEnvelope

Name = Annotated[str, Field(min_length=1, max_length=200)]
License = Annotated[
    str,
    Field(
        max_length=2_000,
        validation_alias=AliasChoices("license", "licence"),
        description="The terms of use, as the uploader states them",
    ),
]


class GeneratorForm(Model):
    """The fields of the form of `POST /v1/generators`, beside the file. In a form, `training` is JSON.

    With `training` the file is an archive of unlabelled images (zip or tar), else a checkpoint.
    """

    name: Name
    license: License = ""
    import_options: ImportOptions | None = None
    training: TrainingOptions | None = None


class GeneratorCreate(GeneratorForm):
    """The JSON body of `POST /v1/generators`, for a checkpoint or an archive of images in an upload."""

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
    """An inverter of a generator, by the digest that fits pin."""

    digest: Sha256
    created_at: Timestamp


class GeneratorView(JobEnvelope[GeneratorMetrics]):
    """A generator, which fits can use once its import or training has succeeded. Before, its network's fields are null.

    `sheet` is a picture of 64 samples. The newest inverter is the first one, and the default of fits.
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
    training: TrainingView | None = None


def show_generator(
    state: JobState,
    inverters: list[StoredInverter],
    links: Links,
    families: Sequence[GeneratorFamily],
) -> GeneratorView:
    """Return the view of a generator. It has fields for the facts of StyleGAN2 only."""
    request, manifest = state.record.request, state.record.manifest
    assert isinstance(request, GeneratorRequest)
    assert isinstance(manifest, GeneratorManifest | None)
    common = envelope(state, links)
    common["links"]["inverters"] = links.resource("generators", request.id, "inverters")
    if request.training is not None:
        common["links"]["stop"] = links.resource("generators", request.id, "stop")
    fields: dict[str, object] = {
        "name": request.name,
        "license": request.license,
        "source": request.source,
    }
    generator = manifest.generator if manifest else None
    if generator is not None:
        fields |= _network(generator, links) | _facts(generator, families)
    return GeneratorView.model_validate(
        {
            **common,
            **fields,
            "metrics": manifest.metrics if manifest else None,
            "inverters": [
                InverterSummary(digest=inverter.digest, created_at=inverter.created_at)
                for inverter in inverters
            ],
        }
    )


def _network(manifest: StoredGenerator, links: Links) -> dict[str, object]:
    """Return the fields that an import adds."""
    shown = set(GeneratorView.model_fields) & set(StoredGenerator.model_fields)
    fields = manifest.model_dump(include=shown - {"id", "created_at", "sheet"})
    sheet = links.file(manifest.sheet) if manifest.sheet else None
    return {**fields, "has_discriminator": manifest.discriminator is not None, "sheet": sheet}


def _facts(manifest: StoredGenerator, families: Sequence[GeneratorFamily]) -> dict[str, object]:
    """Return the facts of the generator's family; none for a family that this app was not started with."""
    try:
        facts = facts_of(manifest, families)
    except UnknownFamily:  # one such generator must not break the list of all
        return {}
    return facts.model_dump(include=set(GeneratorView.model_fields))
