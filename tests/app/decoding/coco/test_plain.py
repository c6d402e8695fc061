"""Tests of values that tools write in other ways: the usual meaning, or a refusal."""

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

SIZE = (6, 4)
PAIRS = [[0, 0], [4, 0], [4, 4], [0, 4]]


def labels_of(content: CocoFile, notices: Notices | None = None) -> CocoLabels:
    """Return the labels of a file."""
    labels = LabelSchema(classes=("background", "skin", "eye"))
    return CocoLabels(content, FILE, labels, Budget(10_000), notices or Notices())


def pixels(content: CocoFile, notices: Notices | None = None) -> list[int]:
    """Return the pixels of background, skin and eye in the mask, then the ignored ones."""
    mask = np.asarray(labels_of(content, notices).draw_mask("a", SIZE))
    counts = np.bincount(mask.ravel(), minlength=256)
    return [*counts[:3].tolist(), int(counts[255])]


@pytest.mark.parametrize(
    "region",
    [
        [SQUARE],
        SQUARE,
        PAIRS,
        [PAIRS],
        [{"size": [4, 6], "counts": [0, 16, 8]}],
        [SQUARE, [], [1, 1, 2, 2], [3, 3]],
    ],
)
def test_every_form_of_a_region_has_its_pixels(tmp_path: Path, region: object) -> None:
    """Corners as pairs, one polygon without a list, run lengths in a list, rests of one or two corners."""
    assert pixels(read(tmp_path, coco({"segmentation": region}))) == [8, 16, 0, 0]


def test_an_object_of_two_corners_is_like_one_without_a_region(tmp_path: Path) -> None:
    """The pixels of its box are ignored, with a warning."""
    notices = Notices()
    rest = {"id": 3, "category_id": 2, "segmentation": [[5, 0, 6, 2]], "bbox": [5, 0, 1, 2]}
    content = read(tmp_path, coco({"segmentation": [SQUARE]}, rest))
    assert pixels(content, notices) == [6, 16, 0, 2]
    codes = [one.code for one in notices.warnings]
    assert codes == ["coco_polygons_skipped", "coco_boxes_ignored"]


@pytest.mark.parametrize("counts", ["", []])
def test_run_lengths_without_runs_are_no_region(tmp_path: Path, counts: object) -> None:
    """The pixels of its box are ignored."""
    empty = {"category_id": 2, "segmentation": {"size": [4, 6], "counts": counts}}
    content = read(tmp_path, coco({"segmentation": [SQUARE]}, empty | {"bbox": [5, 0, 1, 2]}))
    assert pixels(content) == [6, 16, 0, 2]


@pytest.mark.parametrize(
    ("box", "num_ignored", "code"),
    [
        ([6, 2, -1, -2], 2, "coco_boxes_ignored"),
        ([5, 2, 1, -2], 2, "coco_boxes_ignored"),
        ([5, 0, 0, 0], 0, "coco_regions_outside"),
        ([9, 9, 2, 2], 0, "coco_regions_outside"),
    ],
)
def test_a_box_may_be_negative_or_empty(
    tmp_path: Path, box: list[int], num_ignored: int, code: str
) -> None:
    """A negative size is how the box was drawn. A box without pixels has a warning of its kind."""
    notices = Notices()
    content = read(tmp_path, coco({"segmentation": [SQUARE]}, {"category_id": 2, "bbox": box}))
    assert pixels(content, notices) == [8 - num_ignored, 16, 0, num_ignored]
    assert [one.code for one in notices.warnings] == [code]


@pytest.mark.parametrize("flag", [0, False, None, 0.0, "0", "false", "False", ""])
def test_a_flag_of_no_crowd_may_be_text(tmp_path: Path, flag: object) -> None:
    """The text 0 is no crowd."""
    crowd = {"segmentation": [[5, 0, 6, 0, 6, 4, 5, 4]], "iscrowd": 1}
    content = read(tmp_path, coco({"segmentation": [SQUARE], "iscrowd": flag}, crowd))
    assert pixels(content) == [4, 16, 0, 4]


@pytest.mark.parametrize("flag", [1, True, "1", "true"])
def test_a_flag_of_a_crowd_may_be_text(tmp_path: Path, flag: object) -> None:
    """A crowd is ignored beside single objects."""
    objects = {"segmentation": [SQUARE], "iscrowd": flag}, {"segmentation": [DOT], "iscrowd": 0}
    assert pixels(read(tmp_path, coco(*objects))) == [8, 1, 0, 15]


@pytest.mark.parametrize("box", [[0, 0, 4, 4, 30], {"x": 0}, [None] * 4, "0 0 4 4", [], None])
def test_another_form_of_a_box_does_not_matter_beside_a_region(tmp_path: Path, box: object) -> None:
    """Rotated boxes have five numbers. Only an object without a region needs its box."""
    assert pixels(read(tmp_path, coco({"segmentation": [SQUARE], "bbox": box}))) == [8, 16, 0, 0]


@pytest.mark.parametrize("identity", ["image-7", "7", 7.0, -7, "a83f-0b"])
def test_ids_may_be_text(tmp_path: Path, identity: object) -> None:
    """Digits are a number, so 7 refers to "7"."""
    images = [{"id": identity, "file_name": "a.jpg", "width": 6, "height": 4}]
    other = int(identity) if isinstance(identity, str) and identity.isdecimal() else identity
    content = coco({"segmentation": [SQUARE], "image_id": other}, images=images)
    assert pixels(read(tmp_path, content)) == [8, 16, 0, 0]


@pytest.mark.parametrize("identity", [None, True, 1.5, [], 2**80])
def test_other_ids_are_refused(tmp_path: Path, identity: object) -> None:
    """They are not used as ids by any tool."""
    with pytest.raises(Refused, match=r"annotations.0.image_id: expected"):
        read(tmp_path, coco({"image_id": identity}))


def test_text_ids_of_categories_follow_numbers(tmp_path: Path) -> None:
    """The order of the classes is that of the ids."""
    names = {"b": "one", "a": "two", "10": "three", "9": "four"}
    content = read(tmp_path, coco(categories=[{"id": k, "name": v} for k, v in names.items()]))
    ordered = sorted(content.categories, key=lambda one: one.order)
    assert [one.name for one in ordered] == ["four", "three", "two", "one"]


@pytest.mark.parametrize("changed", [{"width": 0, "height": 0}, {"width": None, "height": None}])
def test_an_image_of_unknown_size_may_have_any(tmp_path: Path, changed: dict[str, Any]) -> None:
    """Some tools do not write the size."""
    images = [{"id": 7, "file_name": "a.jpg"} | changed]
    content = read(tmp_path, coco({"segmentation": [SQUARE]}, images=images))
    assert pixels(content) == [8, 16, 0, 0]


def test_an_image_may_have_only_an_address(tmp_path: Path) -> None:
    """LVIS has no `file_name`."""
    images = [{"id": 7, "coco_url": "http://host/val/a.jpg", "width": 6, "height": 4}]
    content = read(tmp_path, coco({"segmentation": [SQUARE]}, images=images))
    assert pixels(content) == [8, 16, 0, 0]


def test_equal_entries_are_read_once(tmp_path: Path) -> None:
    """Merged files list the same images and categories again."""
    single = coco({"segmentation": [SQUARE]})
    double = single | {key: single[key] * 2 for key in ("images", "categories")}
    assert pixels(read(tmp_path, double)) == [8, 16, 0, 0]


def test_names_may_be_numbers(tmp_path: Path) -> None:
    """Data sets of digits have them; a supercategory of another type is none."""
    content = read(tmp_path, coco(categories=[{"id": 1, "name": 7, "supercategory": 3}]))
    assert [(one.name, one.supercategory) for one in content.categories] == [("7", None)]


@pytest.mark.parametrize(
    "numbers",
    [
        [1, 2, 2, None, None, 0],
        [1, 2, 2, float("nan"), float("nan"), 0],
        [1, 2, 2, 9.5, 9.5, None],
        [[1, 2, 2], [0, 0, 0]],
    ],
)
def test_an_unlabelled_keypoint_needs_no_place(tmp_path: Path, numbers: list[Any]) -> None:
    """Its coordinates do not count."""
    content = read(tmp_path, coco({"keypoints": numbers}))
    nose, chin = labels_of(content).find_points("a", SIZE)
    assert (nose.x, nose.y, nose.visibility, chin.visibility) == (1.5, 2.5, 2, 0)


@pytest.mark.parametrize("numbers", [[1, 2, True, 0, 0, False], [None, 2, 2, 0, 0, 0]])
def test_unclear_keypoints_are_refused(tmp_path: Path, numbers: list[Any]) -> None:
    """A truth value is no visibility, and a labelled point needs its place."""
    with pytest.raises(Refused, match=r"annotations.0.keypoints"):
        read(tmp_path, coco({"keypoints": numbers}))


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        ({"segmentation": [[0.1, 0.1, 0.9, 0.1, 0.9, 0.9]]}, "regions"),
        ({"segmentation": [[0, 0, 1, 0, 1, 0.5]]}, "regions"),
        ({"keypoints": [0.25, 0.5, 2, 1, 0.75, 1]}, "keypoints"),
    ],
)
def test_shares_are_not_pixels(tmp_path: Path, annotation: dict[str, Any], kind: str) -> None:
    """They would all be in the first pixel."""
    with pytest.raises(Refused, match=f"Expected {kind} in pixels, got only coordinates from 0 to"):
        read(tmp_path, coco(annotation))


WHOLE = [0, 0, 6, 0, 6, 4, 0, 4]


@pytest.mark.parametrize(
    ("classes", "counts"),
    [(("background", "skin", "eye"), [8, 15, 1]), (("bg", "skin", "eye"), [8, 15, 1])],
)
def test_pixels_outside_regions_are_the_class_without_a_category(
    tmp_path: Path, classes: tuple[str, ...], counts: list[int]
) -> None:
    """It is the one named background, or the first."""
    content = read(
        tmp_path, coco({"segmentation": [SQUARE]}, {"category_id": 2, "segmentation": [DOT]})
    )
    labels = LabelSchema(classes=classes)
    drawn = CocoLabels(content, FILE, labels, Budget(10_000), Notices()).draw_mask("a", SIZE)
    assert np.bincount(np.asarray(drawn).ravel()).tolist() == counts


def test_pixels_outside_regions_are_no_object(tmp_path: Path) -> None:
    """A schema without a background must not turn them into its first class; regions may cover every pixel."""
    labels = LabelSchema(classes=("skin", "eye"))
    dot = {"category_id": 2, "segmentation": [DOT]}
    partly = read(tmp_path, coco({"segmentation": [SQUARE]}, dot))
    with pytest.raises(Refused, match=r"pixels outside all regions of image .*photos/a.jpg"):
        CocoLabels(partly, FILE, labels, Budget(10_000), Notices()).draw_mask("a", SIZE)
    wholly = read(tmp_path, coco({"segmentation": [WHOLE]}, dot))
    drawn = CocoLabels(wholly, FILE, labels, Budget(10_000), Notices()).draw_mask("a", SIZE)
    assert np.bincount(np.asarray(drawn).ravel()).tolist() == [23, 1]


def test_the_first_pixel_may_be_an_object(tmp_path: Path) -> None:
    """Whole numbers are no shares."""
    first = [0, 0, 1, 0, 1, 1, 0, 1]
    assert pixels(read(tmp_path, coco({"segmentation": [first]}))) == [23, 1, 0, 0]


def test_the_box_of_keypoints_is_a_region_unless_it_is_of_an_export(tmp_path: Path) -> None:
    """A rectangle that a person drew around an object counts. The service's exports add one for COCOeval."""
    pose = {"keypoints": [1, 1, 2, 3, 3, 2], "bbox": [0, 0, 4, 4], "segmentation": [SQUARE]}
    content = coco(pose)
    assert pixels(read(tmp_path, content)) == [8, 16, 0, 0]
    content["categories"][1]["name"] = "keypoints"
    assert not read(tmp_path, content).has_regions


@pytest.mark.parametrize(("more", "codes"), [((), ["coco_boxes_drawn"]), ((DOT,), [])])
def test_a_class_of_boxes_alone_is_drawn_with_a_warning(
    tmp_path: Path, more: tuple[list[int], ...], codes: list[str]
) -> None:
    """Tools add the box of a pose as its region. If another region is none, a person drew them."""
    notices = Notices()
    pose = {"keypoints": [1, 1, 2, 3, 3, 2], "bbox": [0, 0, 4, 4], "segmentation": [SQUARE]}
    others = [{"id": 3, "segmentation": [region]} for region in more]
    assert pixels(read(tmp_path, coco(pose, *others)), notices)[1] >= 16
    assert [one.code for one in notices.warnings] == codes


def test_a_point_on_the_far_edge_is_no_pixel_index(tmp_path: Path) -> None:
    """Indices end at the width - 1; so the coordinates are continuous, also if a file of the service says so."""
    edge = read(tmp_path, coco({"keypoints": [6, 2, 2, 1, 1, 2]}))
    told = coco({"keypoints": [1, 2, 2, 1, 1, 2]}, info={"keypoint_coordinates": "continuous"})
    assert (edge.point_offset, read(tmp_path, told).point_offset) == (0, 0)
