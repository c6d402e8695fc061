"""Pascal VOC masks, CVAT's segmentation masks, and boxes of VOC."""

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handsoff_client.converters.formats import cvat
from handsoff_client.converters.formats.voc import convert
from handsoff_shards.errors import InvalidInput
from tests.client.converters.conftest import Export, Result, save_image, save_mask

Convert = Callable[..., Result]
LABELMAP = (
    "# label:color_rgb:parts:actions\r\nbackground:0,0,0::\r\ncat:128,0,0::\r\ndog:0,128,0::\r\n"
)
PALETTE = [0, 0, 0, 128, 0, 0, 0, 128, 0] + [0] * (3 * 252) + [224, 224, 192]
VALUES = [[0, 1], [2, 255]]


def with_mask(folder: Path, name: str = "a", palette: list[int] | None = None) -> Path:
    """Add an image of 2 x 2 and its mask."""
    save_image(folder / "JPEGImages" / f"{name}.png", (2, 2))
    save_mask(folder / "SegmentationClass" / f"{name}.png", VALUES, palette)
    return folder


def test_palette_masks_with_void(export: Export, converted: Convert) -> None:
    """255 is ignored, with a note; it is never background."""
    folder = with_mask(export({}), palette=PALETTE)
    result = converted(convert, folder, classes=["background", "cat", "dog"])
    assert result.masks["a"] == VALUES
    assert result.schema["classes"] == ["background", "cat", "dog"]
    assert "pixels without a label" in result.notes


def test_names_are_never_guessed(export: Export, converted: Convert) -> None:
    """Without a list of classes, the error says how to give one; voc stands for the usual ones."""
    folder = with_mask(export({}))
    with pytest.raises(InvalidInput, match="--classes background"):
        converted(convert, folder)
    assert converted(convert, folder, classes=["voc"]).schema["classes"][1:3] == [
        "aeroplane",
        "bicycle",
    ]


def test_an_unknown_value_is_named(export: Export, converted: Convert) -> None:
    """With its place in the mask."""
    folder = with_mask(export({}))
    with pytest.raises(InvalidInput, match="got 2 at column 0, row 1"):
        converted(convert, folder, classes=["background", "cat"])


@pytest.mark.parametrize("mode", ["P", "RGB"])
def test_colors_of_a_labelmap(export: Export, converted: Convert, mode: str) -> None:
    """CVAT writes palettes or RGB; the color decides in both, not the index."""
    folder = export({"labelmap.txt": LABELMAP})
    save_image(folder / "JPEGImages" / "a.png", (3, 1))
    path = folder / "SegmentationClass" / "a.png"
    save_mask(path, [[5, 6, 7]], [0] * 15 + [0, 128, 0, 128, 0, 0, 0, 0, 0])
    Image.open(path).convert(mode).save(path)
    result = converted(cvat.convert, folder)
    assert result.masks["a"] == [[2, 1, 0]]
    assert result.schema["colors"] == [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
    assert result.conversion.tool == "CVAT segmentation mask 1.1"


@pytest.mark.parametrize("fill", [[0, 0, 0], [128, 0, 0], [9, 9, 9]])
def test_255_of_a_palette_is_void(export: Export, converted: Convert, fill: list[int]) -> None:
    """A short palette is filled with one color when it is saved, which may be that of a class."""
    folder = with_mask(export({"labelmap.txt": LABELMAP}), palette=PALETTE[:9] + fill * 253)
    assert converted(convert, folder).masks["a"] == VALUES


def test_0_and_255_alone_are_refused(export: Export, converted: Convert) -> None:
    """255 is ignored here, but many programs write it for the object."""
    folder = with_mask(export({}))
    save_mask(folder / "SegmentationClass" / "a.png", [[0, 255], [0, 255]])
    with pytest.raises(InvalidInput, match="If 255 is one of the classes cat, write its number"):
        converted(convert, folder, classes=["background", "cat"])


def test_lists_of_files(export: Export, converted: Convert) -> None:
    """Some tools list the files of the images instead of the names."""
    lists = {"labelmap.txt": LABELMAP, "ImageSets/Segmentation/train.txt": "a.png\r\n"}
    result = converted(convert, with_mask(export(lists), palette=PALETTE))
    assert list(result.masks) == ["a"]


def test_an_unknown_color_is_named(export: Export, converted: Convert) -> None:
    """Smoothed or undeclared colors have no class."""
    folder = export({"labelmap.txt": LABELMAP})
    save_image(folder / "JPEGImages" / "a.png", (2, 1))
    colors = np.array([[(128, 0, 0), (127, 0, 0)]], np.uint8)
    (folder / "SegmentationClass").mkdir()
    Image.fromarray(colors).save(folder / "SegmentationClass" / "a.png")
    with pytest.raises(InvalidInput, match=r"color \[127, 0, 0\] at column 1, row 0"):
        converted(convert, folder)


@pytest.mark.parametrize("line", ["cat", "cat:1,2::", "cat:0,0,0::", "background:9,9,9::"])
def test_a_wrong_labelmap_names_its_line(export: Export, converted: Convert, line: str) -> None:
    """Missing or repeated colors and names."""
    folder = with_mask(export({"labelmap.txt": f"background:0,0,0::\n{line}\n"}))
    with pytest.raises(InvalidInput, match=r"labelmap.txt:2: "):
        converted(convert, folder)


def test_grey_masks_of_4_bits(export: Export, converted: Convert) -> None:
    """Pillow scales their values when it reads them; the class is the value in the file."""
    folder = with_mask(export({}))
    path = folder / "SegmentationClass" / "a.png"
    image = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8))
    image.putpalette([channel for grey in range(16) for channel in (grey * 17,) * 3])
    image.save(path, bits=4)
    data = bytearray(path.read_bytes())
    grey = bytearray(data)
    grey[25] = 0  # color type: grey instead of palette
    start = grey.index(b"PLTE") - 4
    length = int.from_bytes(grey[start : start + 4], "big") + 12
    del grey[start : start + length]
    grey[29:33] = zlib.crc32(grey[12:29]).to_bytes(4, "big")
    path.write_bytes(grey)
    assert converted(convert, folder, classes=["background", "cat", "dog"]).masks["a"] == [
        [0, 1],
        [2, 1],
    ]


def test_lists_choose_images(export: Export, converted: Convert) -> None:
    """Of all lists or one split; a listed name without mask is an error."""
    lists = {
        "ImageSets/Segmentation/train.txt": "a\r\n\r\n",
        "ImageSets/Segmentation/val.txt": "b 1\n",
    }
    folder = export(lists)
    for name in "abc":
        with_mask(folder, name)
    choices = {"classes": ["background", "cat", "dog"]}
    result = converted(convert, folder, **choices)
    assert sorted(result.masks) == ["a", "b"]
    assert "does not list are left out (c)" in result.notes
    with pytest.raises(
        InvalidInput, match=r"a split of ImageSets/Segmentation \(train, val\), got 'test'"
    ):
        converted(convert, folder, split="test", **choices)
    (folder / "SegmentationClass" / "b.png").unlink()
    with pytest.raises(InvalidInput, match="ImageSets/ lists 'b'"):
        converted(convert, folder, **choices)


def test_images_without_mask_and_masks_without_image(export: Export, converted: Convert) -> None:
    """The first are left out with a note, the second are an error."""
    folder = with_mask(export({}))
    save_image(folder / "JPEGImages" / "b.png", (2, 2))
    choices = {"classes": ["background", "cat", "dog"]}
    assert (
        "no annotation mentions are left out (b.png)" in converted(convert, folder, **choices).notes
    )
    result = converted(convert, folder, missing_is_background=True, **choices)
    assert result.masks["b"] == [[0, 0], [0, 0]]
    save_mask(folder / "SegmentationClass" / "c.png", VALUES)
    with pytest.raises(InvalidInput, match="expected the image 'c'"):
        converted(convert, folder, **choices)


def test_a_mask_of_another_size_is_refused(export: Export, converted: Convert) -> None:
    """Both sizes are named."""
    folder = with_mask(export({}))
    save_image(folder / "JPEGImages" / "a.png", (4, 2))
    with pytest.raises(
        InvalidInput, match="a mask of 4 x 2 pixels, the size of the upright image, got 2 x 2"
    ):
        converted(convert, folder, classes=["background", "cat", "dog"])


def test_classes_without_background(export: Export, converted: Convert) -> None:
    """If 0 has another name, every pixel belongs to a class: no background is added."""
    folder = with_mask(export({}))
    result = converted(convert, folder, classes=["road", "sky", "car"])
    assert result.schema["classes"] == ["road", "sky", "car"]
    assert result.masks["a"] == VALUES


BOXES = (
    "<annotation><filename>a.png</filename><size><width>4</width><height>3</height></size><object><name>cat</name>"
    "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>3</ymax></bndbox></object></annotation>"
)


def test_boxes_are_no_masks(export: Export, converted: Convert) -> None:
    """They are refused unless the user says that objects fill them. VOC counts pixels from 1."""
    folder = export({"Annotations/a.xml": BOXES})
    save_image(folder / "JPEGImages" / "a.png", (4, 3))
    with pytest.raises(InvalidInput, match="A box does not say which pixels"):
        converted(convert, folder)
    assert converted(convert, folder, boxes_as_masks=True).masks["a"] == [[1, 1, 0, 0]] * 3


def test_an_empty_folder_is_refused(export: Export, converted: Convert) -> None:
    """The message names the folder that masks are expected in."""
    with pytest.raises(InvalidInput, match="SegmentationClass/ with PNG masks"):
        converted(convert, export({"a.txt": ""}))
