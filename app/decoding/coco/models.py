"""The pydantic models of a COCO file, with the fields that labels need (cocodataset.org/#format-data).

Unused fields are ignored, because every tool adds some. Unambiguous deviations of tools are accepted: one polygon
without the list around it, `null` and empty lists for "none".
"""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from contracts.base import Condition

Index = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Polygon = tuple[float, ...]


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


def _kind_of_counts(value: object) -> str:
    return "text" if isinstance(value, str | bytes) else "numbers"


def _kind_of_region(value: object) -> str:
    kinds: dict[type, str] = {list: "polygons", dict: "runs", type(None): "nothing"}
    return kinds.get(type(value), "region" if isinstance(value, RunLengths) else "polygons")


def _plain_region(value: object) -> object:
    """Return None for every spelling of "no region", and one flat polygon as a list of one polygon."""
    if not value:
        return None
    if isinstance(value, tuple):
        value = list(value)
    if isinstance(value, list):
        if all(isinstance(one, int | float) and not isinstance(one, bool) for one in value):
            return [value]
        return [one for one in value if one != []] or None
    if not isinstance(value, dict | RunLengths):
        raise ValueError("expected a list of polygons, or run lengths as {size, counts}")  # noqa: TRY004 - pydantic expects ValueError
    return value


def _empty_as_none(value: object) -> object:
    return None if value in ([], {}, "") else value


def _whole_number(value: object) -> object:
    """Return a whole number, or None for a field of the same name with another meaning."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _none_as_empty(value: object) -> object:
    return () if value is None else value


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
    BeforeValidator(_plain_region),
]


class Annotation(_Model):
    """One object in one image. `bbox` is x, y, width, height in pixels."""

    id: Any = None
    image_id: Index
    category_id: Index
    segmentation: Segmentation = None
    bbox: Annotated[tuple[float, float, float, float] | None, BeforeValidator(_empty_as_none)] = (
        None
    )
    keypoints: Annotated[Polygon | None, BeforeValidator(_empty_as_none)] = None
    iscrowd: Annotated[bool, BeforeValidator(bool)] = False

    @property
    def num_vertices(self) -> int:
        """Return the number of corners or runs of its region."""
        if isinstance(self.segmentation, RunLengths):
            return self.segmentation.num_vertices
        return sum(len(polygon) // 2 for polygon in self.segmentation or ())

    @property
    def has_region(self) -> bool:
        """Return whether the object has a region; the box of its keypoints, as a polygon, does not count."""
        return self.segmentation is not None and not self._is_box_of_keypoints

    @property
    def _is_box_of_keypoints(self) -> bool:
        """Return whether the region is only the box. The service's exports add it, because COCOeval needs a region."""
        if self.bbox is None or isinstance(self.segmentation, RunLengths) or not self.has_keypoints:
            return False
        left, top, width, height = self.bbox
        right, bottom = left + width, top + height
        return self.segmentation == ((left, top, right, top, right, bottom, left, bottom),)

    @property
    def has_keypoints(self) -> bool:
        """Return whether any of its keypoints is labelled."""
        return any(self.keypoints[2::3]) if self.keypoints else False


class Category(_Model):
    """A category of objects. `skeleton` connects keypoints by number, starting at 1; `classes.py` reads it."""

    id: Index
    name: str
    supercategory: str | None = None
    keypoints: Annotated[tuple[str, ...], BeforeValidator(_none_as_empty)] = ()
    skeleton: Any = None


def _run_lengths(value: object) -> object:
    """Return run lengths, or None for a field of the same name with another meaning."""
    return value if isinstance(value, dict) and {"size", "counts"} <= value.keys() else None


class CocoImage(_Model):
    """An image that the file describes.

    `condition` is its class for a class-conditional generator, `ignored` its pixels without a class: fields of ours.
    """

    id: Index
    file_name: str
    width: int
    height: int
    condition: Annotated[Condition | None, BeforeValidator(_whole_number)] = None
    ignored: Annotated[RunLengths | None, BeforeValidator(_run_lengths)] = None

    @property
    def num_vertices(self) -> int:
        """Return the number of runs of its ignored pixels."""
        return self.ignored.num_vertices if self.ignored else 0
