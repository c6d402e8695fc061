"""The tasks that a label generator can learn, and how contracts hold what belongs to one of them.

Three tasks have their own fields, one row each in `TASK_FIELDS`. Any other task keeps its parts under its
own name: its schema in `LabelSchema`, its label in `LabelsetEntry`, its measures in `TaskMetrics`. The place where such
a part enters (an upload) validates it with the task's own model; inside the service it is read back as it was written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self, cast

from pydantic import ConfigDict, StringConstraints, WithJsonSchema

from contracts.base import Model


@dataclass(frozen=True)
class TaskFields:
    """The fields of one task, each with its value where the task is absent.

    `schema`: of `LabelSchema`; the first of them declares the task. `entry`: of `LabelsetEntry`; the first of them is
    the label's file.
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
        """Return a copy with the fields in `absent` set to their values, and the parts of `tasks` alone."""
        kept = {name: part for name, part in self.parts.items() if name in tasks}
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        copy = type(self).model_construct(self.model_fields_set, **{**fields, **absent, **kept})
        return cast("Self", copy)  # the checker names the class that declares this method


def rows_without(tasks: Sequence[TaskName]) -> list[TaskFields]:
    """Return the rows of the tasks that are not in `tasks`."""
    return [row for row in TASK_FIELDS if row.task not in tasks]
