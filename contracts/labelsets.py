"""A labelset: real images with a label for every pixel, and the schema that says what the labels mean.

It is immutable. Its manifest is written last and pins every image and mask by digest.
"""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from contracts.digests import digest_of
from contracts.ids import LabelsetId, TenantId
from contracts.jobs import Idempotency
from contracts.shapes import Artefact, Sha256, Shape, Timestamp

MAX_LABEL_VALUE = 255
"""Masks are 8 bits deep."""

ClassName = Annotated[
    str,
    # Control characters are refused: names go into tables, logs and file names of whoever reads a labelset.
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$"
    ),
]


class LabelSchema(Shape):
    """The classes in the order of their index, and the value that means "no label here"."""

    classes: Annotated[tuple[ClassName, ...], Field(min_length=2, max_length=255)]
    ignore_index: Annotated[int, Field(ge=0, le=MAX_LABEL_VALUE)] = MAX_LABEL_VALUE

    @model_validator(mode="after")
    def _check(self) -> Self:
        repeated = sorted({name for name in self.classes if self.classes.count(name) > 1})
        if repeated:
            raise ValueError(
                f"class names must differ, but {', '.join(repeated)} came more than once"
            )
        if self.ignore_index < len(self.classes):
            raise ValueError(
                f"ignore_index {self.ignore_index} is also the index of class"
                f" '{self.classes[self.ignore_index]}'; choose one from {len(self.classes)} to 255"
            )
        return self

    @property
    def num_classes(self) -> int:
        """How many classes there are, the ignored value not counted."""
        return len(self.classes)


class LabelsetEntry(Shape):
    """One image and its mask. `class_pixels` counts the mask's pixels by class index."""

    name: str
    image: Artefact
    mask: Artefact
    height_px: Annotated[int, Field(ge=1)]
    width_px: Annotated[int, Field(ge=1)]
    class_pixels: tuple[int, ...]
    ignored_pixels: Annotated[int, Field(ge=0)]


class LabelsetManifest(Shape):
    """The whole labelset: what has one exists."""

    tenant: TenantId
    id: LabelsetId
    name: str
    created_at: Timestamp
    digest: Sha256
    labels: LabelSchema
    entries: Annotated[tuple[LabelsetEntry, ...], Field(min_length=1)]
    class_pixels: tuple[int, ...]
    ignored_pixels: Annotated[int, Field(ge=0)]
    idempotency: Idempotency | None = None

    @property
    def class_images(self) -> tuple[int, ...]:
        """In how many images each class occurs, by class index."""
        columns = zip(*(entry.class_pixels for entry in self.entries), strict=True)
        return tuple(sum(pixels > 0 for pixels in column) for column in columns)


def labelset_digest(labels: LabelSchema, entries: tuple[LabelsetEntry, ...]) -> str:
    """The digest of a labelset's content: schema, and name, image and mask of every entry in order of name."""
    pinned = sorted((entry.name, entry.image.sha256, entry.mask.sha256) for entry in entries)
    return digest_of({"labels": labels.model_dump(mode="json"), "entries": pinned})
