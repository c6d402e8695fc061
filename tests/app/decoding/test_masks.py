"""Promises of the mask reader: what is taken, what is refused, and what the refusal says."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from app.decoding.masks import count_classes, read_mask
from app.decoding.protocol import UploadSchema
from app.decoding.refusal import Refused
from tests.app.uploading import encode, png

MAX_PIXELS = 1_000
UPLOAD = UploadSchema(classes=("background", "skin"))
COLOURED = UploadSchema(
    classes=("background", "skin"),
    colours=((0, 0, 0), (255, 205, 148)),
    ignore_colour=(224, 224, 192),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file under test lies."""
    return tmp_path / "file"


@pytest.mark.parametrize(("mode", "value", "expected"), [("L", 2, 2), ("P", 2, 2), ("1", 1, 1)])
def test_a_mask_gives_its_indices(path: Path, mode: str, value: Any, expected: int) -> None:
    """A palette's index, a grey value or a bit is the class, whatever its colour."""
    mask = Image.new(mode, (2, 1), value)
    if mode == "P":
        mask.putpalette([200, 0, 0, 0, 200, 0, 7, 7, 7])
    path.write_bytes(encode(mask))
    found = read_mask(path, "a", MAX_PIXELS, UPLOAD)
    assert (found.mode, set(found.tobytes())) == ("L", {expected})


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "I;16"])
def test_a_mask_of_colours_is_refused(path: Path, mode: str) -> None:
    """A mask must hold class indices; the refusal says so."""
    path.write_bytes(png(mode, (2, 2)))
    with pytest.raises(Refused, match="class indices were expected"):
        read_mask(path, "a", MAX_PIXELS, UPLOAD)


def test_a_lossy_mask_is_refused(path: Path) -> None:
    """A JPEG smears classes into each other."""
    path.write_bytes(encode(Image.new("L", (2, 2)), "JPEG"))
    with pytest.raises(Refused, match="not a readable PNG"):
        read_mask(path, "a", MAX_PIXELS, UPLOAD)


def test_classes_are_counted() -> None:
    """Pixels are counted by class, the ignored ones apart."""
    mask = Image.frombytes("L", (4, 1), bytes([0, 1, 1, 255]))
    assert count_classes(mask, "a", UPLOAD) == ((1, 2), 1)


def test_a_value_that_is_no_class_is_refused() -> None:
    """The refusal names the value, what the schema has, and what to do."""
    mask = Image.frombytes("L", (2, 1), bytes([0, 7]))
    with pytest.raises(Refused, match="value 7, but the schema has classes 0 to 1"):
        count_classes(mask, "a", UPLOAD)


def test_a_mask_that_labels_nothing_is_refused() -> None:
    """Nothing can be learnt from ignored pixels alone, nor scored on them."""
    with pytest.raises(Refused, match="labels nothing"):
        count_classes(Image.new("L", (2, 2), 255), "a", UPLOAD)


def test_colours_become_the_indices_of_their_classes(path: Path) -> None:
    """With the classes' colours in the schema, an RGB mask is read by them, the ignored colour too."""
    pixels = bytes([0, 0, 0, 255, 205, 148, 224, 224, 192])
    path.write_bytes(encode(Image.frombytes("RGB", (3, 1), pixels)))
    assert list(read_mask(path, "a", MAX_PIXELS, COLOURED).tobytes()) == [0, 1, 255]


def test_a_colour_that_no_class_has_is_refused(path: Path) -> None:
    """One smoothed pixel is found and named by its place and colour."""
    path.write_bytes(encode(Image.frombytes("RGB", (2, 1), bytes([0, 0, 0, 254, 205, 148]))))
    with pytest.raises(Refused, match=r"column 1, row 0 has colour \[254, 205, 148\]"):
        read_mask(path, "a", MAX_PIXELS, COLOURED)
