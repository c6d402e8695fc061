"""A fit: the job that makes a label generator, and that label generator once it has succeeded.

In: `FitRequest`, with all defaults and presets of `contracts/fits/options.py` resolved. Out: `FitManifest`, with the
metrics of `contracts/fits/metrics.py`.
"""

from typing import Literal

from contracts.base import Artefact, Model, Seed, Sha256
from contracts.fits.metrics import FitMetrics
from contracts.fits.options import ResolvedFitOptions
from contracts.generators.generator import PinnedGenerator, Weights
from contracts.ids import FitId, LabelsetId
from contracts.jobs import JobManifest, Request
from contracts.schemas import LabelSchema


class PinnedLabelset(Model):
    """A labelset of a fit, by id and digest."""

    id: LabelsetId
    digest: Sha256


class FitRequest(Request):
    """`fits/{id}/request.json`: everything that decides the result of a fit."""

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
    """`fits/{id}/manifest.json`. A fit that succeeded names one attempt and pins its artefacts.

    `digest` is the digest of the label generator, which batches pin. `sheet` is a PNG for people: each image, its
    reconstruction, its label and the prediction.
    """

    kind: Literal["fit"] = "fit"
    attempt: str | None = None
    digest: Sha256 | None = None
    ensemble: Weights | None = None
    latents: Artefact | None = None
    sheet: Artefact | None = None
    metrics: FitMetrics | None = None
