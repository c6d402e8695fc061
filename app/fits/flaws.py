"""Flaws of labelsets against a generator and against each other. Fits, and what builds on them, report them."""

from collections.abc import Iterator

from contracts.errors.tree import Flaw
from contracts.generators.generator import PinnedGenerator, StoredGenerator
from contracts.labelsets import LabelsetManifest
from contracts.schemas import LabelSchema


def aspect_flaws(
    pointer: str,
    labelset: LabelsetManifest,
    generator: StoredGenerator | PinnedGenerator,
    *,
    owner: str | None = None,
) -> Iterator[Flaw]:
    """Yield the images without the generator's aspect ratio, within one pixel: they are resized to its size.

    `owner` is what has the images, by default the labelset's id.
    """
    height_px, width_px = generator.height_px, generator.width_px
    for entry in labelset.entries:
        difference = abs(entry.width_px * height_px - entry.height_px * width_px)
        if difference > max(height_px, width_px):
            detail = (
                f"Image '{entry.name}' of {owner or labelset.id} is {entry.width_px} x {entry.height_px}, but the"
                f" images of generator '{generator.id}' are {width_px} x {height_px}. Crop image and mask to that"
                " aspect ratio and upload the labelset again."
            )
            yield Flaw(pointer=pointer, file=entry.name, detail=detail)


def condition_flaws(
    pointer: str,
    labelset: LabelsetManifest,
    generator: StoredGenerator,
    *,
    owner: str | None = None,
) -> Iterator[Flaw]:
    """Yield the conditions of images that the generator does not have. `owner` is that of `aspect_flaws`."""
    if labelset.condition_images and not generator.num_classes:
        detail = (
            f"The images of {owner or labelset.id} have conditions, but generator '{generator.id}' has no classes. Use"
            " a class-conditional generator, or upload the labelset without conditions."
        )
        yield Flaw(pointer=pointer, detail=detail)
        return
    for entry in labelset.entries:
        if entry.condition is not None and entry.condition >= generator.num_classes:
            detail = (
                f"Image '{entry.name}' of {owner or labelset.id} has condition {entry.condition}, but the classes of"
                f" generator '{generator.id}' are 0 to {generator.num_classes - 1}. Correct it and upload the labelset"
                " again."
            )
            yield Flaw(pointer=pointer, file=entry.name, detail=detail)


def meaning_flaws(
    pointer: str, ours: LabelSchema, theirs: LabelSchema, *, owner: str = "the labelset"
) -> Iterator[Flaw]:
    """Yield the parts of a schema with another meaning than in `ours`, the schema of `owner`, where both have them."""
    for what, expected, actual in _meanings(ours, theirs):
        if expected != actual:
            detail = (
                f"Its {what} are {', '.join(actual)}, but those of {owner} are {', '.join(expected)}."
                f" Upload it with the same {what} in the same order."
            )
            yield Flaw(pointer=pointer, detail=detail)


def _meanings(
    ours: LabelSchema, theirs: LabelSchema
) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Yield the parts that must be equal in two schemas, where both have them: name, ours, theirs."""
    if ours.classes and theirs.classes:
        yield "classes", ours.classes, theirs.classes
    if ours.keypoints and theirs.keypoints:
        yield "keypoints", ours.keypoints.names, theirs.keypoints.names
    if ours.depth and theirs.depth:
        yield "units of depth", (ours.depth.unit,), (theirs.depth.unit,)
