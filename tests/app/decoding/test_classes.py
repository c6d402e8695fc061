"""Tests of the check of all masks together: 0 and 255, classes that never occur, masks without labels."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from contracts.labelsets import LabelsetWarning
from tests.app.decoding.test_child import decoded, refusal
from tests.app.uploading import encode, png


def files(*rows: list[int], **schema: Any) -> dict[str, bytes]:
    """Return images of one row, masks of these values, and a schema, by default of two classes."""
    whole = {"classes": ["background", "face"]} | schema
    upload = {"labelset.json": json.dumps(whole).encode()}
    for number, row in enumerate(rows):
        upload[f"images/{number}.png"] = png("RGB", (len(row), 1))
        upload[f"masks/{number}.png"] = encode(Image.frombytes("L", (len(row), 1), bytes(row)))
    return upload


def counts(
    folder: Path, upload: dict[str, bytes]
) -> tuple[list[tuple[int, ...]], tuple[LabelsetWarning, ...]]:
    """Return the pixels of each class by image, and the warnings."""
    result = decoded(folder, upload)
    assert result.flaws == ()
    return [entry.class_pixels for entry in result.entries], result.warnings


def test_0_and_255_are_two_classes_if_unambiguous(tmp_path: Path) -> None:
    """This includes images filled by the object; the warning names the files."""
    pixels, warnings = counts(tmp_path, files([0, 255, 255], [255, 255], [0, 0]))
    assert pixels == [(1, 2), (0, 2), (2, 0)]
    assert [(one.code, one.num_files) for one in warnings] == [("binary_masks_mapped", 3)]


@pytest.mark.parametrize(
    ("upload", "message"),
    [
        (files([0, 255], ignore_index=255), "no mask has a pixel of class 'face' (1). Write 1"),
        (files([0, 1, 255], classes=["a", "b", "c"]), "pixel of class 'c' (2). Write 2"),
        (files([1, 255]), "pixel of class 'background' (0)"),
        (files([0, 254], ignore_index=254), "254, which is ignore_index"),
        (files([0, 0], [0, 0]), "got only 'background' in all of them"),
        (files([1, 1]), "got only 'face'"),
        (files([0, 1], [255, 255]), "got only 255, which is ignored"),
    ],
)
def test_a_class_without_pixels_is_refused_if_ambiguous(
    tmp_path: Path, upload: dict[str, bytes], message: str
) -> None:
    """The refusal names the mask, the value and the remedy."""
    flaw = refusal(tmp_path, upload)
    assert (flaw.file or "").startswith("masks/")
    assert message in flaw.detail


@pytest.mark.parametrize(
    "upload",
    [
        files([0, 1], classes=["a", "b", "c"]),
        files([0, 1, 255], classes=["a", "b", "c"], ignore_index=255),
    ],
)
def test_a_class_that_does_not_occur_gives_a_warning(
    tmp_path: Path, upload: dict[str, bytes]
) -> None:
    """Few images need not show every class; if `ignore_index` is declared, 255 is not a class."""
    _, (warning,) = counts(tmp_path, upload)
    assert (warning.code, "'c' (2)" in warning.detail) == ("empty_classes", True)


def test_0_and_255_beside_class_indices_give_a_warning(tmp_path: Path) -> None:
    """Two programs may have written the masks: one writes 1 for the object, the other 255."""
    pixels, (warning,) = counts(tmp_path, files([0, 1], [0, 255], [0, 0]))
    assert pixels == [(1, 1), (1, 0), (2, 0)]
    assert (warning.code, warning.files) == ("binary_masks_ignored", ("masks/1.png",))


@pytest.mark.parametrize(
    "upload", [files([0, 1], [0, 255], ignore_index=255), files([0, 1], [0, 1, 255])]
)
def test_ignored_pixels_need_no_warning(tmp_path: Path, upload: dict[str, bytes]) -> None:
    """They are declared, or the mask has an object too."""
    assert counts(tmp_path, upload)[1] == ()


@pytest.mark.parametrize(
    ("other", "is_noted"), [("FACE", True), ("f a ce", True), ("faces", False)]
)
def test_similar_names_give_a_warning(tmp_path: Path, other: str, *, is_noted: bool) -> None:
    """They are probably one class, misspelt."""
    warnings = counts(tmp_path, files([0, 1, 2], classes=["background", "face", other]))[1]
    assert [one.code for one in warnings] == ["similar_names"] * is_noted


def test_the_ignored_color_is_that_of_no_class(tmp_path: Path) -> None:
    """All pixels of the class would be ignored."""
    colors = {"colors": [[0, 0, 0], [9, 9, 9]], "ignore_color": [0, 0, 0]}
    flaw = refusal(tmp_path, files([0, 1], **colors))
    assert (flaw.file, "color of class 'background'" in flaw.detail) == ("labelset.json", True)


def test_names_that_look_the_same_are_equal(tmp_path: Path) -> None:
    """Two Unicode forms of a name are one name."""
    flaw = refusal(tmp_path, files([0, 1], classes=["\u00e9", "e\u0301"]))
    assert "class names must differ" in flaw.detail


def test_a_declared_value_is_not_asked_for_again(tmp_path: Path) -> None:
    """The advice differs if `ignore_index` is in the schema already."""
    declared = refusal(tmp_path, files([0, 255], ignore_index=255)).detail
    assert "remove ignore_index" in declared
    assert "declare it" not in declared


def test_valid_masks_have_no_warning(tmp_path: Path) -> None:
    """Masks of the declared classes give no warning."""
    assert counts(tmp_path, files([0, 1], [1, 0]))[1] == ()
