"""An inverter: an encoder that predicts latent codes for a generator, and the job that trains it on its samples.

In: `InverterOptions` from the caller, stored in an `InverterRequest`. Out: `InverterManifest`, and a `StoredInverter`
below the generator, which fits find by digest.
"""

from typing import Annotated, Literal

from pydantic import Field

from contracts.base import LearningRate, Model, Seed
from contracts.generators.generator import PinnedGenerator, StoredInverter
from contracts.ids import InverterId
from contracts.jobs import JobManifest, Request


class InverterOptions(Model):
    """The training of the encoder: on `num_images` new samples, `batch` in each step."""

    num_images: Annotated[int, Field(ge=1, le=100_000_000)] = 40_000
    batch: Annotated[int, Field(ge=1, le=1_024)] = 16
    learning_rate: LearningRate = 1e-3


class InverterRequest(Request):
    """`inverters/{id}/request.json`: everything that decides the result of a training."""

    kind: Literal["inverter"] = "inverter"
    id: InverterId
    seed: Seed
    generator: PinnedGenerator
    options: InverterOptions


class InverterMetrics(Model):
    """The last losses of the training, by name, and the seconds of each stage."""

    losses: dict[str, float]
    stage_seconds: dict[str, float]


class InverterManifest(JobManifest):
    """`inverters/{id}/manifest.json`: how the training ended, and the inverter."""

    kind: Literal["inverter"] = "inverter"
    inverter: StoredInverter | None = None
    metrics: InverterMetrics | None = None
