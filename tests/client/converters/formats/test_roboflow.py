"""Roboflow exports: the format is detected; masks with _classes.csv."""

from collections.abc import Callable

import pytest

from handsoff_client.converters.formats.roboflow import convert
from handsoff_shards.errors import InvalidInput
from tests.client.converters.conftest import Export, Result, save_image, save_mask

Convert = Callable[..., Result]
CSV = "\ufeffPixel Value, Class\r\n0, background\r\n1, cat\r\n4, dog\r\n"


def test_masks_with_a_class_list(export: Export, converted: Convert) -> None:
    """Values may have gaps; images and masks are beside each other."""
    folder = export({"train/_classes.csv": CSV})
    save_image(folder / "train" / "a.jpg", (2, 2))
    save_mask(folder / "train" / "a_mask.png", [[0, 1], [4, 0]])
    result = converted(convert, folder)
    assert result.masks == {"a": [[0, 1], [2, 0]]}
    assert result.schema["classes"] == ["background", "cat", "dog"]
    save_mask(folder / "train" / "a_mask.png", [[0, 1], [2, 0]])
    with pytest.raises(
        InvalidInput, match="expected the values 0, 1, 4, 255, got 2 at column 0, row 1"
    ):
        converted(convert, folder)


def test_classes_change_the_order_of_masks(export: Export, converted: Convert) -> None:
    """The names decide, and a name that the option lacks is an error."""
    folder = export({"train/_classes.csv": CSV})
    save_image(folder / "train" / "a.jpg", (2, 2))
    save_mask(folder / "train" / "a_mask.png", [[0, 1], [4, 0]])
    assert converted(convert, folder, classes=["dog", "cat"]).masks == {"a": [[0, 2], [1, 0]]}
    with pytest.raises(InvalidInput, match="label 'dog' is not one of --classes cat"):
        converted(convert, folder, classes=["cat"])


def test_masks_of_splits_have_one_class_list(export: Export, converted: Convert) -> None:
    """Else a value would be two classes. An image without mask is an error."""
    folder = export({"train/_classes.csv": CSV, "valid/_classes.csv": CSV.replace("dog", "bird")})
    with pytest.raises(InvalidInput, match=r"valid/_classes.csv has other classes"):
        converted(convert, folder)
    folder = export({"valid/_classes.csv": CSV})
    save_image(folder / "valid" / "a.jpg", (2, 2))
    with pytest.raises(InvalidInput, match=r"the mask a_mask.png is missing"):
        converted(convert, folder)


def test_a_classification_export_is_refused(export: Export, converted: Convert) -> None:
    """Its _classes.csv has another heading."""
    with pytest.raises(InvalidInput, match="a classification project has no masks"):
        converted(convert, export({"train/_classes.csv": "filename, cat\na.jpg, 1\n"}))


def test_yolo_is_detected(export: Export, converted: Convert) -> None:
    """By data.yaml."""
    folder = export({"data.yaml": "names: [cat]\n", "train/labels/a.txt": "0 0 0 1 0 1 1"})
    save_image(folder / "train" / "images" / "a.png")
    assert converted(convert, folder).conversion.tool == "Roboflow YOLO segmentation"


def test_no_or_several_formats_are_refused(export: Export, converted: Convert) -> None:
    """The message lists the files that it searched for."""
    with pytest.raises(
        InvalidInput, match=r"expected _annotations.coco.json, _classes.csv or data.yaml"
    ):
        converted(convert, export({"README.roboflow.txt": ""}))
    with pytest.raises(InvalidInput, match="has several exports"):
        converted(convert, export({"data.yaml": "", "train/_classes.csv": CSV}))
