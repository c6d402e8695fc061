"""What a COCO file is made of, as far as labels need it (cocodataset.org/#format-data).

Fields that are not used are passed over: every tool writes some. Habits of tools that can mean only one thing
are accepted: one polygon without the list around it, `null` and empty lists for "none".
"""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

Index = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Polygon = tuple[float, ...]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


def _kind_of_counts(value: object) -> str:
    return "text" if isinstance(value, str | bytes) else "numbers"


def _kind_of_region(value: object) -> str:
    kinds: dict[type, str] = {list: "polygons", dict: "runs", type(None): "nothing"}
    return kinds.get(type(value), "region" if isinstance(value, Runs) else "polygons")


def _plain_region(value: object) -> object:
    """`None` for the ways to say "no region"; one flat polygon as a list of one polygon."""
    if not value:
        return None
    if isinstance(value, tuple):
        value = list(value)
    if isinstance(value, list):
        if all(isinstance(one, int | float) and not isinstance(one, bool) for one in value):
            return [value]
        return [one for one in value if one != []] or None
    if not isinstance(value, dict | Runs):
        raise ValueError("expected a list of polygons, or run lengths as {size, counts}")  # noqa: TRY004 - pydantic's word
    return value


def _empty_as_none(value: object) -> object:
    return None if value in ([], {}, "") else value


def _none_as_empty(value: object) -> object:
    return () if value is None else value


class Runs(_Part):
    """A region as run lengths: numbers, or their compressed text. `size` is (height, width)."""

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
    | Annotated[Runs, Tag("runs")]
    | Annotated[None, Tag("nothing")],
    Discriminator(_kind_of_region),
    BeforeValidator(_plain_region),
]


class Annotation(_Part):
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
        """How many corners or runs its region has."""
        if isinstance(self.segmentation, Runs):
            return self.segmentation.num_vertices
        return sum(len(polygon) // 2 for polygon in self.segmentation or ())

    @property
    def has_region(self) -> bool:
        """Whether the object has a region. The box around keypoints, drawn as its four corners, is none."""
        return self.segmentation is not None and not self._is_box_of_keypoints

    @property
    def _is_box_of_keypoints(self) -> bool:
        """Our own exports have it, since COCOeval reads a region of every object."""
        if self.bbox is None or isinstance(self.segmentation, Runs) or not self.has_keypoints:
            return False
        left, top, width, height = self.bbox
        right, bottom = left + width, top + height
        return self.segmentation == ((left, top, right, top, right, bottom, left, bottom),)

    @property
    def has_keypoints(self) -> bool:
        """Whether any of its keypoints is labelled."""
        return any(self.keypoints[2::3]) if self.keypoints else False


class Category(_Part):
    """What an object may be. `skeleton` joins keypoints by their number, from 1 on; `skeletons.py` reads it."""

    id: Index
    name: str
    supercategory: str | None = None
    keypoints: Annotated[tuple[str, ...], BeforeValidator(_none_as_empty)] = ()
    skeleton: Any = None


class Picture(_Part):
    """An image that the file speaks of."""

    id: Index
    file_name: str
    width: int
    height: int
