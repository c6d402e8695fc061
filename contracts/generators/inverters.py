"""An inverter: the encoder that starts a generator's inversions, and the job that trains it on the generator's samples.

In: `InverterOptions` from the caller. Stored: `InverterRequest`. Out: `InverterManifest`, and below the generator the
inverter itself (`StoredInverter`), where fits find it by digest.
"""

from typing import Annotated, Literal

from pydantic import Field

from contracts.base import Model, Seed
from contracts.fits.fit import PinnedGenerator
from contracts.fits.options import LearningRate
from contracts.generators.generator import StoredInverter
from contracts.ids import InverterId
from contracts.jobs import JobManifest, Request


class InverterOptions(Model):
    """How long and how fast the encoder learns: on `num_images` fresh samples, `batch` at each step."""

    num_images: Annotated[int, Field(ge=1, le=100_000_000)] = 40_000
    batch: Annotated[int, Field(ge=1, le=1_024)] = 16
    learning_rate: LearningRate = 1e-3


class InverterRequest(Request):
    """`inverters/{id}/request.json`: a training as it will be run, whatever changes around it."""

    kind: Literal["inverter"] = "inverter"
    id: InverterId
    seed: Seed
    generator: PinnedGenerator
    options: InverterOptions


class InverterMetrics(Model):
    """The result of a training: its last losses by name, and the seconds of each stage."""

    losses: dict[str, float]
    stage_seconds: dict[str, float]


class InverterManifest(JobManifest):
    """`inverters/{id}/manifest.json`: how the training ended, and the inverter."""

    kind: Literal["inverter"] = "inverter"
    inverter: StoredInverter | None = None
    metrics: InverterMetrics | None = None
