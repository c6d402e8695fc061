"""A fit: the job that makes a label generator, and that label generator once it has succeeded.

Stored: `FitRequest`, with every default and preset of `fit_options.py` resolved. Out: `FitManifest`, with what
`fit_metrics.py` says of it.
"""

from typing import Literal

from contracts.base import Artefact, Model, Seed, Sha256
from contracts.fits.metrics import FitMetrics
from contracts.fits.options import ResolvedFitOptions
from contracts.generators.generator import Weights
from contracts.ids import FitId, GeneratorId, LabelsetId
from contracts.jobs import JobManifest, Request
from contracts.schemas import LabelSchema


class PinnedGenerator(Model):
    """The generator of a fit, by id and digest, with its weights."""

    id: GeneratorId
    digest: Sha256
    height_px: int
    width_px: int


class PinnedLabelset(Model):
    """A labelset of a fit, by id and digest."""

    id: LabelsetId
    digest: Sha256


class FitRequest(Request):
    """`fits/{id}/request.json`: a fit as it will be run, whatever changes around it."""

    kind: Literal["fit"] = "fit"
    id: FitId
    name: str
    seed: Seed
    generator: PinnedGenerator
    inverter_digest: Sha256 | None
    labelset: PinnedLabelset
    validation_labelset: PinnedLabelset | None = None
    labels: LabelSchema
    options: ResolvedFitOptions


class FitManifest(JobManifest):
    """`fits/{id}/manifest.json`. A success names one attempt and pins what it made.

    `digest` is that of the label generator: what a batch pins. `sheet` is a PNG for people: each image,
    its reconstruction, its label and the prediction.
    """

    kind: Literal["fit"] = "fit"
    attempt: str | None = None
    digest: Sha256 | None = None
    ensemble: Weights | None = None
    latents: Artefact | None = None
    sheet: Artefact | None = None
    metrics: FitMetrics | None = None
