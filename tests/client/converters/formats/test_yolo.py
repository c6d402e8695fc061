"""YOLO segmentation and pose: shares, class numbers, missing and empty label files, keypoints."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handsoff_client.converters.formats.yolo import convert
from handsoff_shards.errors import InvalidInput
from tests.client.converters.conftest import TURNED, Export, Result, save_image

Convert = Callable[..., Result]
LEFT = "0 0 0.5 0 0.5 1 0 1"
"""The left half."""
POSE = "names: [face]\nkpt_shape: [2, 3]\nflip_idx: [1, 0]\nkpt_names:\n  0:\n    - left_eye\n    - right_eye\n"


@pytest.fixture
def of(export: Export, converted: Convert) -> Convert:
    """Convert a set of one image a.png of 8 x 6 in the split train with these lines."""

    def run(lines: str, yaml: str = "names: [cat, dog]\n", **choices: Any) -> Result:
        folder = export({"data.yaml": yaml, "labels/train/a.txt": lines})
        save_image(folder / "images" / "train" / "a.png")
        return converted(convert, folder, **choices)

    return run


def test_polygons_are_shares(of: Convert) -> None:
    """Smaller objects are in front, in any order of the file. Windows line ends are fine."""
    result = of(f"1 {LEFT}\r\n0 0 0 1 0 1 1 0 1\r\n")
    assert result.masks["a"] == [[2] * 4 + [1] * 4] * 6
    assert result.schema["classes"] == ["background", "cat", "dog"]
    assert result.conversion.images[0].split == "train"


def test_oriented_boxes_are_noted(of: Convert) -> None:
    """They have the form of polygons. One object with more corners shows that they are outlines."""
    assert "oriented boxes" in of(f"0 {LEFT}").notes
    assert "oriented boxes" not in of(f"0 {LEFT}\n0 0 0 1 0 1 1 0.5 1 0 1").notes


def test_class_numbers_with_gaps(of: Convert) -> None:
    """A map of names may leave numbers out; the classes of masks have none."""
    result = of(f"7 {LEFT}", "names:\n  3: cat\n  7: dog\n")
    assert result.masks["a"][0] == [2] * 4 + [0] * 4


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f"2 {LEFT}", r"line 2: expected a class of data.yaml \(0, 1\), got 2"),
        (f"0.5 {LEFT}", "line 2: .*got 0.5"),
        ("0 0 0 8 0 8 6", "line 2: expected shares.*got 8"),
        ("0 0 0 1", "line 2: expected a polygon of at least 3 corners"),
        ("0 0 0 1 0 1 1 0", "line 2: expected a polygon"),
        ("0 0.5 0.5 1 1", "line 2: a line of 5 numbers is a box"),
        ("0 x 0 1 0 1 1", "line 2: expected numbers"),
    ],
)
def test_a_wrong_line_is_named(of: Convert, line: str, message: str) -> None:
    """File, line, expected and actual content."""
    with pytest.raises(InvalidInput, match=rf"labels/train/a.txt: {message}"):
        of(f"0 {LEFT}\n{line}\n")


def test_boxes_on_request(of: Convert) -> None:
    """Center and size are shares."""
    assert of("1 0.25 0.5 0.5 1", boxes_as_masks=True).masks["a"] == [[2] * 4 + [0] * 4] * 6


def test_empty_and_missing_label_files(export: Export, converted: Convert) -> None:
    """Empty means background; missing is an error unless the user says so."""
    folder = export(
        {"data.yaml": "names: [cat]\n", "train/labels/a.txt": "", "train/labels/z.txt": ""}
    )
    save_image(folder / "train" / "images" / "a.png")
    result = converted(convert, folder)
    assert result.masks["a"] == [[0] * 8] * 6
    assert "label files without image are left out (train/labels/z.txt)" in result.notes
    save_image(folder / "train" / "images" / "b.png")
    with pytest.raises(
        InvalidInput, match=r"1 images have no label file, such as train/images/b.png"
    ):
        converted(convert, folder)
    assert converted(convert, folder, missing_is_background=True).masks["b"] == [[0] * 8] * 6


def test_splits_with_equal_names(export: Export, converted: Convert) -> None:
    """Both images are kept under different names, and a split can be chosen."""
    files = {
        "data.yaml": "names: [cat]\n",
        "train/labels/a.txt": f"0 {LEFT}",
        "valid/labels/a.txt": "",
    }
    folder = export(files)
    for split in ("train", "valid"):
        save_image(folder / split / "images" / "a.png")
    assert sorted(converted(convert, folder).masks) == ["train-a", "valid-a"]
    chosen = converted(convert, folder, split="valid").conversion
    assert [image.split for image in chosen.images] == ["valid"]
    with pytest.raises(InvalidInput, match=r"split 'test' \(there are train, valid\)"):
        converted(convert, folder, split="test")


def test_images_in_another_folder(export: Export, converted: Convert, tmp_path: Path) -> None:
    """Labels are found by name then, which must be unique."""
    folder = export({"data.yaml": "names: [cat]\n", "labels/train/a.txt": f"0 {LEFT}"})
    save_image(tmp_path / "photos" / "a.png")
    result = converted(convert, folder, images=tmp_path / "photos")
    assert result.masks["a"][0] == [1] * 4 + [0] * 4
    export({"labels/val/a.txt": ""})
    with pytest.raises(InvalidInput, match="two label files have the name 'a'"):
        converted(convert, folder, images=tmp_path / "photos")


def test_a_label_file_of_two_images_is_refused(of: Convert, export: Export) -> None:
    """a.png and a.jpg: it is unknown which one was annotated."""
    save_image(export({}) / "images" / "train" / "a.jpg")
    with pytest.raises(InvalidInput, match=r"labels/train/a.txt belongs to a.jpg and a.png"):
        of(f"0 {LEFT}")


def test_a_turned_photograph_is_upright(export: Export, converted: Convert) -> None:
    """Shares count in the upright image, as Ultralytics reads it."""
    folder = export({"data.yaml": "names: [cat]\n", "a.txt": f"0 {LEFT}"})
    save_image(folder / "a.jpg", (6, 8), TURNED)
    result = converted(convert, folder)
    assert result.masks["a"] == [[1] * 4 + [0] * 4] * 6
    assert "turned by their EXIF orientation" in result.notes


@pytest.mark.parametrize("orientation", [2, 3, 4, 6])
def test_every_orientation_has_a_note(export: Export, converted: Convert, orientation: int) -> None:
    """Also one that keeps width and height."""
    folder = export({"data.yaml": "names: [cat]\n", "a.txt": f"0 {LEFT}"})
    save_image(folder / "a.jpg", (8, 8), orientation)
    assert "turned by their EXIF orientation" in converted(convert, folder).notes


def test_images_of_other_formats_have_a_note(export: Export, converted: Convert) -> None:
    """Ultralytics reads BMP and TIFF too. Their label files are not called unused."""
    folder = export(
        {"data.yaml": "names: [cat]\n", "labels/b.txt": "", "labels/a.txt": f"0 {LEFT}"}
    )
    save_image(folder / "images" / "b.bmp")
    with pytest.raises(InvalidInput, match=r"got none. But images are left out .*b.bmp"):
        converted(convert, folder)
    save_image(folder / "images" / "a.png")
    result = converted(convert, folder)
    assert "not PNG, JPEG or WebP; save them as PNG (images/b.bmp)" in result.notes
    assert "without image" not in result.notes


def test_a_pose_becomes_keypoints(of: Convert) -> None:
    """With visibility, and names from data.yaml."""
    result = of("0 0.5 0.5 1 1 0.25 0.5 2 0 0 0", POSE)
    assert result.keypoints["a"] == [
        {"name": "left_eye", "x": 2.0, "y": 3.0, "visibility": 2},
        {"name": "right_eye", "x": 0.0, "y": 0.0, "visibility": 0},
    ]
    assert result.schema["keypoints"]["names"] == ["left_eye", "right_eye"]
    assert "classes" not in result.schema


def test_a_pose_without_visibility(of: Convert) -> None:
    """0, 0 is not labelled, and a note says so. Names can be given."""
    yaml = "names: [face]\nkpt_shape: [2, 2]\n"
    result = of("0 0.5 0.5 1 1 0.25 0.5 0 0", yaml, keypoints=["nose", "chin"])
    assert [(one["name"], one["visibility"]) for one in result.keypoints["a"]] == [
        ("nose", 2),
        ("chin", 0),
    ]
    assert "keypoints have no visibility" in result.notes
    assert "point-0" in of("0 0.5 0.5 1 1 0.25 0.5 0 0", yaml).notes


def test_mirrored_keypoints_must_agree_with_their_names(of: Convert) -> None:
    """A contradiction shows that the names have another order."""
    yaml = POSE.replace("flip_idx: [1, 0]", "flip_idx: [0, 1]")
    with pytest.raises(
        InvalidInput, match=r"flip_idx is \[0, 1\], but the names of the keypoints say \[1, 0\]"
    ):
        of("0 0.5 0.5 1 1 0.25 0.5 2 0 0 0", yaml)
    unnamed = "names: [face]\nkpt_shape: [2, 3]\nflip_idx: [1, 0]\n"
    assert "flip_idx says which" in of("0 0.5 0.5 1 1 0.25 0.5 2 0 0 0", unnamed).notes


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 0.5 0.5 1 1 0.25 0.5 2", "2 x 3 of the keypoints, got 8 numbers"),
        ("0 0.5 0.5 1 1 0.25 0.5 3 0 0 0", "visibility 0, 1 or 2 of 'left_eye', got 3"),
        ("0 0.5 0.5 1 1 0.25 0.5 2 0 0 0\n" * 2, "keypoints of one object, got 2"),
        ("0 0.5 0.5 1 1 25 0.5 2 0 0 0", "expected shares.*got 25"),
    ],
)
def test_a_wrong_pose_is_refused(of: Convert, line: str, message: str) -> None:
    """Numbers, visibility, and one object in an image."""
    with pytest.raises(InvalidInput, match=message):
        of(line, POSE)


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        ("nc: 2\n", "expected `names: "),
        ("nc: 3\nnames: [cat, dog]\n", "nc is 3, but there are 2 names"),
        ("names: [cat, cat]\n", "got 'cat' twice"),
        ("names: [a]\nkpt_shape: [2]\n", "expected kpt_shape"),
    ],
)
def test_a_wrong_data_yaml_is_refused(of: Convert, yaml: str, message: str) -> None:
    """Without certain names there are no labels."""
    with pytest.raises(InvalidInput, match=message):
        of(f"0 {LEFT}", yaml)
