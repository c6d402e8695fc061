"""What is answered about a generator."""

from pydantic import ConfigDict

from contracts.generators import GeneratorManifest, InverterManifest
from contracts.ids import GeneratorId
from contracts.shapes import Sha256, Shape, Timestamp


class InverterView(Shape):
    """An encoder that starts inversions, by its digest."""

    digest: Sha256
    created_at: Timestamp


class GeneratorView(Shape):
    """A pretrained generator that a fit can be made of. The newest inverter comes first and is the default."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"id": "portraits-64"}]})

    id: GeneratorId
    name: str
    created_at: Timestamp
    digest: Sha256
    architecture: str
    height_px: int
    width_px: int
    z_dim: int
    w_dim: int
    num_ws: int
    source: str
    licence: str
    inverters: tuple[InverterView, ...]


def show_generator(
    generator: GeneratorManifest, inverters: list[InverterManifest]
) -> GeneratorView:
    """The answer about a generator."""
    shown = tuple(
        InverterView(digest=found.digest, created_at=found.created_at) for found in inverters
    )
    own = generator.model_dump(exclude={"tenant", "weights", "discriminator"})
    return GeneratorView(inverters=shown, **own)
