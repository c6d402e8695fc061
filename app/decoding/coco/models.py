"""The pydantic models of a COCO file, with the fields that labels need (cocodataset.org/#format-data).

Unused fields are ignored, because every tool adds some. Unambiguous deviations of tools are accepted; `plain.py` turns
them into the usual form.
"""

from typing import Annotated, Any

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
)

from app.decoding.coco import plain
from contracts.base import Condition

Index = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Identity = Annotated[int | str, PlainValidator(plain.identity)]
"""An id: a whole number, or text as in exports of newer tools."""
Polygon = tuple[float, ...]
Box = tuple[float, float, float, float]


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


def _kind_of_counts(value: object) -> str:
    return "text" if isinstance(value, str | bytes) else "numbers"


def _kind_of_region(value: object) -> str:
    kinds: dict[type, str] = {list: "polygons", dict: "runs", type(None): "nothing"}
    return kinds.get(type(value), "region" if isinstance(value, RunLengths) else "polygons")


class RunLengths(_Model):
    """A region as run lengths: numbers or compressed text. `size` is (height, width)."""

    size: tuple[int, int]
    counts: Annotated[
        Annotated[tuple[Index, ...], Tag("numbers")] | Annotated[str, Tag("text")],
        Discriminator(_kind_of_counts),
    ]

    @property
    def num_vertices(self) -> int:
        return len(self.counts)


Segmentation = Annotated[
    Annotated[tuple[Polygon, ...], Tag("polygons")]
    | Annotated[RunLengths, Tag("runs")]
    | Annotated[None, Tag("nothing")],
    Discriminator(_kind_of_region),
    BeforeValidator(plain.region),
]


class Annotation(_Model):
    """One object in one image. `bbox` is x, y, width, height in pixels; other forms of boxes are not used."""

    id: Any = None
    image_id: Identity
    category_id: Identity
    segmentation: Segmentation = None
    bbox: Any = None
    keypoints: Annotated[Polygon | None, BeforeValidator(plain.keypoints)] = None
    iscrowd: Annotated[bool, BeforeValidator(plain.flag)] = False

    @property
    def num_vertices(self) -> int:
        """Return the number of corners or runs of its region."""
        if isinstance(self.segmentation, RunLengths):
            return self.segmentation.num_vertices
        return sum(len(polygon) // 2 for polygon in self.segmentation or ())

    @property
    def polygons(self) -> tuple[Polygon, ...]:
        """Return its polygons without those of one or two corners, which have no area: cropping leaves such rests."""
        if isinstance(self.segmentation, RunLengths):
            return ()
        return tuple(one for one in self.segmentation or () if len(one) not in (2, 4))

    @property
    def is_incomplete(self) -> bool:
        """Return whether it has polygons of one or two corners."""
        if isinstance(self.segmentation, RunLengths):
            return False
        return len(self.polygons) < len(self.segmentation or ())

    @property
    def has_region(self) -> bool:
        """Return whether it has run lengths or a polygon."""
        return isinstance(self.segmentation, RunLengths) or bool(self.polygons)

    @property
    def box(self) -> Box | None:
        """Return its box; None if it has none of four numbers."""
        return plain.box(self.bbox)

    @property
    def is_box_of_keypoints(self) -> bool:
        """Return whether its region is only the box of its keypoints, as in the service's exports."""
        if self.box is None or not self.has_keypoints:
            return False
        left, top, width, height = self.box
        right, bottom = left + width, top + height
        return self.segmentation == ((left, top, right, top, right, bottom, left, bottom),)

    @property
    def has_keypoints(self) -> bool:
        """Return whether any of its keypoints is labelled."""
        return any(self.keypoints[2::3]) if self.keypoints else False


class Category(_Model):
    """A category of objects. `skeleton` connects keypoints by number, starting at 1; `classes.py` reads it."""

    id: Identity
    name: Annotated[str, BeforeValidator(plain.text)]
    supercategory: Annotated[str | None, BeforeValidator(plain.text_or_none)] = None
    keypoints: Annotated[tuple[str, ...], BeforeValidator(plain.texts)] = ()
    skeleton: Any = None

    @property
    def order(self) -> tuple[bool, Any]:
        """Return a key for the order of ids: numbers first, then texts."""
        return isinstance(self.id, str), self.id

    @property
    def is_of_export(self) -> bool:
        """Return whether it is the category of keypoints in the service's exports, `keypoints` or `keypoints_`."""
        return self.name.rstrip("_") == "keypoints" and bool(self.keypoints)


def _run_lengths(value: object) -> object:
    """Return run lengths, or None for a field of the same name with another meaning."""
    return value if isinstance(value, dict) and {"size", "counts"} <= value.keys() else None


class CocoImage(_Model):
    """An image that the file describes. LVIS has `coco_url` instead of `file_name`. Without a size, any is accepted.

    `condition` is its class for a class-conditional generator, `ignored` its pixels without a class: fields of ours.
    """

    id: Identity
    file_name: Annotated[str, Field(validation_alias=AliasChoices("file_name", "coco_url"))]
    width: Annotated[int | None, BeforeValidator(plain.nothing_for_zero)] = None
    height: Annotated[int | None, BeforeValidator(plain.nothing_for_zero)] = None
    condition: Annotated[Condition | None, BeforeValidator(plain.whole_number)] = None
    ignored: Annotated[RunLengths | None, BeforeValidator(_run_lengths)] = None

    @property
    def num_vertices(self) -> int:
        """Return the number of runs of its ignored pixels."""
        return self.ignored.num_vertices if self.ignored else 0
