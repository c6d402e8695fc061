"""A misspelt field of `labelset.json` is refused, also one that could be the part of a further task."""

import json

import httpx2
import numpy as np
import pytest
from PIL import Image

from tests.app.uploading import as_form, encode


@pytest.mark.parametrize(
    "field",
    [
        {"keypoint": {"names": ["nose"]}},
        {"depht": {"scale": 1}},
        {"ignore_indx": 254},
        {"coulors": [[0, 0, 0], [1, 1, 1]]},
    ],
)
def test_a_misspelt_field_is_refused(client: httpx2.Client, field: dict[str, object]) -> None:
    """The message names the file and the field."""
    mask = np.zeros((32, 32), np.uint8)
    mask[:, 16:] = 1
    schema = {"name": "halves", "classes": ["left", "right"], **field}
    files = {
        "labelset.json": json.dumps(schema).encode(),
        "images/0.png": encode(Image.new("RGB", (32, 32), (9, 9, 9))),
        "masks/0.png": encode(Image.fromarray(mask)),
    }
    response = client.post("/v1/labelsets", files=as_form(files))
    (flaw,) = response.json()["errors"]
    assert (response.status_code, flaw["file"]) == (422, "labelset.json")
    assert next(iter(field)) in flaw["detail"]
