"""Tests of reading a COCO file: limits and consistency."""

import json
from pathlib import Path

import pytest

from app.decoding.coco.file import read_coco
from app.decoding.protocol import SpooledFile
from app.decoding.refusal import Refused
from tests.app.decoding.coco.annotating import FILE, SQUARE, coco, read
from tests.app.decoding.limits import LIMITS


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"annotations": []}, "images: Expected a value, got none. Export the file again"),
        (coco({"image_id": 8}), "annotations.0 refers to image 8"),
        (coco({"category_id": 9}), "annotations.0 refers to category 9"),
        (coco(*[{}] * 6), "at most 5 annotations, got 6"),
        (
            coco({"segmentation": [SQUARE * 300]}),
            "at most 1000 corners and runs in all regions, got 1200",
        ),
        (coco(info="x" * 100_000), "at most 100000 bytes"),
        (
            coco(
                images=[
                    {"id": n, "file_name": f"{n}/a.png", "width": 1, "height": 1} for n in (1, 2)
                ]
            ),
            "image names without folder and suffix, got 'a' twice",
        ),
        (
            coco(categories=[{"id": 1, "name": name} for name in ("a", "b")]),
            "different ids of categories, got 1 twice",
        ),
        (
            coco(images=[{"id": 1, "file_name": n, "width": 1, "height": 1} for n in "ab"]),
            "got 1 twice",
        ),
        (
            coco(annotations=[{"image_id": 7, "segments_info": []}]),
            "got none. This is COCO for panoptic segmentation",
        ),
        (coco({"segmentation": 7}), "annotations.0.segmentation: expected a list of polygons"),
        (coco({"segmentation": [["x"]]}), "segmentation.polygons.0.0: Expected a number"),
    ],
)
def test_an_inconsistent_file_is_refused(tmp_path: Path, content: object, message: str) -> None:
    """Refused are missing fields, dangling and repeated ids, and exceeded limits."""
    with pytest.raises(Refused, match=message):
        read(tmp_path, content)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_is_read(tmp_path: Path, encoding: str) -> None:
    """A file with a byte order mark is decoded by it; editors on Windows write one."""
    path = tmp_path / FILE
    path.write_text(json.dumps(coco({"segmentation": [SQUARE]})), encoding=encoding)
    assert read_coco(SpooledFile(name=FILE, path=path), LIMITS).has_regions


def test_names_may_be_percent_encoded(tmp_path: Path) -> None:
    """Label Studio exports them so. An image with exactly that name comes first."""
    names = ("my%20cat.png", "100%25.png", "bird.png")
    images = [
        {"id": number, "file_name": name, "width": 8, "height": 8}
        for number, name in enumerate(names)
    ]
    path = tmp_path / FILE
    path.write_text(json.dumps(coco(images=images)))
    stems = {"my cat", "100%25", "100%", "bird"}
    content = read_coco(SpooledFile(name=FILE, path=path), LIMITS, stems)
    assert set(content.image_of) == {"my cat", "100%25", "bird"}
    assert set(read_coco(SpooledFile(name=FILE, path=path), LIMITS).image_of) == {
        "my%20cat",
        "100%25",
        "bird",
    }
