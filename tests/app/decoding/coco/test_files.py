"""Promises of the COCO reader: whose labels are whose, what they become, and what is refused."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.decoding.coco.classes import declared
from app.decoding.coco.files import CocoFile, read_coco
from app.decoding.coco.labels import CocoLabels
from app.decoding.coco.regions import Budget
from app.decoding.parts import Named
from app.decoding.refusal import Notices, Refused
from contracts.schemas import LabelSchema
from tests.app.decoding.archives.test_archive import LIMITS

FILE = "coco.json"
LABELS = LabelSchema(classes=("background", "skin", "eye"))
SQUARE = [0, 0, 4, 0, 4, 4, 0, 4]
DOT = [1, 1, 2, 1, 2, 2, 1, 2]


def coco(*annotations: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """A file about one image of 6 x 4 pixels, its annotations of category 1 unless they say otherwise."""
    whole = {
        "info": {"year": 2026},
        "images": [{"id": 7, "file_name": "photos/a.jpg", "width": 6, "height": 4, "licence": 1}],
        "categories": [
            {"id": 2, "name": "eye"},
            {"id": 1, "name": "skin", "keypoints": ["nose", "chin"], "skeleton": [[1, 2]]},
        ],
        "annotations": [{"image_id": 7, "category_id": 1} | one for one in annotations],
    }
    return whole | changed


def read(tmp_path: Path, content: object) -> CocoFile:
    """The file as it is read."""
    path = tmp_path / FILE
    path.write_text(json.dumps(content))
    return read_coco(Named(FILE, path), LIMITS)


def labels_of(content: CocoFile, notices: Notices | None = None) -> CocoLabels:
    """The file with what its labels are drawn with."""
    return CocoLabels(content, FILE, LABELS, Budget(10_000), notices or Notices())


def mask(content: CocoFile, notices: Notices | None = None) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The mask of image `a`."""
    return np.asarray(labels_of(content, notices).draw_mask("a", (6, 4)))


def said_by(content: CocoFile, notices: Notices | None = None) -> Mapping[str, Any]:
    """What the file says in place of labelset.json."""
    return declared(content, FILE, notices or Notices(), own_classes=False)


def counts(values: np.ndarray[Any, np.dtype[np.uint8]]) -> dict[int, int]:
    """Pixels by value."""
    return dict(
        zip(*(part.tolist() for part in np.unique(values, return_counts=True)), strict=True)
    )


def test_the_schema_can_be_read_from_the_file(tmp_path: Path) -> None:
    """Background and the categories by id; keypoints by name, the skeleton too."""
    content = coco({"segmentation": [SQUARE], "keypoints": [1, 1, 2, 2, 2, 2]})
    said = said_by(read(tmp_path, content))
    assert said["classes"] == ["background", "skin", "eye"]
    assert said["keypoints"] == {"names": ["nose", "chin"], "skeleton": [["nose", "chin"]]}


def test_smaller_regions_lie_above_larger_ones(tmp_path: Path) -> None:
    """Whatever their order in the file, an eye is not hidden by the skin around it; the rest is background."""
    found = read(
        tmp_path, coco({"category_id": 2, "segmentation": [DOT]}, {"segmentation": [SQUARE]})
    )
    assert np.bincount(mask(found).ravel()).tolist() == [8, 15, 1]


@pytest.mark.parametrize("counts", [[16, 4, 4], "`044"])
def test_run_lengths_are_drawn(tmp_path: Path, counts: object) -> None:
    """Plain or compressed."""
    found = read(tmp_path, coco({"segmentation": {"size": [4, 6], "counts": counts}}))
    assert np.argwhere(mask(found) == 1).tolist() == [[row, 4] for row in range(4)]


def test_a_crowd_is_ignored(tmp_path: Path) -> None:
    """Where single objects could not be told apart, only those drawn over the crowd count."""
    crowd = {"iscrowd": 1, "segmentation": {"size": [4, 6], "counts": [0, 24]}}
    found = read(tmp_path, coco({"segmentation": [DOT]}, crowd))
    assert np.bincount(mask(found).ravel(), minlength=256)[[1, 255]].tolist() == [1, 23]


def test_whole_numbers_are_indices_of_pixels(tmp_path: Path) -> None:
    """COCO's own keypoints are; their centre is half a pixel on. Fractions are taken as they are."""
    whole = read(tmp_path, coco({"keypoints": [1, 2, 2, 0, 0, 0]}))
    exact = read(tmp_path, coco({"keypoints": [1.25, 2, 2, 0, 0, 0]}))
    points = [labels_of(found).find_points("a", (6, 4))[0] for found in (whole, exact)]
    assert [(point.name, point.x, point.y) for point in points] == [
        ("nose", 1.5, 2.5),
        ("nose", 1.25, 2.0),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"annotations": []}, "images: It is missing. Export it again"),
        (coco({"image_id": 8}), "annotations.0 is of image 8"),
        (coco({"category_id": 9}), "annotations.0 is of category 9"),
        (coco(*[{}] * 6), "has 6 annotations; at most 5"),
        (coco({"segmentation": [SQUARE * 300]}), "1200 corners and runs together; at most 1000"),
        (coco(info="x" * 100_000), "larger than 100000 bytes"),
        (
            coco(
                images=[
                    {"id": n, "file_name": f"{n}/a.png", "width": 1, "height": 1} for n in (1, 2)
                ]
            ),
            "same name",
        ),
        (
            coco(categories=[{"id": 1, "name": name} for name in ("a", "b")]),
            "categories have the id 1",
        ),
        (coco(images=[{"id": 1, "file_name": n, "width": 1, "height": 1} for n in "ab"]), "id 1"),
        (coco({"segmentation": 7}), "annotations.0.segmentation: expected a list of polygons"),
        (coco({"segmentation": [["x"]]}), "segmentation.polygons.0.0: Expected a number"),
    ],
)
def test_a_file_that_does_not_hold_together_is_refused(
    tmp_path: Path, content: object, said: str
) -> None:
    """Missing parts, ids that lead nowhere, and every limit."""
    with pytest.raises(Refused, match=said):
        read(tmp_path, content)


@pytest.mark.parametrize(
    ("annotation", "said"),
    [
        ({"segmentation": [[0, 0, 1, 1]]}, "4 numbers, not two for each of three corners"),
        ({"segmentation": {"size": [6, 4], "counts": [24]}}, r"its size is \[6, 4\]"),
        ({"segmentation": {"size": [4, 6], "counts": [3]}}, "do not add up to 6 x 4"),
        ({"segmentation": {"size": [4, 6], "counts": "oops"}}, "compressed runs"),
        ({"segmentation": {"size": [4, 6], "counts": [2**62, 2**62, 2**62, 2**62, 24]}}, "add up"),
        ({"segmentation": [[0, 0, 1e308, 0, 1, 1e308]]}, "1e\\+308 lies far outside"),
        ({"category_id": 2}, "neither a region nor a box"),
    ],
)
def test_a_region_that_cannot_be_drawn_is_refused(
    tmp_path: Path, annotation: dict[str, Any], said: str
) -> None:
    """The refusal says what is wrong with it."""
    with pytest.raises(Refused, match=said):
        mask(read(tmp_path, coco(annotation)))


def test_an_unknown_category_is_refused(tmp_path: Path) -> None:
    """A category that labelset.json does not name is not dropped in silence."""
    found = read(tmp_path, coco({"segmentation": [DOT]}, categories=[{"id": 1, "name": "hat"}]))
    with pytest.raises(Refused, match="'hat' is not among the classes"):
        mask(found)


def test_another_image_than_the_annotated_is_refused(tmp_path: Path) -> None:
    """One that was scaled since would get shifted labels."""
    with pytest.raises(Refused, match="is 6 x 4, the one that was sent"):
        labels_of(read(tmp_path, coco())).draw_mask("a", (12, 8))


@pytest.mark.parametrize(
    ("annotations", "said"),
    [
        (
            [{"keypoints": [1, 1, 2, 1, 1, 2]}] * 2,
            "2 objects in image 'photos/a.jpg' have keypoints",
        ),
        ([{"keypoints": [1, 1, 2]}], "has 3 numbers for its keypoints"),
        ([{"keypoints": [1, 1, 2, 1, 1, 5]}], "visibility other than 0, 1 and 2"),
    ],
)
def test_keypoints_that_are_not_one_set_are_refused(
    tmp_path: Path, annotations: list[dict[str, Any]], said: str
) -> None:
    """One object for each image, three numbers for each name."""
    with pytest.raises(Refused, match=said):
        labels_of(read(tmp_path, coco(*annotations))).find_points("a", (6, 4))


def test_an_object_with_a_box_alone_is_ignored_not_background(tmp_path: Path) -> None:
    """What lies in the box is not known; a region over it is."""
    notices = Notices()
    box = {"id": 5, "category_id": 2, "bbox": [0, 0, 3, 4]}
    drawn = mask(read(tmp_path, coco({"segmentation": [DOT]}, box)), notices)
    assert counts(drawn) == {0: 12, 1: 1, 255: 11}
    (warning,) = notices.warnings
    assert (warning.code, warning.files) == (
        "coco_boxes_ignored",
        ("photos/a.jpg (annotation 5)",),
    )


@pytest.mark.parametrize("empty", [None, [], {}, "", [[]]])
def test_every_way_to_say_no_region_is_understood(tmp_path: Path, empty: object) -> None:
    """Tools write null, empty lists or nothing."""
    one = {"segmentation": empty, "bbox": [0, 0, 1, 1]}
    assert counts(mask(read(tmp_path, coco({"segmentation": [SQUARE]}, one))))[1] == 16


@pytest.mark.parametrize("runs", [[0, 24], "0h0"])
def test_a_class_of_crowds_alone_is_drawn(tmp_path: Path, runs: object) -> None:
    """Some tools write every run-length mask as a crowd; the warning says how it was read."""
    notices = Notices()
    crowd = {"iscrowd": 1, "segmentation": {"size": [4, 6], "counts": runs}}
    assert counts(mask(read(tmp_path, coco(crowd)), notices)) == {1: 24}
    assert [warning.code for warning in notices.warnings] == ["coco_crowds_drawn"]


def test_a_region_without_a_pixel_in_the_image_is_told(tmp_path: Path) -> None:
    """An object beside the image draws nothing, not the border."""
    notices = Notices()
    beside = {"segmentation": [[20, 20, 24, 20, 24, 24]]}
    assert counts(mask(read(tmp_path, coco(beside)), notices)) == {0: 24}
    assert [warning.code for warning in notices.warnings] == ["coco_regions_outside"]


def test_an_image_without_annotations_is_background_and_told(tmp_path: Path) -> None:
    """Whether it was looked at, only its owner knows."""
    notices = Notices()
    assert counts(mask(read(tmp_path, coco()), notices)) == {0: 24}
    assert [warning.code for warning in notices.warnings] == ["coco_images_background"]


@pytest.mark.parametrize(
    ("categories", "classes"),
    [
        ([{"id": 0, "name": "parts"}, {"id": 1, "name": "skin", "supercategory": "parts"}], "skin"),
        (
            [
                {"id": 0, "name": "skin", "supercategory": "none"},
                {"id": 1, "name": "skin", "supercategory": "skin"},
            ],
            "skin",
        ),
        ([{"id": 1, "name": "skin"}, {"id": 3, "name": "body", "keypoints": ["nose"]}], "skin"),
        (
            [{"id": 1, "name": "skin", "supercategory": "skin"}, {"id": 2, "name": "hat"}],
            "skin hat",
        ),
    ],
)
def test_a_category_without_pixels_of_its_own_is_no_class(
    tmp_path: Path, categories: list[dict[str, Any]], classes: str
) -> None:
    """A root of a tree and a category of keypoints are no classes; one that merely does not occur is."""
    content = coco({"segmentation": [SQUARE]}, categories=categories)
    assert said_by(read(tmp_path, content))["classes"] == ["background", *classes.split()]


@pytest.mark.parametrize("name", ["background", "Background", "_background_"])
def test_a_background_of_its_own_is_the_background(tmp_path: Path, name: str) -> None:
    """There are never two."""
    categories = [{"id": 0, "name": name}, {"id": 1, "name": "skin"}]
    content = read(tmp_path, coco({"segmentation": [SQUARE]}, categories=categories))
    assert said_by(content)["classes"] == [name, "skin"]


def test_two_classes_of_one_name_are_refused(tmp_path: Path) -> None:
    """Which of them is meant is not guessed; the refusal names both by id."""
    content = coco(
        {"segmentation": [SQUARE]},
        {"category_id": 4, "segmentation": [DOT]},
        categories=[{"id": 1, "name": "skin"}, {"id": 4, "name": "skin "}],
    )
    with pytest.raises(Refused, match="Categories 1 and 4 are both named 'skin'"):
        said_by(read(tmp_path, content))


@pytest.mark.parametrize(
    ("skeleton", "lines"),
    [
        ([[1, 2]], [["nose", "chin"]]),
        ([[0, 1]], [["nose", "chin"]]),
        ([[1, 3]], []),
        ([[1]], []),
        ("nose-chin", []),
        (None, []),
    ],
)
def test_a_skeleton_never_costs_the_labels(
    tmp_path: Path, skeleton: object, lines: list[list[str]]
) -> None:
    """It only matters for drawings: from 1 or from 0 on, or left out."""
    categories = [{"id": 1, "name": "s", "keypoints": ["nose", "chin"], "skeleton": skeleton}]
    content = read(tmp_path, coco({"keypoints": [1, 1, 2, 2, 2, 2]}, categories=categories))
    assert said_by(content)["keypoints"]["skeleton"] == lines


def test_a_skeleton_without_keypoints_is_passed_over(tmp_path: Path) -> None:
    """It joins nothing."""
    categories = [{"id": 1, "name": "skin", "skeleton": [[0, 1]]}]
    content = read(tmp_path, coco({"segmentation": [SQUARE]}, categories=categories))
    assert said_by(content) == {"classes": ["background", "skin"]}


def test_one_polygon_needs_no_list_around_it(tmp_path: Path) -> None:
    """A flat list of numbers can only be one polygon."""
    assert counts(mask(read(tmp_path, coco({"segmentation": SQUARE}))))[1] == 16


def test_a_fraction_in_an_unlabelled_point_moves_nothing(tmp_path: Path) -> None:
    """A point of visibility 0 says nothing, so it does not say that coordinates are continuous."""
    content = read(tmp_path, coco({"keypoints": [1, 2, 2, 0.5, 0.5, 0]}))
    assert labels_of(content).find_points("a", (6, 4))[0].x == 1.5


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_is_read(tmp_path: Path, encoding: str) -> None:
    """Editors on Windows write one."""
    path = tmp_path / FILE
    path.write_text(json.dumps(coco({"segmentation": [SQUARE]})), encoding=encoding)
    assert read_coco(Named(FILE, path), LIMITS).has_regions


def test_what_is_drawn_has_a_limit(tmp_path: Path) -> None:
    """Work is bounded by the pixels of the regions' boxes, before it is done."""
    content = read(tmp_path, coco({"segmentation": [SQUARE]}))
    labels = CocoLabels(content, FILE, LABELS, Budget(10), Notices())
    with pytest.raises(Refused, match="take more than 10 pixels to draw"):
        labels.draw_mask("a", (6, 4))
