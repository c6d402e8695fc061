"""A generator: pretrained GAN weights as safetensors + JSON, immutable, and its inverters.

An inverter is an artefact of its own under the generator, which can gain one later; a fit pins its own.
"""

from typing import Annotated

from pydantic import Field

from contracts.digests import digest_of
from contracts.ids import GeneratorId, TenantId
from contracts.shapes import Artefact, Sha256, Shape, Timestamp


class Weights(Shape):
    """A network at rest: its tensors (safetensors) and the configuration it is rebuilt from (JSON)."""

    tensors: Artefact
    config: Artefact

    @property
    def digest(self) -> str:
        """The digest of both halves together."""
        return digest_of([self.tensors.sha256, self.config.sha256])


class GeneratorManifest(Shape):
    """A generator that can be fitted. `digest` is that of its weights and decides every rendered pixel."""

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
    weights: Weights
    discriminator: Weights | None = None
    source: str
    licence: str


class InverterManifest(Shape):
    """An encoder that starts an inversion, trained on the samples of the generator with `generator_digest`."""

    generator_digest: Sha256
    digest: Sha256
    created_at: Timestamp
    weights: Weights
