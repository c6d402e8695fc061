"""Targets: what the samples of a batch or a stream must show.

A presence or a distribution says which share of the images contains a class. Each sample is assigned the classes that
it must and must not contain, and candidates are drawn until one fits. A direction moves every code toward more or less
of a class instead.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from contracts.base import Model
from contracts.schemas import LabelName

MAX_TARGETS = 16
MAX_STRENGTH = 5
DEFAULT_MIN_PIXELS = 0.005
"""The least share of pixels of a class that no labelled image contains any more, because the labelset was deleted."""

ImageShare = Annotated[float, Field(ge=0, le=1)]
MinPixels = Annotated[float, Field(gt=0, le=1)]


class ClassTarget(Model):
    """One class of a target, and the share of the samples that must contain it."""

    class_name: LabelName
    min_pixels: MinPixels
    images: ImageShare


ClassGroup = tuple[ClassTarget, ...]
"""Classes that exclude each other in a sample."""


class PresenceTarget(Model):
    """The share `images` of the samples contains a class, the others do not contain it.

    A sample contains a class if the class has at least the share `min_pixels` of its pixels. By default that is half of
    the median share in the labelled images that contain it.
    """

    kind: Literal["presence"]
    class_name: LabelName
    images: ImageShare = 1.0
    min_pixels: MinPixels | None = None

    def resolved(self, least: Mapping[str, float]) -> "PresenceTarget":
        """Return the target with a number for `min_pixels`, by default that of `least`."""
        min_pixels = self.min_pixels or least[self.class_name]
        return self.model_copy(update={"min_pixels": min_pixels})

    @property
    def group(self) -> ClassGroup:
        """The class. The target must be resolved."""
        assert self.min_pixels is not None, "requests are stored with resolved targets"
        one = ClassTarget(
            class_name=self.class_name, min_pixels=self.min_pixels, images=self.images
        )
        return (one,)


class DistributionTarget(Model):
    """Each sample contains exactly one of the classes, with these shares; the rest up to 1 contains none of them.

    `min_pixels` is one number for all classes or one for each; by default as in `PresenceTarget`.
    """

    kind: Literal["distribution"]
    images: Annotated[dict[LabelName, ImageShare], Field(min_length=1, max_length=32)]
    min_pixels: MinPixels | dict[LabelName, MinPixels] | None = None

    def resolved(self, least: Mapping[str, float]) -> "DistributionTarget":
        """Return the target with a number for each class in `min_pixels`, by default that of `least`."""
        given = self.min_pixels
        by_class = given if isinstance(given, dict) else {}
        common = given if isinstance(given, float) else None
        numbers = {name: by_class.get(name) or common or least[name] for name in self.images}
        return self.model_copy(update={"min_pixels": numbers})

    @property
    def group(self) -> ClassGroup:
        """The classes in order. The target must be resolved."""
        assert isinstance(self.min_pixels, dict), "requests are stored with resolved targets"
        return tuple(
            ClassTarget(class_name=name, min_pixels=self.min_pixels[name], images=share)
            for name, share in self.images.items()
        )


class DirectionTarget(Model):
    """Every code is moved toward more or less of a class, by `strength` standard deviations of the samples."""

    kind: Literal["more", "less"]
    class_name: LabelName
    strength: Annotated[float, Field(gt=0, le=MAX_STRENGTH)] = 1.0

    def resolved(self, least: Mapping[str, float]) -> "DirectionTarget":
        """Return the target: it has no `min_pixels`."""
        return self

    @property
    def group(self) -> ClassGroup:
        """No class: every sample is moved."""
        return ()

    @property
    def signed_strength(self) -> float:
        """The strength, negative for less of the class."""
        return self.strength if self.kind == "more" else -self.strength


Target = Annotated[
    PresenceTarget | DistributionTarget | DirectionTarget, Field(discriminator="kind")
]
Targets = Annotated[tuple[Target, ...], Field(max_length=MAX_TARGETS)]


class TargetResult(ClassTarget):
    """A `ClassTarget`, and the number of samples that contain the class."""

    num_images: int


def groups_of(targets: Sequence[Target]) -> tuple[ClassGroup, ...]:
    """Return the classes of each presence and distribution, in order; directions have none."""
    return tuple(target.group for target in targets if target.group)


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
