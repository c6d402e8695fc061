"""Tests of the old spelling of `colors` and `ignore_color` in an upload's labelset.json."""

import json

import httpx2
import pytest
from PIL import Image

from tests.app.uploading import as_form, encode, png

COLORS = [[0, 0, 0], [255, 205, 148]]


def colored(**schema: object) -> dict[str, bytes]:
    """Return an upload with one color mask of skin and this schema."""
    whole = {"classes": ["background", "skin"], "ignore_index": 255} | schema
    mask = Image.new("RGB", (8, 8), (255, 205, 148))
    mask.paste((0, 0, 0), (0, 0, 8, 4))
    mask.paste((9, 9, 9), (0, 0, 8, 1))
    return {
        "labelset.json": json.dumps(whole).encode(),
        "images/a.png": png("RGB", (8, 8)),
        "masks/a.png": encode(mask),
    }


def test_the_old_spelling_of_colors_is_accepted(client: httpx2.Client) -> None:
    """`colours` and `ignore_colour` of version 0.1 are read, and returned as `colors`."""
    files = colored(colours=COLORS, ignore_colour=[9, 9, 9])
    answer = client.post("/v1/labelsets", files=as_form(files))
    assert answer.status_code == 201, answer.text
    shown = answer.json()
    assert (shown["labels"]["colors"], shown["ignored_pixels"]) == (COLORS, 8)
    assert [one["num_pixels"] for one in shown["classes"]] == [24, 32]
    assert "colours" not in shown["labels"]


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"colors": COLORS, "colours": COLORS}, "'colors' and its old spelling 'colours'"),
        (
            {"colors": COLORS, "ignore_color": [9, 9, 9], "ignore_colour": [9, 9, 9]},
            "'ignore_color' and its old spelling 'ignore_colour'",
        ),
    ],
)
def test_both_spellings_at_once_are_refused(
    client: httpx2.Client, schema: dict[str, object], message: str
) -> None:
    """The refusal names the file, both fields and the one to remove."""
    answer = client.post("/v1/labelsets", files=as_form(colored(**schema)))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_upload")
    (flaw,) = answer.json()["errors"]
    assert flaw["file"] == "labelset.json"
    assert message in flaw["detail"]
    assert "Remove" in flaw["detail"]
