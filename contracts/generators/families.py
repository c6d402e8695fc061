"""The families of generators, as the contracts know them: which facts a family's manifests add to the common ones.

A manifest's `architecture` begins with the name of its family. Processes pass down the families that they serve; a
manifest of another family can be read, but its facts cannot be parsed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from contracts.base import Model
from contracts.generators.generator import StoredGenerator

Count = Annotated[int, Field(ge=1)]


class UnknownFamily(ValueError):
    """A generator is of a family that this process was not started with; the message is for users."""


@dataclass(frozen=True)
class GeneratorFamily:
    """`name` has no dash; `facts` parses the family's own fields.

    `has_inverters`: an encoder can be trained; `is_trainable`: a generator can be trained from images; `can_augment`:
    its training has an augmentation; `needs_discriminator`: its training has a discriminator; `is_steerable`: a
    direction moves its codes (`models.generators.generator.Steerable`).
    """

    name: str
    facts: type[Model]
    has_inverters: bool = True
    is_trainable: bool = False
    can_augment: bool = False
    needs_discriminator: bool = False
    is_steerable: bool = False

    def includes(self, architecture: str) -> bool:
        """Return whether an architecture is the family or a variant of it ("stylegan2-resnet")."""
        return architecture.partition("-")[0] == self.name


class StyleGan2Facts(Model):
    """Lengths of z and w, and the number of w vectors in a W+ code."""

    z_dim: Count
    w_dim: Count
    num_ws: Count


STYLEGAN2 = GeneratorFamily(
    "stylegan2",
    StyleGan2Facts,
    is_trainable=True,
    can_augment=True,
    needs_discriminator=True,
    is_steerable=True,
)


class DiffusionFacts(Model):
    """The steps of the training's noise, those whose noise the features are read at, and the sampler's steps."""

    num_train_timesteps: Count
    noise_levels: tuple[int, ...]
    sampling_steps: Count


DIFFUSION = GeneratorFamily("diffusion", DiffusionFacts, has_inverters=False, is_trainable=True)

GENERATOR_FAMILIES: tuple[GeneratorFamily, ...] = (STYLEGAN2, DIFFUSION)
"""The families of a service that was started without others."""


def family_of(generator: StoredGenerator, families: Sequence[GeneratorFamily]) -> GeneratorFamily:
    """Return the family of a generator. Raises `UnknownFamily`."""
    for family in families:
        if family.includes(generator.architecture):
            return family
    names = ", ".join(family.name for family in families)
    raise UnknownFamily(
        f"Expected a generator of a known family ({names}), but '{generator.id}' has architecture"
        f" '{generator.architecture}'. Use another generator, or start the service with that family."
    )


def facts_of(generator: StoredGenerator, families: Sequence[GeneratorFamily]) -> Model:
    """Return the family's own facts of a generator.

    Raises:
        UnknownFamily: none of `families` has the generator's architecture.
        pydantic.ValidationError: the facts are not the family's.
    """
    return family_of(generator, families).facts.model_validate(generator.own_facts)
