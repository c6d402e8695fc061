"""The bodies of `POST /v1/fits`, and the view of a fit."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from app.http.links import SignedLink
from app.http.requests import Exchange
from app.jobs.answers import NOT_SHOWN, envelope
from app.jobs.service import JobState
from contracts.base import Model, Seed, Sha256
from contracts.fits.fit import FitManifest, FitRequest, PinnedLabelset
from contracts.fits.metrics import FitMetrics
from contracts.fits.options import FitOptions, ResolvedFitOptions
from contracts.generators.generator import PinnedGenerator
from contracts.ids import GeneratorId, LabelsetId
from contracts.jobs import ExpiresAfter, JobEnvelope
from contracts.schemas import LabelSchema

InverterChoice = Annotated[str, Field(pattern=r"^(default|none|[0-9a-f]{64})$")]
"""The newest inverter, no inverter, or the inverter with this digest."""


class FitFields(Model):
    """The fields of a fit, without its labelset: the part `fit` of a form with labelled images."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"generator": "portraits-64", "seed": 7, "name": "heads"}]}
    )

    generator: GeneratorId
    validation_labelset: LabelsetId | None = None
    inverter: InverterChoice = "default"
    seed: Seed = 0
    name: Annotated[str, Field(max_length=200)] = ""
    options: FitOptions = FitOptions()
    expires_after_seconds: ExpiresAfter | None = None

    def for_fingerprint(self) -> dict[str, Any]:
        """Return the fields as JSON for the fingerprint of an Idempotency-Key, without absent later options."""
        absent = {"expires_after_seconds"} if self.expires_after_seconds is None else set[str]()
        return self.model_dump(mode="json", exclude=absent)


class FitCreate(FitFields):
    """The JSON body of `POST /v1/fits`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "generator": "portraits-64",
                    "labelset": "labelset_0192f0c1a5b37c8e9d1f2a3b4c5d6e7f",
                    "seed": 7,
                },
                {
                    "generator": "portraits-64",
                    "labelset": "labelset_0192f0c1a5b37c8e9d1f2a3b4c5d6e7f",
                    "validation_labelset": "labelset_0192f0c1a5b37c8e9d1f2a3b4c5d6e80",
                    "options": {"tasks": ["segmentation", "keypoints"], "estimate": False},
                },
            ]
        }
    )

    labelset: LabelsetId


class FitView(JobEnvelope[FitMetrics]):
    """A fit: the job, and its label generator once it has succeeded.

    `sheet` is a picture for people: each image with its reconstruction, its label and the prediction.
    """

    kind: Literal["fit"] = "fit"
    name: str
    seed: Seed
    generator: PinnedGenerator
    inverter_digest: Sha256 | None
    labelset: PinnedLabelset
    validation_labelset: PinnedLabelset | None
    labels: LabelSchema
    options: ResolvedFitOptions
    digest: Sha256 | None = None
    sheet: SignedLink | None = None


def show_fit(state: JobState, exchange: Exchange) -> FitView:
    """Return the view of a fit."""
    request, manifest = state.record.request, state.record.manifest
    assert isinstance(request, FitRequest)
    assert isinstance(manifest, FitManifest | None)
    fields = request.model_dump(exclude={*NOT_SHOWN})
    sheet = manifest.sheet if manifest else None
    return FitView.model_validate(
        {
            **envelope(state, exchange.links),
            **fields,
            "metrics": manifest.metrics if manifest else None,
            "digest": manifest.digest if manifest else None,
            "sheet": exchange.links.file(sheet) if sheet else None,
        }
    )
