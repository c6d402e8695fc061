"""CVAT for images 1.1: shapes in their order, run lengths, keypoints, and the errors that prevent wrong labels."""

from collections.abc import Callable

import pytest

from handsoff_client.converters.formats.cvat import convert
from handsoff_shards.errors import InvalidInput
from tests.client.converters.conftest import TURNED, Export, Result, save_image

Convert = Callable[..., Result]
SVG = (
    '&lt;line data-node-from="1" data-node-to="2"&gt;&lt;/line&gt;'
    '&lt;circle data-node-id="1" data-label-name="left"&gt;&lt;/circle&gt;'
    '&lt;circle data-node-id="2" data-label-name="right"&gt;&lt;/circle&gt;'
)
LABELS = {
    "cat": "<color>#ff0000</color><type>any</type>",
    "dog": "<color>#00ff00</color><type>any</type>",
    "face": f"<type>skeleton</type><svg>{SVG}</svg>",
    "left": "<type>points</type><parent>face</parent>",
    "right": "<type>points</type><parent>face</parent>",
}


def xml(shapes: str, *, name: str = "a.png", size: tuple[int, int] = (8, 6), more: str = "") -> str:
    """Return an annotations.xml of one image with shapes."""
    labels = "".join(f"<label><name>{one}</name>{text}</label>" for one, text in LABELS.items())
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version><meta><task>'
        f"<labels>{labels}</labels></task></meta>"
        f'<image id="0" name="{name}" width="{size[0]}" height="{size[1]}">{shapes}</image>{more}'
        "</annotations>"
    )


def polygon(label: str, points: str, z_order: int = 0) -> str:
    """Return one polygon."""
    return f'<polygon label="{label}" occluded="0" points="{points}" z_order="{z_order}"></polygon>'


LEFT, ALL = "0,0;4,0;4,6;0,6", "0,0;8,0;8,6;0,6"


@pytest.fixture
def of(export: Export, converted: Convert) -> Convert:
    """Convert one image a.png of 8 x 6 with these shapes."""

    def run(shapes: str, **choices: object) -> Result:
        folder = export({"annotations.xml": xml(shapes)})
        save_image(folder / "images" / "a.png")
        return converted(convert, folder, **choices)

    return run


def test_a_subset_is_the_folder_of_its_images(export: Export, converted: Convert) -> None:
    """Two subsets of a project may have images of one name."""
    image = f'<image id="1" name="a.png" subset="Test" width="8" height="6">{polygon("dog", ALL)}</image>'
    text = xml(polygon("cat", ALL), more=image).replace(
        'name="a.png" width', 'name="a.png" subset="Train" width', 1
    )
    folder = export({"annotations.xml": text})
    for subset in ("Train", "Test"):
        save_image(folder / "images" / subset / "a.png")
    masks = converted(convert, folder).masks
    assert (masks["Train-a"], masks["Test-a"]) == ([[1] * 8] * 6, [[2] * 8] * 6)


def test_z_order_decides_what_is_in_front(of: Convert) -> None:
    """The large shape covers the small one if its z_order is higher, although it is first in the file."""
    covered = of(polygon("cat", ALL, 2) + polygon("dog", LEFT, 1))
    assert covered.masks["a"] == [[1] * 8] * 6
    assert covered.schema["classes"] == ["background", "cat", "dog"]
    assert covered.schema["colors"] == [[0, 0, 0], [255, 0, 0], [0, 255, 0]]


def test_equal_z_order_keeps_the_order_of_the_file(of: Convert) -> None:
    """A later shape is in front."""
    assert of(polygon("cat", ALL) + polygon("dog", LEFT)).masks["a"] == [[2] * 4 + [1] * 4] * 6


def test_a_mask_is_row_by_row_in_its_box(of: Convert) -> None:
    """Runs start with zeros and go along the rows of the box."""
    shape = '<mask label="dog" rle="1, 2, 2, 1" left="2" top="1" width="3" height="2" z_order="0"/>'
    mask = of(shape).masks["a"]
    assert mask[1] == [0, 0, 0, 2, 2, 0, 0, 0]
    assert mask[2] == [0, 0, 0, 0, 2, 0, 0, 0]
    assert sum(map(sum, mask)) == 6


def test_a_mask_beyond_the_image_is_refused(of: Convert) -> None:
    """The box must be inside, else runs would be in wrong rows."""
    shape = '<mask label="dog" rle="0, 6" left="7" top="1" width="3" height="2"/>'
    with pytest.raises(InvalidInput, match="is not inside the image of 8 x 6"):
        of(shape)


def test_an_ellipse_is_filled(of: Convert) -> None:
    """Center and radii, without rotation."""
    mask = of('<ellipse label="cat" cx="4" cy="3" rx="4" ry="3"/>').masks["a"]
    assert mask[3] == [1] * 8
    assert mask[0] == [0, 0, 1, 1, 1, 1, 0, 0]


def test_boxes_are_refused(of: Convert) -> None:
    """A box is no mask, unless the user says that objects fill their boxes."""
    box = '<box label="cat" xtl="0" ytl="0" xbr="4" ybr="6"/>'
    with pytest.raises(
        InvalidInput, match=r"a box of 'cat' does not say which pixels.*--boxes-as-masks"
    ):
        of(box)
    assert of(box, boxes_as_masks=True).masks["a"] == [[1] * 4 + [0] * 4] * 6


@pytest.mark.parametrize("kind", ["polyline", "cuboid"])
def test_other_shapes_are_refused(of: Convert, kind: str) -> None:
    """They have no pixels, so the object would become background."""
    with pytest.raises(InvalidInput, match=f"a {kind} of 'cat'"):
        of(f'<{kind} label="cat" points="0,0;4,4"/>')


def test_an_undeclared_label_is_refused(of: Convert) -> None:
    """The message names image and label."""
    with pytest.raises(InvalidInput, match=r"image a.png.*'bird' is not declared"):
        of(polygon("bird", LEFT))


def test_a_skeleton_becomes_keypoints(of: Convert) -> None:
    """Outside is not labelled, occluded is visibility 1; the drawing of the label has the lines."""
    result = of(
        '<skeleton label="face" z_order="0"><points label="right" outside="0" occluded="1" points="2.5,3"/>'
        '<points label="left" outside="1" occluded="0" points="1,1"/></skeleton>'
    )
    visible = {one["name"]: one["visibility"] for one in result.keypoints["a"]}
    assert visible == {"right": 1, "left": 0}
    assert result.schema["keypoints"] == {
        "names": ["left", "right"],
        "skeleton": [["left", "right"]],
    }
    assert "classes" not in result.schema


def test_two_skeletons_are_refused(of: Convert) -> None:
    """An image has one set of keypoints."""
    skeleton = '<skeleton label="face"><points label="left" points="1,1"/></skeleton>'
    with pytest.raises(InvalidInput, match="keypoints of one object, got 2 skeletons"):
        of(skeleton * 2)


def test_single_points_are_keypoints_by_their_label(of: Convert) -> None:
    """A label that is only used for points is no class."""
    result = of(polygon("cat", LEFT) + '<points label="dog" occluded="0" points="1.5,2"/>')
    assert result.keypoints["a"] == [{"name": "dog", "x": 1.5, "y": 2.0, "visibility": 2}]
    assert result.schema["classes"] == ["background", "cat"]


def test_points_of_one_label_are_refused(of: Convert) -> None:
    """It is unknown which of them is which."""
    with pytest.raises(InvalidInput, match="has 2 points, so their names are unknown"):
        of('<points label="dog" points="1,2;3,4"/>')


def test_a_polygon_outside_the_image_is_left_out(of: Convert) -> None:
    """With a note. A part outside is cut off."""
    result = of(polygon("cat", "20,20;30,20;30,30") + polygon("dog", "4,-9;99,-9;99,99;4,99"))
    assert result.masks["a"] == [[0] * 4 + [2] * 4] * 6
    assert "outside the image are left out (a.png, <polygon> of 'cat')" in result.notes


def test_a_label_can_mean_ignored_pixels(of: Convert) -> None:
    """Its pixels are 255, and it is no class."""
    result = of(polygon("cat", ALL) + polygon("dog", LEFT, 1), ignore_label="dog")
    assert result.masks["a"] == [[255] * 4 + [1] * 4] * 6
    assert result.schema["classes"] == ["background", "cat"]
    assert result.schema["ignore_index"] == 255


def test_an_image_without_shapes_is_left_out(export: Export, converted: Convert) -> None:
    """It may be unlabelled: a note says so, and an option makes it background."""
    more = '<image id="1" name="b.png" width="8" height="6"/>'
    folder = export({"annotations.xml": xml(polygon("cat", LEFT), more=more)})
    for name in "abc":
        save_image(folder / "images" / f"{name}.png")
    result = converted(convert, folder)
    assert result.images == ["a.png"]
    assert "images without labels are left out" in result.notes
    assert "no annotation mentions are left out (images/c.png)" in result.notes
    assert converted(convert, folder, missing_is_background=True).masks["b"] == [[0] * 8] * 6


def test_a_missing_image_is_named(export: Export, converted: Convert) -> None:
    """The error says where it was searched; an option leaves it out."""
    more = f'<image id="1" name="sub/b.png" width="8" height="6">{polygon("cat", LEFT)}</image>'
    folder = export({"annotations.xml": xml(polygon("cat", LEFT), more=more)})
    save_image(folder / "images" / "a.png")
    with pytest.raises(InvalidInput, match=r"the image 'sub/b.png' below .* --images FOLDER"):
        converted(convert, folder)
    assert converted(convert, folder, skip_missing=True).images == ["a.png"]


def test_a_turned_photograph_fits_its_upright_size(export: Export, converted: Convert) -> None:
    """CVAT annotates the upright image. An annotation of the stored one is refused: it would be turned wrongly."""
    folder = export({"annotations.xml": xml(polygon("cat", LEFT), name="a.jpg")})
    save_image(folder / "a.jpg", (6, 8), TURNED)
    result = converted(convert, folder)
    assert len(result.masks["a"]) == 6
    assert "turned by their EXIF orientation" in result.notes
    save_image(folder / "a.jpg", (8, 6), TURNED)
    with pytest.raises(InvalidInput, match="of the unturned photograph"):
        converted(convert, folder)


def test_another_size_is_refused(export: Export, converted: Convert) -> None:
    """A resized image has other pixels than the annotated one."""
    folder = export({"annotations.xml": xml(polygon("cat", LEFT))})
    save_image(folder / "a.png", (16, 12))
    with pytest.raises(InvalidInput, match="8 x 6 pixels, as annotated, got 16 x 12"):
        converted(convert, folder)


def test_equal_names_in_subfolders(export: Export, converted: Convert) -> None:
    """Each annotation gets the image of its folder, and both get different names."""
    more = f'<image id="1" name="two/a.png" width="4" height="6">{polygon("dog", LEFT)}</image>'
    folder = export({"annotations.xml": xml(polygon("cat", LEFT), name="one/a.png", more=more)})
    save_image(folder / "images" / "one" / "a.png")
    save_image(folder / "images" / "two" / "a.png", (4, 6))
    result = converted(convert, folder)
    assert result.masks == {"one-a": [[1] * 4 + [0] * 4] * 6, "two-a": [[2] * 4] * 6}


def test_an_ambiguous_name_is_refused(export: Export, converted: Convert) -> None:
    """Two images fit the annotation equally well."""
    folder = export({"annotations.xml": xml(polygon("cat", LEFT))})
    for name in ("one", "two"):
        save_image(folder / name / "a.png")
    with pytest.raises(InvalidInput, match=r"'a.png' can be one/a.png or two/a.png"):
        converted(convert, folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<annotations>", "not valid XML"),
        ("<other/>", "expected <annotations>, got <other>"),
        ("<annotations><track/></annotations>", "an export for video"),
        ("<!DOCTYPE a><annotations/>", "a document type is not expected"),
        ("<annotations/>", "expected <image> elements"),
        ('<annotations><image name="a"/></annotations>', "expected <labels>"),
    ],
)
def test_other_files_are_refused(
    export: Export, converted: Convert, text: str, message: str
) -> None:
    """The message says what the file is, and which export to use."""
    with pytest.raises(InvalidInput, match=message):
        converted(convert, export({"annotations.xml": text}))


def test_a_byte_order_mark_and_windows_line_ends(export: Export, converted: Convert) -> None:
    """Editors on Windows add them."""
    text = xml(polygon("cat", LEFT)).replace("\n", "\r\n")
    folder = export({"annotations.xml": text.encode("utf-8-sig")})
    save_image(folder / "a.png")
    assert converted(convert, folder / "annotations.xml").masks["a"][0] == [1] * 4 + [0] * 4
