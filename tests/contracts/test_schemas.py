"""The label schema."""

import pytest
from pydantic import ValidationError

from contracts.schemas import DepthSchema, KeypointSchema, LabelSchema

ALL = LabelSchema(
    classes=("background", "skin"),
    colors=((0, 0, 0), (9, 9, 9)),
    keypoints=KeypointSchema(names=("nose", "chin")),
    depth=DepthSchema(unit="m", scale=0.001),
)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "nothing is labelled"),
        ({"classes": ["skin"]}, "name a background"),
        ({"classes": ["skin", "skin"]}, "skin occur more than once"),
        ({"classes": [f"c{n}" for n in range(256)]}, "at most 255 items"),
        ({"classes": ["a", "b"], "colors": [[0, 0, 0]]}, "2 classes but 1 colors"),
        ({"classes": ["a", "b"], "colors": [[0, 0, 0]] * 2}, "the same color"),
        ({"classes": ["a", "b"], "colors": [[0, 0, 0], [0, 0, 256]]}, "less than or equal to 255"),
        ({"keypoints": {"names": []}}, "at least 1 item"),
        ({"keypoints": {"names": [f"p{n}" for n in range(257)]}}, "at most 256 items"),
        ({"keypoints": {"names": ["nose", "nose"]}}, "nose occur more than once"),
        ({"keypoints": {"names": ["nose"], "skeleton": [["nose", "toe"]]}}, "not toe"),
        ({"keypoints": {"names": ["nose"], "reference": ["nose", "nose"]}}, "two different"),
        ({"depth": {"unit": "m"}}, "Field required"),
        ({"depth": {"unit": "m", "scale": 0}}, "greater than 0"),
        ({"depth": {"unit": "m", "scale": 1, "unknown": 65_536}}, "less than or equal to 65535"),
    ],
)
def test_an_invalid_schema_is_refused(fields: dict[str, object], message: str) -> None:
    """The error says which limit or rule is broken."""
    with pytest.raises(ValidationError, match=message):
        LabelSchema.model_validate(fields)


def test_tasks_have_a_fixed_order() -> None:
    """It does not depend on the order of the fields."""
    assert ALL.tasks == ("segmentation", "keypoints", "depth")


def test_a_schema_of_some_tasks_is_a_schema() -> None:
    """It has no fields of the other tasks."""
    depth = ALL.only(["depth"])
    assert LabelSchema.model_validate(depth.model_dump()) == depth
    assert (depth.tasks, depth.num_classes, depth.colors) == (("depth",), 0, None)


def test_the_spelling_of_version_0_1_can_be_read() -> None:
    """`colours` is read as `colors`, and written as `colors`."""
    fields = {"classes": ["a", "b"], "colours": [[0, 0, 0], [9, 9, 9]]}
    schema = LabelSchema.model_validate(fields)
    assert schema.colors == ((0, 0, 0), (9, 9, 9))
    assert "colours" not in schema.model_dump()


def test_a_further_task_keeps_its_part_under_its_name() -> None:
    """A task without its own fields follows the others, can be written as JSON, and is selected by `only`."""
    labels = LabelSchema.model_validate({"depth": {"scale": 1}, "normals": {"space": "camera"}})
    again = LabelSchema.model_validate_json(labels.model_dump_json())
    assert again == labels
    assert again.tasks == ("depth", "normals")
    assert again.parts == {"normals": {"space": "camera"}}
    assert again.only(["normals"]).model_dump(exclude_defaults=True) == {
        "normals": {"space": "camera"}
    }
    assert again.only(["depth"]).parts == {}


def test_a_part_that_is_not_an_object_is_refused() -> None:
    """A misspelt field is not taken for a task."""
    with pytest.raises(ValidationError, match="clases"):
        LabelSchema.model_validate({"classes": ["a", "b"], "clases": ["a"]})
