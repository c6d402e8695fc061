"""Targets: what the samples of a batch or a stream must show.

A presence or a distribution says which share of the images contains a class. Each sample is assigned the classes that
it must and must not contain, and candidates are drawn until one fits. A direction moves every code toward more or less
of a class instead.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from contracts.base import Model
from contracts.schemas import LabelName

MAX_TARGETS = 16
MAX_STRENGTH = 5
DEFAULT_MIN_PIXELS = 0.005
"""Of 64 x 64 px these are 21. Below it, mislabelled pixels would often count as the class."""

ImageShare = Annotated[float, Field(ge=0, le=1)]
MinPixels = Annotated[float, Field(gt=0, le=1)]


class PresenceTarget(Model):
    """The share `images` of the samples contains a class, the others do not contain it.

    A sample contains a class if the class has at least the share `min_pixels` of its pixels.
    """

    kind: Literal["presence"]
    class_name: LabelName
    images: ImageShare = 1.0
    min_pixels: MinPixels = DEFAULT_MIN_PIXELS


class DistributionTarget(Model):
    """Each sample contains exactly one of the classes, with these shares; the rest up to 1 contains none of them."""

    kind: Literal["distribution"]
    images: Annotated[dict[LabelName, ImageShare], Field(min_length=1, max_length=32)]
    min_pixels: MinPixels = DEFAULT_MIN_PIXELS


class DirectionTarget(Model):
    """Every code is moved toward more or less of a class, by `strength` standard deviations of the samples."""

    kind: Literal["more", "less"]
    class_name: LabelName
    strength: Annotated[float, Field(gt=0, le=MAX_STRENGTH)] = 1.0

    @property
    def signed_strength(self) -> float:
        """The strength, negative for less of the class."""
        return self.strength if self.kind == "more" else -self.strength


Target = Annotated[
    PresenceTarget | DistributionTarget | DirectionTarget, Field(discriminator="kind")
]
Targets = Annotated[tuple[Target, ...], Field(max_length=MAX_TARGETS)]


class ClassTarget(Model):
    """One class of a target, and the share of the samples that must contain it."""

    class_name: LabelName
    min_pixels: MinPixels
    images: ImageShare


class TargetResult(ClassTarget):
    """A `ClassTarget`, and the number of samples that contain the class."""

    num_images: int


ClassGroup = tuple[ClassTarget, ...]
"""Classes that exclude each other in a sample."""


def groups_of(targets: Sequence[Target]) -> tuple[ClassGroup, ...]:
    """Return the classes of each presence and distribution, in order; directions have none."""
    return tuple(group for group in map(_group, targets) if group)


def class_targets(targets: Sequence[Target]) -> ClassGroup:
    """Return the classes of all presences and distributions, in order."""
    return tuple(one for group in groups_of(targets) for one in group)


def directions_of(targets: Sequence[Target]) -> tuple[DirectionTarget, ...]:
    """Return the directions among the targets."""
    return tuple(target for target in targets if isinstance(target, DirectionTarget))


def class_names(target: Target) -> tuple[str, ...]:
    """Return the classes that a target names."""
    if isinstance(target, DistributionTarget):
        return tuple(target.images)
    return (target.class_name,)


def _group(target: Target) -> ClassGroup:
    if isinstance(target, DirectionTarget):
        return ()
    shares = (
        target.images
        if isinstance(target, DistributionTarget)
        else {target.class_name: target.images}
    )
    return tuple(
        ClassTarget(class_name=name, min_pixels=target.min_pixels, images=share)
        for name, share in shares.items()
    )
