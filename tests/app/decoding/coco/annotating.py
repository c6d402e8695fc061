"""Builds and reads COCO files for tests."""

import json
from pathlib import Path
from typing import Any

from app.decoding.coco.file import CocoFile, read_coco
from app.decoding.protocol import SpooledFile
from tests.app.decoding.limits import LIMITS

FILE = "coco.json"
SQUARE = [0, 0, 4, 0, 4, 4, 0, 4]
DOT = [1, 1, 2, 1, 2, 2, 1, 2]


def coco(*annotations: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """Return a file about one image of 6 x 4 pixels; annotations are of category 1 by default."""
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
    """Write and read a COCO file."""
    path = tmp_path / FILE
    path.write_text(json.dumps(content))
    return read_coco(SpooledFile(name=FILE, path=path), LIMITS)
