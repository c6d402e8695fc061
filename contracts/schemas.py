"""The label schema: which kinds of label there are (classes, keypoints, depth) and what each means.

The same model describes labelset.json of an upload, the requests of fits and batches, and their answers.

Three tasks have their own fields, one row each in `TASK_FIELDS`. Any other task keeps its parts under its own name: its
schema in `LabelSchema`, its label in `LabelsetEntry`, its measures in `TaskMetrics`. An upload validates such a part
with the task's model; inside the service it is read as it was written.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self, cast

from pydantic import (
    AfterValidator,
    AliasChoices,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from contracts.base import Model


@dataclass(frozen=True)
class TaskFields:
    """The fields of one task, each with its value when the task is absent.

    `schema` has fields of `LabelSchema`; the first one declares the task. `entry` has fields of `LabelsetEntry`; the
    first one is the file of the label.
    """

    task: str
    schema: Mapping[str, Any]
    entry: Mapping[str, Any]


TASK_FIELDS = (
    TaskFields(
        "segmentation",
        schema={"classes": (), "colors": None},
        entry={"mask": None, "class_pixels": (), "ignored_pixels": 0},
    ),
    TaskFields(
        "keypoints", schema={"keypoints": None}, entry={"keypoints": None, "visibility": ()}
    ),
    TaskFields("depth", schema={"depth": None}, entry={"depth": None, "depth_range": None}),
)

TASK_NAMES = tuple(row.task for row in TASK_FIELDS)
"""The tasks with their own fields, in the order in which all lists name tasks; other tasks follow them."""

TaskName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$"),
    # The API's document names the tasks that every server has.
    WithJsonSchema({"enum": list(TASK_NAMES), "type": "string"}),
]

JsonObject = dict[str, Any]


class WithParts(Model):
    """A model with a part for each further task, under the task's name."""

    # The API's document shows the tasks that every server has, so it allows no other field.
    model_config = ConfigDict(extra="allow", json_schema_extra={"additionalProperties": False})

    @property
    def parts(self) -> dict[str, Any]:
        """The parts of the tasks that have no fields here."""
        return dict(self.model_extra or {})

    def _without(self, absent: Mapping[str, Any], tasks: Sequence[TaskName]) -> Self:
        """Return a copy with the values of `absent`, and only the parts of `tasks`."""
        kept = {name: part for name, part in self.parts.items() if name in tasks}
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        copy = type(self).model_construct(self.model_fields_set, **{**fields, **absent, **kept})
        return cast("Self", copy)  # the checker names the class that declares this method


def rows_without(tasks: Sequence[TaskName]) -> list[TaskFields]:
    """Return the rows of the tasks that are not in `tasks`."""
    return [row for row in TASK_FIELDS if row.task not in tasks]


MAX_LABEL_VALUE = 255
"""Masks are 8 bits deep."""
MAX_DEPTH_VALUE = 65_535
"""Depth PNGs are 16 bits deep."""
MAX_KEYPOINTS = 256


def normalized(name: str) -> str:
    """Return a name in Unicode normalization form C, so that names that look the same are equal."""
    return unicodedata.normalize("NFC", name)


LabelName = Annotated[
    str,
    # No control characters: readers put names into tables, logs and file names.
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$"
    ),
    AfterValidator(normalized),
]
Byte = Annotated[int, Field(ge=0, le=255)]
Color = tuple[Byte, Byte, Byte]


class KeypointSchema(Model):
    """The keypoints by name, and the lines that join them.

    `reference` names two keypoints. Their distance is the length that errors are compared with (for a head: its top and
    the chin). Without it, that length is the height of the box around an image's keypoints.
    """

    names: Annotated[tuple[LabelName, ...], Field(min_length=1, max_length=MAX_KEYPOINTS)]
    skeleton: tuple[tuple[LabelName, LabelName], ...] = ()
    reference: tuple[LabelName, LabelName] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_distinct("keypoint", self.names)
        used = {name for line in self.skeleton for name in line} | set(self.reference or ())
        unknown = sorted(used - set(self.names))
        if unknown:
            raise ValueError(
                f"skeleton and reference may only name keypoints of the schema, not {', '.join(unknown)}"
            )
        if self.reference and self.reference[0] == self.reference[1]:
            raise ValueError(
                "reference needs two different keypoints: their distance is the length"
            )
        return self


class DepthSchema(Model):
    """The meaning of a depth map's values: a 16-bit value times `scale` is the depth in `unit`.

    `unknown` is the value of pixels without a known depth; None where every value is a depth.
    """

    unit: Annotated[str, StringConstraints(min_length=1, max_length=32)] = "m"
    scale: Annotated[float, Field(gt=0, le=1e6)]
    unknown: Annotated[int, Field(ge=0, le=MAX_DEPTH_VALUE)] | None = 0


class LabelSchema(WithParts):
    """The kinds of label: classes in the order of their index, keypoints, depth. At least one of the three.

    `ignore_index` means "no label here". `colors` has one color for each class, in the same order. Without it, viewers
    show the palette of PASCAL VOC. Input may spell it `colours`, as version 0.1 did.
    """

    __pydantic_extra__: dict[str, JsonObject] = Field(init=False)
    classes: Annotated[tuple[LabelName, ...], Field(max_length=255)] = ()
    ignore_index: Annotated[int, Field(ge=0, le=MAX_LABEL_VALUE)] = MAX_LABEL_VALUE
    colors: Annotated[
        tuple[Color, ...] | None, Field(validation_alias=AliasChoices("colors", "colours"))
    ] = None
    keypoints: KeypointSchema | None = None
    depth: DepthSchema | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.tasks:
            raise ValueError("nothing is labelled: give classes, keypoints or depth")
        if self.classes:
            self._check_classes()
        if self.colors is not None:
            self._check_colors(self.colors)
        return self

    @property
    def num_classes(self) -> int:
        """The number of classes, without the ignored value."""
        return len(self.classes)

    @property
    def tasks(self) -> tuple[TaskName, ...]:
        """The tasks that can be learned from such labels."""
        declared = {row.task: next(iter(row.schema)) for row in TASK_FIELDS}
        labelled = [task for task, field in declared.items() if getattr(self, field)]
        return (*labelled, *self.parts)

    def only(self, tasks: Sequence[TaskName]) -> Self:
        """Return the schema of these tasks only."""
        absent = {name: value for row in rows_without(tasks) for name, value in row.schema.items()}
        return self._without(absent, tasks)

    def _check_classes(self) -> None:
        if len(self.classes) == 1:
            raise ValueError("expected at least two classes, got one: name a background as well")
        _check_distinct("class", self.classes)
        if self.ignore_index < len(self.classes):
            raise ValueError(
                f"ignore_index {self.ignore_index} is also the index of class"
                f" '{self.classes[self.ignore_index]}'; choose one from {len(self.classes)} to 255"
            )

    def _check_colors(self, colors: tuple[Color, ...]) -> None:
        if len(colors) != len(self.classes):
            raise ValueError(
                f"there are {len(self.classes)} classes but {len(colors)} colors; give one for each class, in order"
            )
        if len(set(colors)) != len(colors):
            raise ValueError("two classes have the same color; give each class a different color")


def _check_distinct(what: str, names: tuple[str, ...]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(
            f"{what} names must differ, but {', '.join(repeated)} occur more than once"
        )
