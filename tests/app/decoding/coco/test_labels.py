"""Tests of masks and keypoints from a COCO file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.decoding.coco.file import CocoFile
from app.decoding.coco.labels import CocoLabels
from app.decoding.coco.regions import Budget
from app.decoding.refusal import Notices, Refused
from contracts.schemas import LabelSchema
from tests.app.decoding.coco.annotating import DOT, FILE, SQUARE, coco, read

LABELS = LabelSchema(classes=("background", "skin", "eye"))


def labels_of(content: CocoFile, notices: Notices | None = None) -> CocoLabels:
    """Return the labels of a file."""
    return CocoLabels(content, FILE, LABELS, Budget(10_000), notices or Notices())


def mask(content: CocoFile, notices: Notices | None = None) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return the mask of image `a`."""
    return np.asarray(labels_of(content, notices).draw_mask("a", (6, 4)))


def counts(values: np.ndarray[Any, np.dtype[np.uint8]]) -> dict[int, int]:
    """Return the number of pixels by value."""
    return dict(
        zip(*(part.tolist() for part in np.unique(values, return_counts=True)), strict=True)
    )


def test_smaller_regions_are_drawn_over_larger_ones(tmp_path: Path) -> None:
    """The skin does not hide the eye on it, in any order; the rest is background."""
    content = read(
        tmp_path, coco({"category_id": 2, "segmentation": [DOT]}, {"segmentation": [SQUARE]})
    )
    assert np.bincount(mask(content).ravel()).tolist() == [8, 15, 1]


@pytest.mark.parametrize("counts", [[16, 4, 4], "`044"])
def test_run_lengths_are_drawn(tmp_path: Path, counts: object) -> None:
    """Plain and compressed run lengths are drawn."""
    content = read(tmp_path, coco({"segmentation": {"size": [4, 6], "counts": counts}}))
    assert np.argwhere(mask(content) == 1).tolist() == [[row, 4] for row in range(4)]


def test_a_crowd_beside_objects_is_ignored(tmp_path: Path) -> None:
    """The pixels of a crowd are ignored, except those of objects drawn over it."""
    crowd = {"iscrowd": 1, "segmentation": {"size": [4, 6], "counts": [0, 24]}}
    content = read(tmp_path, coco({"segmentation": [DOT]}, crowd))
    assert np.bincount(mask(content).ravel(), minlength=256)[[1, 255]].tolist() == [1, 23]


def test_whole_coordinates_are_pixel_indices(tmp_path: Path) -> None:
    """Whole numbers are moved to the pixel's center, by 0.5; fractions are not changed."""
    whole = read(tmp_path, coco({"keypoints": [1, 2, 2, 0, 0, 0]}))
    exact = read(tmp_path, coco({"keypoints": [1.25, 2, 2, 0, 0, 0]}))
    points = [labels_of(content).find_points("a", (6, 4))[0] for content in (whole, exact)]
    assert [(point.name, point.x, point.y) for point in points] == [
        ("nose", 1.5, 2.5),
        ("nose", 1.25, 2.0),
    ]


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        ({"segmentation": [[0, 0, 1, 1]], "category_id": 2}, "a region, or a box .* got neither"),
        ({"segmentation": [[0, 0, 1, 1, 2, 2, 3]]}, "3 corners with 2 numbers each, got 7"),
        (
            {"segmentation": {"size": [6, 4], "counts": [24]}},
            r"expected size \[4, 6\], .* got \[6, 4\]",
        ),
        ({"segmentation": {"size": [4, 6], "counts": [3]}}, "add up to 6 x 4"),
        ({"segmentation": {"size": [4, 6], "counts": "oops"}}, "compressed runs"),
        ({"segmentation": {"size": [4, 6], "counts": [2**62, 2**62, 2**62, 2**62, 24]}}, "add up"),
        ({"segmentation": [[0, 0, 1e308, 0, 1, 1e308]]}, "1e\\+308 is far outside"),
        ({"category_id": 2}, "a region, or a box .* got neither"),
    ],
)
def test_a_region_that_cannot_be_drawn_is_refused(
    tmp_path: Path, annotation: dict[str, Any], message: str
) -> None:
    """The refusal names the reason."""
    with pytest.raises(Refused, match=message):
        mask(read(tmp_path, coco(annotation)))


def test_an_unknown_category_is_refused(tmp_path: Path) -> None:
    """A category that labelset.json does not list is refused, not dropped."""
    content = read(tmp_path, coco({"segmentation": [DOT]}, categories=[{"id": 1, "name": "hat"}]))
    with pytest.raises(Refused, match="background, skin, eye, got category 'hat'"):
        mask(content)


def test_an_image_of_another_size_is_refused(tmp_path: Path) -> None:
    """The labels would be shifted on an image that was scaled after the annotation."""
    with pytest.raises(Refused, match=r"of 6 x 4 pixels, as annotated, got 12 x 8"):
        labels_of(read(tmp_path, coco())).draw_mask("a", (12, 8))


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        (
            [{"keypoints": [1, 1, 2, 1, 1, 2]}] * 2,
            "one object with keypoints in image 'photos/a.jpg', got 2",
        ),
        ([{"keypoints": [1, 1, 2]}], "Expected 6 numbers for the 2 keypoints .* got 3"),
        ([{"keypoints": [1, 1, 2, 1, 1, 5]}], "visibility of 0, 1 or 2"),
    ],
)
def test_ambiguous_or_malformed_keypoints_are_refused(
    tmp_path: Path, annotations: list[dict[str, Any]], message: str
) -> None:
    """An image needs one object with keypoints, and three numbers for each name."""
    with pytest.raises(Refused, match=message):
        labels_of(read(tmp_path, coco(*annotations))).find_points("a", (6, 4))


def test_an_object_with_only_a_box_is_ignored(tmp_path: Path) -> None:
    """Pixels in its box are ignored, not background; a region over them counts."""
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
def test_every_spelling_of_no_region_is_accepted(tmp_path: Path, empty: object) -> None:
    """Tools write null, or empty lists, objects or strings."""
    one = {"segmentation": empty, "bbox": [0, 0, 1, 1]}
    assert counts(mask(read(tmp_path, coco({"segmentation": [SQUARE]}, one))))[1] == 16


@pytest.mark.parametrize("runs", [[0, 24], "0h0"])
def test_a_class_with_only_crowds_is_drawn(tmp_path: Path, runs: object) -> None:
    """Some tools mark every run-length mask as a crowd; a warning reports it."""
    notices = Notices()
    crowd = {"iscrowd": 1, "segmentation": {"size": [4, 6], "counts": runs}}
    assert counts(mask(read(tmp_path, coco(crowd)), notices)) == {1: 24}
    assert [warning.code for warning in notices.warnings] == ["coco_crowds_drawn"]


def test_a_region_outside_the_image_gives_a_warning(tmp_path: Path) -> None:
    """An object outside the image draws no pixel, not even at the border."""
    notices = Notices()
    beside = {"segmentation": [[20, 20, 24, 20, 24, 24]]}
    assert counts(mask(read(tmp_path, coco(beside)), notices)) == {0: 24}
    assert [warning.code for warning in notices.warnings] == ["coco_regions_outside"]


def test_an_image_without_annotations_gives_a_warning(tmp_path: Path) -> None:
    """It is all background; a warning reports it, because it may just not be annotated."""
    notices = Notices()
    assert counts(mask(read(tmp_path, coco()), notices)) == {0: 24}
    assert [warning.code for warning in notices.warnings] == ["coco_images_background"]


def test_one_polygon_needs_no_list_around_it(tmp_path: Path) -> None:
    """A flat list of numbers is one polygon."""
    assert counts(mask(read(tmp_path, coco({"segmentation": SQUARE}))))[1] == 16


def test_a_fraction_in_an_unlabelled_point_is_ignored(tmp_path: Path) -> None:
    """A point of visibility 0 does not show that coordinates are continuous."""
    content = read(tmp_path, coco({"keypoints": [1, 2, 2, 0.5, 0.5, 0]}))
    assert labels_of(content).find_points("a", (6, 4))[0].x == 1.5


def test_drawing_is_limited(tmp_path: Path) -> None:
    """The pixels of the regions' boxes are limited before anything is drawn."""
    content = read(tmp_path, coco({"segmentation": [SQUARE]}))
    labels = CocoLabels(content, FILE, LABELS, Budget(10), Notices())
    with pytest.raises(Refused, match="at most 10 pixels to draw"):
        labels.draw_mask("a", (6, 4))


def with_ignored(ignored: object, *annotations: dict[str, Any]) -> dict[str, Any]:
    """Return a file whose image has the field `ignored`."""
    content = coco(*annotations)
    content["images"][0]["ignored"] = ignored
    return content


@pytest.mark.parametrize("runs", [[0, 4, 20], "04d0"])
def test_the_ignored_pixels_of_an_image_have_no_class(tmp_path: Path, runs: object) -> None:
    """Neither that of the object below them nor background; plain and compressed run lengths are read."""
    ignored = {"size": [4, 6], "counts": runs}
    content = read(tmp_path, with_ignored(ignored, {"segmentation": [SQUARE]}))
    drawn = mask(content)
    assert (drawn[:, 0] == 255).all()
    assert np.bincount(drawn.ravel(), minlength=256)[[0, 1, 255]].tolist() == [8, 12, 4]


@pytest.mark.parametrize("value", [None, True, 1, "yes", [1, 2], {"reason": "blurred"}, {}])
def test_ignored_with_another_meaning_is_skipped(tmp_path: Path, value: object) -> None:
    """Other tools may use the same name."""
    content = read(tmp_path, with_ignored(value, {"segmentation": [SQUARE]}))
    assert counts(mask(content)) == {0: 8, 1: 16}


@pytest.mark.parametrize(
    ("ignored", "message"),
    [
        ({"size": [6, 4], "counts": [24]}, r"photos/a.jpg \(ignored\).*expected size \[4, 6\]"),
        ({"size": [4, 6], "counts": [3]}, "add up to 6 x 4"),
        ({"size": [4, 6], "counts": "oops"}, "compressed runs"),
    ],
)
def test_damaged_ignored_pixels_are_refused(tmp_path: Path, ignored: object, message: str) -> None:
    """They would become background in silence."""
    content = read(tmp_path, with_ignored(ignored, {"segmentation": [SQUARE]}))
    with pytest.raises(Refused, match=message):
        mask(content)


def test_ignored_pixels_are_charged_to_the_budget(tmp_path: Path) -> None:
    """They are drawn like a region, so a file of many costs no more than it may."""
    ignored = {"size": [4, 6], "counts": [0, 4, 20]}
    content = read(tmp_path, with_ignored(ignored, {"segmentation": [DOT]}))
    labels = CocoLabels(content, FILE, LABELS, Budget(20), Notices())
    with pytest.raises(Refused, match="at most 20 pixels to draw"):
        labels.draw_mask("a", (6, 4))


def test_runs_of_ignored_pixels_count_as_corners(tmp_path: Path) -> None:
    """So the limit of a file holds for all its regions together."""
    ignored = {"size": [4, 6], "counts": [0] * 1_001}
    with pytest.raises(Refused, match="at most 1000 corners and runs in all regions, got 1005"):
        read(tmp_path, with_ignored(ignored, {"segmentation": [SQUARE]}))
