"""Advice for the owner of a fit, in plain sentences: what to add for better labels, and what to check."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from contracts.fits.metrics import Estimate, InvertedImage
from contracts.labelsets import LabelsetManifest
from workers.codecs.task import FEW_IMAGES, TaskCodec

ENOUGH_IMAGES = 8
"""A class or keypoint in fewer than `FEW_IMAGES` images should be in this many."""
MAX_LINES = 20
MAX_NAMES = 5


def advise(
    codecs: Sequence[TaskCodec],
    labelset: LabelsetManifest,
    images: tuple[InvertedImage, ...],
    estimate: Estimate | None,
) -> tuple[str, ...]:
    """Return at most `MAX_LINES` lines, the most useful first. `codecs` are those of the labelset's tasks."""
    return tuple(islice(_lines(codecs, labelset, images, estimate), MAX_LINES))


def _lines(
    codecs: Sequence[TaskCodec],
    labelset: LabelsetManifest,
    images: tuple[InvertedImage, ...],
    estimate: Estimate | None,
) -> Iterator[str]:
    yield from _inexpressible(images)
    for codec in codecs:
        yield from _rare(*codec.rare(labelset))
    for codec in codecs:
        count = labelset.num_labelled(codec.name)
        if count < min(ENOUGH_IMAGES, len(labelset.entries)):
            yield f"only {count} images have {codec.noun}; add {ENOUGH_IMAGES - count}"
    if estimate is not None:
        for codec in codecs:
            yield from codec.weaknesses(labelset, estimate)
        worst = ", ".join(image.name for image in estimate.worst_images[:3])
        yield f"worst predictions in cross-validation: {worst}; check their labels, or add similar images"


def _inexpressible(images: tuple[InvertedImage, ...]) -> Iterator[str]:
    names = [image.name for image in images if not image.is_expressible]
    if names:
        shown = ", ".join(names[:MAX_NAMES]) + (", ..." if len(names) > MAX_NAMES else "")
        yield (
            f"the generator cannot express {len(names)} of {len(images)} images ({shown}), so their labels help"
            " little; crop and align them like its training images, or remove them"
        )


def _rare(noun: str, counts: Mapping[str, int]) -> Iterator[str]:
    for name, count in sorted(counts.items(), key=lambda one: one[1]):
        if count < FEW_IMAGES:
            images = "image" if count == 1 else "images"
            yield f"{noun} {name} has {count} {images}; add {ENOUGH_IMAGES - count}"
