"""COCO files of Roboflow exports: regions, run lengths, poses, crowds and splits."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from handsoff_client.converters.formats.coco_content import decompress
from handsoff_client.converters.formats.roboflow import convert
from handsoff_shards.errors import InvalidInput
from handsoff_shards.regions import run_lengths
from tests.client.converters.conftest import TURNED, Export, Result, save_image

Convert = Callable[..., Result]
LEFT = [0, 0, 4, 0, 4, 6, 0, 6]
ROOT = {"id": 0, "name": "animals", "supercategory": "none"}
CAT = {"id": 1, "name": "cat", "supercategory": "animals"}
DOG = {"id": 3, "name": "dog", "supercategory": "animals"}


def coco(
    *annotations: dict[str, Any], categories: tuple[dict[str, Any], ...] = (ROOT, CAT, DOG)
) -> str:
    """Return a COCO file of one image a.png of 8 x 6."""
    content = {
        "images": [{"id": 0, "file_name": "a.png", "width": 8, "height": 6}],
        "categories": categories,
        "annotations": [
            {"id": number, "image_id": 0, "category_id": 1, "iscrowd": 0} | one
            for number, one in enumerate(annotations)
        ],
    }
    return json.dumps(content)


@pytest.fixture
def of(export: Export, converted: Convert) -> Convert:
    """Convert a COCO file with one image in the split train."""

    def run(text: str, **choices: Any) -> Result:
        folder = export({"train/_annotations.coco.json": text})
        save_image(folder / "train" / "a.png")
        return converted(convert, folder, **choices)

    return run


def test_coco_polygons(of: Convert) -> None:
    """The unused root category is no class, ids may have gaps, the smaller object is in front."""
    whole = [0, 0, 8, 0, 8, 6, 0, 6]
    result = of(coco({"segmentation": [LEFT], "category_id": 3}, {"segmentation": [whole]}))
    assert result.masks["a"] == [[2] * 4 + [1] * 4] * 6
    assert result.schema["classes"] == ["background", "cat", "dog"]
    assert result.conversion.tool == "Roboflow COCO"


def test_a_root_named_as_its_class(of: Convert) -> None:
    """The name is one class; an unused class that is its own parent stays a class."""
    root, child = CAT | {"id": 0, "supercategory": "none"}, CAT | {"supercategory": "cat"}
    bird = {"id": 2, "name": "bird", "supercategory": "bird"}
    result = of(coco({"segmentation": [LEFT]}, categories=(root, child, bird)))
    assert result.schema["classes"] == ["background", "cat", "bird"]


@pytest.mark.parametrize("is_compressed", [True, False])
def test_coco_run_lengths(of: Convert, *, is_compressed: bool) -> None:
    """Plain and compressed, down the columns."""
    mask = np.zeros((6, 8), np.bool_)
    mask[1:4, 2:7] = mask[5, 0] = True
    text = run_lengths(mask)
    counts = text if is_compressed else decompress(text)
    result = of(coco({"segmentation": {"size": [6, 8], "counts": counts}}))
    assert result.masks["a"] == mask.astype(int).tolist()


def test_damaged_run_lengths_are_refused(of: Convert) -> None:
    """The message names image and annotation."""
    runs = {"size": [6, 8], "counts": "P"}
    with pytest.raises(
        InvalidInput, match=r"image a.png.*annotation 0: the compressed run lengths end too early"
    ):
        of(coco({"segmentation": runs}))
    with pytest.raises(InvalidInput, match=r"run lengths of size \[6, 8\], got \[8, 6\]"):
        of(coco({"segmentation": runs | {"size": [8, 6]}}))


def test_crowds_are_ignored_pixels(of: Convert) -> None:
    """Unless all regions of the class are crowds, because some tools mark every run-length mask."""
    crowd = {"segmentation": [LEFT], "iscrowd": 1}
    single = {"segmentation": [[4, 0, 8, 0, 8, 6, 4, 6]]}
    assert of(coco(crowd, single)).masks["a"] == [[255] * 4 + [1] * 4] * 6
    assert of(coco(crowd)).masks["a"] == [[1] * 4 + [0] * 4] * 6


def test_coco_boxes_are_refused(of: Convert) -> None:
    """An object detection project has only boxes."""
    text = coco({"bbox": [0, 0, 4, 6], "segmentation": []})
    with pytest.raises(InvalidInput, match="--boxes-as-masks"):
        of(text)
    assert of(text, boxes_as_masks=True).masks["a"] == [[1] * 4 + [0] * 4] * 6


def test_coco_keypoints(of: Convert) -> None:
    """Whole numbers are indices of pixels, so 0.5 is added; the skeleton counts from 1."""
    face = {"id": 1, "name": "face", "keypoints": ["l", "r"], "skeleton": [[1, 2]]}
    points = {"keypoints": [2, 3, 2, 0, 0, 0], "bbox": [0, 0, 4, 4]}
    result = of(coco(points, categories=(face,)))
    assert result.keypoints["a"][0] == {"name": "l", "x": 2.5, "y": 3.5, "visibility": 2}
    assert result.schema["keypoints"] == {"names": ["l", "r"], "skeleton": [["l", "r"]]}
    assert result.masks == {}
    continuous = of(coco(points | {"keypoints": [2.25, 3, 2, 0, 0, 0]}, categories=(face,)))
    assert continuous.keypoints["a"][0]["x"] == 2.25


@pytest.mark.parametrize("numbers", [[2, 3, 2, None, None, 0], [[2, 3, 2], [9.5, 9.5, 0]]])
def test_an_unlabelled_keypoint_needs_no_place(of: Convert, numbers: list[Any]) -> None:
    """Its coordinates do not count."""
    face = {"id": 1, "name": "face", "keypoints": ["l", "r"]}
    points = {"keypoints": numbers, "bbox": [0, 0, 4, 4]}
    left, right = of(coco(points, categories=(face,))).keypoints["a"]
    assert (left["x"], left["y"], right["visibility"]) == (2.5, 3.5, 0)


@pytest.mark.parametrize("visible", [0, 2])
def test_the_region_of_a_pose_is_kept(of: Convert, visible: int) -> None:
    """Also a rectangle like the box, and also if no point is labelled, wherever it is."""
    face = {"id": 1, "name": "face", "keypoints": ["l"]}
    pose = {"keypoints": [2, 3, visible], "bbox": [0, 0, 4, 6], "segmentation": [LEFT]}
    result = of(coco(pose, categories=(face,)))
    assert result.masks["a"] == [[1] * 4 + [0] * 4] * 6


@pytest.mark.parametrize(
    ("more", "is_noted"),
    [
        ([], True),
        ([[6, 0, 8, 0, 8, 6]], False),
        ([{"size": [6, 8], "counts": [42, 6]}], False),
    ],
)
def test_a_class_of_boxes_alone_has_a_note(
    of: Convert, more: list[object], *, is_noted: bool
) -> None:
    """As in the service: tools add the box of a pose as its region. Another region was drawn by a person."""
    face = {"id": 1, "name": "face", "keypoints": ["l"]}
    pose = {"keypoints": [2, 3, 2], "bbox": [0, 0, 4, 6], "segmentation": [LEFT]}
    others = [{"segmentation": [one], "keypoints": [], "bbox": [6, 0, 2, 6]} for one in more]
    result = of(coco(pose, *others, categories=(face,)))
    assert result.masks["a"][0][0] == 1
    assert ("boxes around its keypoints" in result.notes) == is_noted


@pytest.mark.parametrize(
    "region",
    [
        [[0, 0], [4, 0], [4, 6], [0, 6]],
        [LEFT, [1, 1, 2, 2]],
        [LEFT, [3, 3]],
        [{"size": [6, 8], "counts": [0, 24, 24]}],
    ],
)
def test_other_forms_of_polygons(of: Convert, region: object) -> None:
    """Corners as pairs, rests of one or two corners, which have no area, and run lengths in a list."""
    assert of(coco({"segmentation": region})).masks["a"] == [[1] * 4 + [0] * 4] * 6


def test_run_lengths_of_a_pose_in_a_list(of: Convert) -> None:
    """They are no box."""
    face = {"id": 1, "name": "face", "keypoints": ["l"]}
    runs = [{"size": [6, 8], "counts": [0, 24, 24]}]
    pose = {"keypoints": [2, 3, 2], "bbox": [0, 0, 4, 6], "segmentation": runs}
    assert of(coco(pose, categories=(face,))).masks["a"] == [[1] * 4 + [0] * 4] * 6


def test_ids_of_digits_may_be_text(of: Convert) -> None:
    """In one of two places."""
    text = coco({"segmentation": [LEFT], "image_id": "0", "category_id": "3"})
    assert of(text).masks["a"] == [[2] * 4 + [0] * 4] * 6


@pytest.mark.parametrize(("flag", "value"), [("0", 1), ("false", 1), ("1", 255), (1, 255)])
def test_a_crowd_may_be_marked_by_text(of: Convert, flag: object, value: int) -> None:
    """The text 0 is no crowd."""
    right = [6, 0, 8, 0, 8, 6, 6, 6]
    result = of(coco({"segmentation": [LEFT], "iscrowd": flag}, {"segmentation": [right]}))
    assert result.masks["a"] == [[value] * 4 + [0] * 2 + [1] * 2] * 6


def test_shares_are_not_pixels(of: Convert) -> None:
    """They would all be in the first pixel."""
    with pytest.raises(InvalidInput, match="expected regions in pixels"):
        of(coco({"segmentation": [[number / 8 for number in LEFT]]}))


def test_an_image_without_annotations_is_background(of: Convert, export: Export) -> None:
    """With a note."""
    content = json.loads(coco({"segmentation": [LEFT]}))
    content["images"].append({"id": 1, "file_name": "b.png", "width": 8, "height": 6})
    save_image(export({}) / "train" / "b.png")
    result = of(json.dumps(content))
    assert result.masks["b"] == [[0] * 8] * 6
    assert "without annotations count as background (b.png)" in result.notes


def test_splits_are_matched_by_name_of_the_category(export: Export, converted: Convert) -> None:
    """Two files may number the same category differently."""
    moved = coco({"segmentation": [LEFT], "category_id": 5}, categories=(ROOT, CAT | {"id": 5}))
    files = {"train/_annotations.coco.json": coco({"segmentation": [LEFT]})}
    folder = export(files | {"valid/_annotations.coco.json": moved})
    for split in ("train", "valid"):
        save_image(folder / split / "a.png")
    result = converted(convert, folder)
    assert result.masks["train-a"] == result.masks["valid-a"] == [[1] * 4 + [0] * 4] * 6
    with pytest.raises(InvalidInput, match="expected a split of train, valid, got 'test'"):
        converted(convert, folder, split="test")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"category_id": 9}, "refers to image 0 and category 9"),
        ({"image_id": 4}, "refers to image 4"),
        ({"segmentation": [[0, 0, 1]]}, "at least 3 corners"),
        ({"segmentation": [["x"] * 6]}, "expected numbers"),
    ],
)
def test_wrong_annotations_are_refused(of: Convert, change: dict[str, Any], message: str) -> None:
    """With the id of the annotation."""
    with pytest.raises(InvalidInput, match=f"annotation 0.*{message}|{message}"):
        of(coco({"segmentation": [LEFT]} | change))


def test_a_turned_photograph_of_another_size(export: Export, converted: Convert) -> None:
    """The annotated size must be the upright one."""
    content = coco({"segmentation": [LEFT]}).replace("a.png", "a.jpg")
    folder = export({"train/_annotations.coco.json": content})
    save_image(folder / "train" / "a.jpg", (8, 6), TURNED)
    with pytest.raises(InvalidInput, match="of the unturned photograph"):
        converted(convert, folder)
