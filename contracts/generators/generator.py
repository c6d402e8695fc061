"""A generator: pretrained weights as safetensors + JSON, immutable, the job that imports one, and its inverters.

Stored: `GeneratorRequest`. Out: `GeneratorManifest`, with the `StoredGenerator` that fits pin. An inverter is a
separate artefact below the generator and may be added later; each fit pins one.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, ConfigDict, Field

from contracts.base import Artefact, Model, Sha256, Timestamp
from contracts.digests import digest_of
from contracts.generators.import_options import ImportOptions
from contracts.generators.training import TrainingOptions, TrainingReport
from contracts.ids import GeneratorId, TenantId
from contracts.jobs import JobManifest, Request

License = Annotated[str, Field(validation_alias=AliasChoices("license", "licence"))]
"""The terms of use as the owner stated them. Records of earlier versions spell the field `licence`."""


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
    """One of the generator's feature maps, from which labels are learnt."""

    channels: int
    height_px: int
    width_px: int


class StoredGenerator(Model):
    """A generator in the store that can be fitted. `digest` is that of its weights and decides every rendered pixel.

    `architecture` begins with the name of the generator's family ("stylegan2-skip"). Fields beyond those below are the
    facts of that family; `contracts/generators/families.py` parses them.
    `sheet` is a PNG of samples for people; `statistics` holds `mean` and `deviation` of the samples' pixels, float32
    [3, h, w] in [-1, 1]. `missing` lists what the checkpoint lacked, `warnings` what its owner should know.
    """

    model_config = ConfigDict(extra="allow")

    tenant: TenantId
    id: GeneratorId
    name: str
    created_at: Timestamp
    digest: Sha256
    architecture: str
    height_px: Annotated[int, Field(ge=4)]
    width_px: Annotated[int, Field(ge=4)]
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

    @property
    def own_facts(self) -> Mapping[str, Any]:
        """The facts of the generator's family, as they were stored."""
        return self.model_extra or {}


class PinnedGenerator(Model):
    """The generator of a fit or a training, by id and digest, and the size of its images."""

    id: GeneratorId
    digest: Sha256
    height_px: int
    width_px: int


class GeneratorRequest(Request):
    """`generators/{id}/request.json`: the checkpoint to import, or the archive of images to train from.

    A built-in generator has no original.
    """

    kind: Literal["generator"] = "generator"
    id: GeneratorId
    name: str
    license: License
    source: str
    original: Artefact | None
    import_options: ImportOptions | None = None
    training: TrainingOptions | None = None


class GeneratorMetrics(Model):
    """The seconds that each stage of an import or a training took."""

    stage_seconds: dict[str, float]


class GeneratorManifest(JobManifest):
    """`generators/{id}/manifest.json`: how the import or the training ended, and the generator."""

    kind: Literal["generator"] = "generator"
    generator: StoredGenerator | None = None
    training: TrainingReport | None = None
    metrics: GeneratorMetrics | None = None


class StoredInverter(Model):
    """An encoder that starts an inversion, trained on the samples of the generator with `generator_digest`.

    `is_built_in`: it was published with a built-in generator, so all tenants may use it.
    """

    generator_digest: Sha256
    digest: Sha256
    created_at: Timestamp
    weights: Weights
    is_built_in: bool = False
