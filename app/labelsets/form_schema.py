"""The OpenAPI description of the upload form, which `forms.py` parses instead of FastAPI."""

from typing import Any

_SCHEMA_EXAMPLES = [
    '{"name": "faces", "classes": ["background", "skin", "hair"], "ignore_index": 255}',
    (
        '{"name": "heads", "classes": ["background", "skin"], "colors": [[0, 0, 0], [255, 205, 148]],'
        ' "keypoints": {"names": ["head_top", "chin"], "skeleton": [["head_top", "chin"]],'
        ' "reference": ["head_top", "chin"]}, "depth": {"unit": "m", "scale": 0.001, "unknown": 0}}'
    ),
]

_FILE = {"type": "string", "format": "binary"}


def _file(description: str) -> dict[str, object]:
    return {**_FILE, "description": description}


def _files(description: str) -> dict[str, object]:
    return {"type": "array", "items": _FILE, "description": description}


LABELSET_PARTS: dict[str, Any] = {
    "archive": _file(
        "A zip or tar of images/NAME.png (or .jpg, .webp), labelset.json, and labels: masks/NAME.png,"
        " keypoints/NAME.json, depth/NAME.png (or .npy), or one COCO file annotations.json"
    ),
    "images": _files("Images (PNG, JPEG, WebP), if there is no archive"),
    "masks": _files(
        "Masks (PNG of class indices, or of colors if the schema has `colors`), each named like its image"
    ),
    "keypoints": _files(
        '`{"keypoints": [{"name": "nose", "x": 31.5, "y": 20, "visibility": 2}]}` for each image'
    ),
    "depth": _files("Depth maps: 16-bit PNG, or npy of floats with NaN for unknown depth"),
    "annotations": _file("One COCO JSON file: polygons, RLE masks, keypoints with visibility"),
    "schema": {
        "type": "string",
        "description": "The text of labelset.json; a file is also accepted",
        "examples": _SCHEMA_EXAMPLES,
    },
}
"""The parts of the form: labelled images."""

FORM_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "title": "LabelsetForm",
                    "additionalProperties": False,
                    "properties": LABELSET_PARTS,
                }
            }
        },
    }
}
