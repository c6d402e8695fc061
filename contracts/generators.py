"""A generator: pretrained GAN weights as safetensors + JSON, immutable, the job that imports one, and its inverters.

Stored: `GeneratorRequest`. Out: `GeneratorManifest`, with the `StoredGenerator` that fits pin. An inverter is an
artefact of its own under the generator, which can gain one later; a fit pins its own.
"""

from typing import Annotated, Literal

from pydantic import AliasChoices, Field

from contracts.base import Artefact, Model, Sha256, Timestamp
from contracts.digests import digest_of
from contracts.ids import GeneratorId, TenantId
from contracts.jobs import JobManifest, Request

License = Annotated[str, Field(validation_alias=AliasChoices("license", "licence"))]
"""The terms of use as they were stated. Records of earlier versions spell the field `licence`."""


class Weights(Model):
    """A network at rest: its tensors (safetensors) and the configuration it is rebuilt from (JSON)."""

    tensors: Artefact
    config: Artefact

    @property
    def halves(self) -> tuple[Artefact, Artefact]:
        """Tensors and configuration."""
        return self.tensors, self.config

    @property
    def digest(self) -> str:
        """The digest of both halves together."""
        return digest_of([half.sha256 for half in self.halves])


class Tap(Model):
    """One of the generator's feature maps, which labels are learnt from."""

    channels: int
    height_px: int
    width_px: int


class StoredGenerator(Model):
    """A generator in the store that can be fitted. `digest` is that of its weights and decides every rendered pixel.

    `sheet` is a PNG of samples for people; `statistics` holds `mean` and `deviation` of the samples' pixels, float32
    [3, h, w] in [-1, 1]. `missing` says what the checkpoint did not hold, `warnings` what its owner should know.
    """

    tenant: TenantId
    id: GeneratorId
    name: str
    created_at: Timestamp
    digest: Sha256
    architecture: str
    height_px: Annotated[int, Field(ge=4)]
    width_px: Annotated[int, Field(ge=4)]
    z_dim: Annotated[int, Field(ge=1)]
    w_dim: Annotated[int, Field(ge=1)]
    num_ws: Annotated[int, Field(ge=1)]
    num_classes: Annotated[int, Field(ge=0)] = 0
    weights: Weights
    discriminator: Weights | None = None
    source: str
    license: License
    taps: tuple[Tap, ...] = ()
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    sheet: Artefact | None = None
    statistics: Artefact | None = None


class GeneratorRequest(Request):
    """`generators/{id}/request.json`: what is imported. A built-in generator has no original."""

    kind: Literal["generator"] = "generator"
    id: GeneratorId
    name: str
    license: License
    source: str
    original: Artefact | None


class GeneratorMetrics(Model):
    """How long each stage of an import took."""

    stage_seconds: dict[str, float]


class GeneratorManifest(JobManifest):
    """`generators/{id}/manifest.json`: how the import ended, and the generator."""

    kind: Literal["generator"] = "generator"
    generator: StoredGenerator | None = None
    metrics: GeneratorMetrics | None = None


class StoredInverter(Model):
    """An encoder that starts an inversion, trained on the samples of the generator with `generator_digest`."""

    generator_digest: Sha256
    digest: Sha256
    created_at: Timestamp
    weights: Weights
