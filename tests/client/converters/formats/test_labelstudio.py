"""Label Studio JSON: percent units, brushes, keypoints, annotators, paths of images."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from handsoff_client.converters.formats.labelstudio import convert
from handsoff_shards.errors import InvalidInput
from tests.client.converters.bits import pack
from tests.client.converters.conftest import Export, Result, save_image

Convert = Callable[..., Result]
LEFT = [[0, 0], [50, 0], [50, 100], [0, 100]]
"""The left half, in percent."""


def result(kind: str, labels: list[str], identity: str = "r1", **value: Any) -> dict[str, Any]:
    """Return one result on an image of 8 x 6."""
    kind = f"{kind}labels"
    own = {"original_width": 8, "original_height": 6, "image_rotation": 0}
    return own | {"id": identity, "type": kind, "value": {kind: labels, **value}}


def task(*results: dict[str, Any], url: str = "/data/upload/3/1a2b3c4d-a.png") -> dict[str, Any]:
    """Return a task with one annotation."""
    annotation = {"id": 5, "completed_by": 1, "was_cancelled": False, "result": list(results)}
    return {"id": 7, "data": {"image": url}, "annotations": [annotation]}


@pytest.fixture
def of(export: Export, converted: Convert) -> Convert:
    """Convert tasks on the image a.png of 8 x 6."""

    def run(*tasks: dict[str, Any], **choices: Any) -> Result:
        folder = export({"project.json": json.dumps(tasks)})
        save_image(folder / "media" / "a.png")
        return converted(convert, folder / "project.json", images=folder / "media", **choices)

    return run


def test_polygons_are_in_percent(of: Convert) -> None:
    """A later result is in front; classes are in alphabetical order, and a note says so."""
    whole = [[0, 0], [100, 0], [100, 100], [0, 100]]
    tasks = task(
        result("polygon", ["hair"], points=whole), result("polygon", ["eye"], "r2", points=LEFT)
    )
    converted = of(tasks)
    assert converted.masks["a"] == [[1] * 4 + [2] * 4] * 6
    assert converted.schema["classes"] == ["background", "eye", "hair"]
    assert "alphabetical order" in converted.notes


def test_classes_set_the_order(of: Convert) -> None:
    """And refuse a label that they lack."""
    one = task(result("polygon", ["hair"], points=LEFT))
    assert of(one, classes=["eye", "hair"]).masks["a"][0] == [2] * 4 + [0] * 4
    with pytest.raises(InvalidInput, match="label 'hair' is not one of --classes eye"):
        of(one, classes=["eye"])


def test_a_brush_is_decoded(of: Convert) -> None:
    """Its run lengths are RGBA values, of which the last one counts."""
    alpha = np.zeros((6, 8), np.uint8)
    alpha[1:3, 2:7] = 255
    rle = pack(np.repeat(alpha.ravel(), 4).tolist())
    converted = of(task(result("brush", ["hair"], format="rle", rle=rle)))
    assert converted.masks["a"] == (alpha > 0).astype(int).tolist()


def test_a_brush_of_another_size_is_refused(of: Convert) -> None:
    """The message names task and result."""
    with pytest.raises(InvalidInput, match=r"task 7.*result r1.*expected 192 values, got 16"):
        of(task(result("brush", ["hair"], rle=pack([0] * 16))))


def test_a_rotated_rectangle_turns_in_pixels(of: Convert) -> None:
    """Rotation follows after the scaling, around the upper left corner."""
    box = result("rectangle", ["eye"], x=50, y=0, width=50, height=50, rotation=90)
    with pytest.raises(InvalidInput, match=r"a rectangle of 'eye'.*--boxes-as-masks"):
        of(task(box))
    mask = of(task(box), boxes_as_masks=True).masks["a"]
    assert mask == [[0, 1, 1, 1, 0, 0, 0, 0]] * 4 + [[0] * 8] * 2


def test_a_size_may_be_written_with_a_point(of: Convert) -> None:
    """Scripts that use the API write 8.0."""
    nose = result("keypoint", ["nose"], x=50, y=25, width=1) | {
        "original_width": 8.0,
        "original_height": 6.0,
    }
    assert of(task(nose)).keypoints["a"][0]["x"] == 4.0


def test_keypoints_are_continuous(of: Convert) -> None:
    """50% of 8 pixels is 4.0; the same label twice is refused."""
    nose = result("keypoint", ["nose"], x=50, y=25, width=1)
    assert of(task(nose)).keypoints["a"] == [{"name": "nose", "x": 4.0, "y": 1.5, "visibility": 2}]
    with pytest.raises(InvalidInput, match="one keypoint 'nose', got two"):
        of(task(nose, nose | {"id": "r2"}))


def test_a_label_in_a_separate_result_counts(of: Convert) -> None:
    """The tags Labels and Polygon write two results with one id."""
    shape = {"original_width": 8, "original_height": 6, "id": "x"}
    shapes = (
        shape | {"type": "polygon", "value": {"points": LEFT}},
        shape | {"type": "labels", "value": {"points": LEFT, "labels": ["hair"]}},
    )
    assert of(task(*shapes)).masks["a"][0] == [1] * 4 + [0] * 4


@pytest.mark.parametrize("labels", [[], ["eye", "hair"]])
def test_a_region_has_one_label(of: Convert, labels: list[str]) -> None:
    """With none or several, the class is unknown."""
    with pytest.raises(InvalidInput, match="result r1: expected one label"):
        of(task(result("polygon", labels, points=LEFT)))


def test_several_annotators_need_a_choice(of: Convert) -> None:
    """By id or email."""
    both = task(result("polygon", ["hair"], points=LEFT))
    other = {
        "completed_by": {"id": 2, "email": "b@x.org"},
        "result": [result("polygon", ["eye"], points=LEFT)],
    }
    both["annotations"].append(other)
    with pytest.raises(InvalidInput, match=r"got 2 \(annotators 1, b@x.org\).*--annotator"):
        of(both)
    assert of(both, annotator="b@x.org").schema["classes"] == ["background", "eye"]
    assert of(both, annotator="1").schema["classes"] == ["background", "hair"]


def test_cancelled_annotations_are_skipped(of: Convert) -> None:
    """With a note, so that the other one is used."""
    one = task(result("polygon", ["hair"], points=LEFT))
    one["annotations"].insert(0, {"was_cancelled": True, "result": []})
    converted = of(one)
    assert converted.images == ["a.png"]
    assert "cancelled (skipped) annotations are not used" in converted.notes


def test_an_empty_annotation_is_background(of: Convert, export: Export) -> None:
    """It was submitted without objects. A task without annotation is left out."""
    save_image(export({}) / "media" / "b.png")
    unlabelled = {
        "id": 9,
        "data": {"image": "b.png"},
        "annotations": [],
        "predictions": [{"result": []}],
    }
    empty = task(url="b.png")
    labelled = task(result("polygon", ["hair"], points=LEFT))
    assert of(labelled, empty).masks["b"] == [[0] * 8] * 6
    converted = of(labelled, unlabelled)
    assert [image.file.name for image in converted.conversion.images] == ["a.png"]
    assert "tasks without an annotation are left out" in converted.notes
    assert len(of(labelled, unlabelled, missing_is_background=True).masks) == 2


@pytest.mark.parametrize(
    "url",
    [
        "/data/upload/3/1a2b3c4d-a.png",
        "/data/local-files/?d=media%2Fa.png",
        "s3://bucket/some/a.png",
        "https://host/x/a.png?token=1",
        "a.png",
    ],
)
def test_addresses_of_images(of: Convert, url: str) -> None:
    """Uploads have a prefix of 8 digits, local files a parameter, buckets and web pages a path."""
    assert of(task(result("polygon", ["hair"], points=LEFT), url=url)).images == ["a.png"]


def test_several_images_of_a_task_need_a_key(of: Convert) -> None:
    """The field of data is chosen."""
    one = task(result("polygon", ["hair"], points=LEFT))
    one["data"]["other"] = "b.png"
    with pytest.raises(
        InvalidInput, match=r"expected one image in data, got 2 \(image, other\).*--image-key"
    ):
        of(one)
    assert of(one, image_key="image").images == ["a.png"]


def test_a_rotated_view_is_refused(of: Convert) -> None:
    """Coordinates belong to the rotated image then."""
    shape = result("polygon", ["hair"], points=LEFT) | {"image_rotation": 90}
    with pytest.raises(InvalidInput, match="rotated by 90 degrees"):
        of(task(shape))


def test_results_of_several_images_are_refused(of: Convert) -> None:
    """One image in a task: else the labels of another image would be drawn."""
    one = result("polygon", ["hair"], points=LEFT) | {"to_name": "front"}
    other = result("polygon", ["eye"], "r2", points=LEFT) | {"to_name": "side"}
    with pytest.raises(InvalidInput, match=r"of 2 images \(front, side\)"):
        of(task(one, other))


def test_json_min_is_refused(of: Convert) -> None:
    """The message names the right export."""
    with pytest.raises(InvalidInput, match='Export the project as "JSON"'):
        of({"image": "a.png", "label": [{"points": LEFT}]})


def test_text_results_are_noted(of: Convert) -> None:
    """Choices and texts do not label pixels."""
    choice = {"id": "c", "type": "choices", "value": {"choices": ["good"]}}
    assert (
        "type 'choices' are not used"
        in of(task(result("polygon", ["hair"], points=LEFT), choice)).notes
    )
