"""What is answered about a labelset."""

from app.links import Links
from contracts.ids import LabelsetId
from contracts.labelsets import LabelSchema, LabelsetManifest
from contracts.shapes import Sha256, Shape, Timestamp


class ClassCount(Shape):
    """How often a class occurs: in how many images and how many pixels."""

    name: str
    num_images: int
    num_pixels: int


class EntryView(Shape):
    """One labelled image."""

    name: str
    height_px: int
    width_px: int


class LabelsetSummary(Shape):
    """A labelset as a list shows it."""

    id: LabelsetId
    name: str
    created_at: Timestamp
    digest: Sha256
    num_images: int
    labels: LabelSchema
    classes: tuple[ClassCount, ...]
    ignored_pixels: int
    links: dict[str, str]


class LabelsetView(LabelsetSummary):
    """A labelset with its images by name."""

    entries: tuple[EntryView, ...]


def show_summary(labelset: LabelsetManifest, links: Links) -> LabelsetSummary:
    """The answer about a labelset in a list."""
    counts = zip(labelset.labels.classes, labelset.class_images, labelset.class_pixels, strict=True)
    return LabelsetSummary(
        id=labelset.id,
        name=labelset.name,
        created_at=labelset.created_at,
        digest=labelset.digest,
        num_images=len(labelset.entries),
        labels=labelset.labels,
        classes=tuple(
            ClassCount(name=name, num_images=images, num_pixels=pixels)
            for name, images, pixels in counts
        ),
        ignored_pixels=labelset.ignored_pixels,
        links={"self": links.resource("labelsets", labelset.id)},
    )


def show_labelset(labelset: LabelsetManifest, links: Links) -> LabelsetView:
    """The answer about one labelset."""
    entries = tuple(
        EntryView(name=entry.name, height_px=entry.height_px, width_px=entry.width_px)
        for entry in labelset.entries
    )
    return LabelsetView(entries=entries, **dict(show_summary(labelset, links)))
