"""Tests of files that real tools write: each gives the right labels or the right refusal.

The uploads are in `tests/fixtures/labelsets`: one image of 64 x 64 pixels each, with the labels of a tool.
"""

import io
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from PIL import Image

from contracts.ids import DEFAULT_TENANT
from contracts.labelsets import LabelsetEntry, LabelsetManifest, StoredKeypoints
from state import keys, records
from state.store import Store

FOLDER = Path(__file__).parents[2] / "fixtures" / "labelsets"
_EXPORTED = [
    "background",
    "skin",
    "hair",
    "eyes",
    "brows",
    "nose",
    "mouth",
    "neck",
    "clothing",
    "glasses",
    "hat",
]
_EXPORTED_PIXELS = [4350, 1210, 1226, 50, 51, 78, 58, 341, 680, 148, 0]


def upload(client: httpx2.Client, name: str) -> httpx2.Response:
    """Send one of the uploads."""
    (path,) = FOLDER.glob(f"{name}.*")
    return client.post("/v1/labelsets", files={"archive": (path.name, path.read_bytes())})


def created(client: httpx2.Client, name: str) -> dict[str, Any]:
    """Send a valid upload and return the labelset."""
    answer = upload(client, name)
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def entry(store: Store, shown: dict[str, Any]) -> LabelsetEntry:
    """Return the first stored entry."""
    manifest = records.read(
        store, keys.manifest(DEFAULT_TENANT, "labelsets", shown["id"]), LabelsetManifest
    )
    assert manifest is not None
    return manifest.entries[0]


@pytest.mark.parametrize(
    ("name", "classes", "warnings"),
    [
        ("01-binary-mask-0-255", {"background": 3328, "face": 768}, {"binary_masks_mapped"}),
        ("02-palette-order-of-its-own", {"background": 3328, "face": 704, "mouth": 64}, set()),
        (
            "08-coco-box-only-object",
            {"background": 3248, "face": 768, "mouth": 0},
            {"coco_boxes_ignored", "empty_classes"},
        ),
        ("11-coco-every-mask-is-crowd", {"background": 3328, "face": 768}, {"coco_crowds_drawn"}),
        ("12-coco-bom", {"background": 3328, "face": 768, "mouth": 0}, {"empty_classes"}),
        ("14-coco-root-category", {"background": 3328, "face": 768}, {"coco_categories_skipped"}),
        (
            "15-coco-root-named-as-its-class",
            {"background": 3328, "face": 768},
            {"coco_categories_skipped"},
        ),
        ("16-coco-labelme-background", {"_background_": 3328, "face": 768}, set()),
        ("17-macos-tar-appledouble", {"background": 3328, "face": 768}, set()),
        ("19-names-nfd-and-nfc", {"background": 3328, "face": 768}, set()),
        (
            "20-zip-utf8-names-without-flag",
            {"background": 3328, "face": 768, "mouth": 0},
            {"empty_classes"},
        ),
        (
            "23-coco-flat-segmentation",
            {"background": 3328, "face": 768, "mouth": 0},
            {"empty_classes"},
        ),
        ("24-coco-skeleton-from-0", {"background": 3328, "face": 768}, set()),
        (
            "27-export-coco-sent-back",
            dict(zip(_EXPORTED, _EXPORTED_PIXELS, strict=True)),
            {"coco_categories_skipped", "empty_classes"},
        ),
    ],
)
def test_masks_of_real_tools_have_the_right_pixels(
    client: httpx2.Client, name: str, classes: dict[str, int], warnings: set[str]
) -> None:
    """Every class has its pixels, and ambiguous input has its warning."""
    shown = created(client, name)
    assert {one["name"]: one["num_pixels"] for one in shown["classes"]} == classes
    assert {one["code"] for one in shown["warnings"]} == warnings


def test_a_4_bit_grey_mask_keeps_its_values(client: httpx2.Client) -> None:
    """Sample 1 is class 1, not 17."""
    shown = created(client, "04-grey-4-bit-mask")
    pixels = {one["name"]: one["num_pixels"] for one in shown["classes"] if one["num_pixels"]}
    assert pixels == {"background": 3328, "c1": 768}


def test_a_mask_is_oriented_like_its_image(client: httpx2.Client, store: Store) -> None:
    """Both have EXIF orientation 6: upright, the class is on the right."""
    stored = entry(store, created(client, "06-exif-on-image-and-mask"))
    assert stored.mask is not None
    mask = np.asarray(Image.open(io.BytesIO(store.get(stored.mask.key))))
    assert (mask[:, 44:] == 1).all()
    assert not mask[:, :44].any()


def test_a_coco_file_of_boxes_is_refused_by_name(client: httpx2.Client) -> None:
    """The refusal names the COCO file, not a labelset.json that was not sent."""
    answer = upload(client, "10-coco-boxes-only")
    (flaw,) = answer.json()["errors"]
    assert (answer.status_code, flaw["file"]) == (422, "annotations.json")
    assert "only boxes" in flaw["detail"]


def test_keypoints_with_a_byte_order_mark_are_read(client: httpx2.Client, store: Store) -> None:
    """A keypoint file with a byte order mark is read."""
    stored = entry(store, created(client, "13-keypoints-bom"))
    assert stored.keypoints is not None
    (nose,) = StoredKeypoints.model_validate_json(store.get(stored.keypoints.key)).points
    assert (nose.x, nose.y, nose.visibility) == (3, 4, 2)


def test_names_are_returned_in_nfc(client: httpx2.Client) -> None:
    """NFD names and UTF-8 names without the flag are returned in NFC."""
    for name in ("19-names-nfd-and-nfc", "20-zip-utf8-names-without-flag"):
        assert [one["name"] for one in created(client, name)["entries"]] == ["Zoë_é"]


def test_zero_in_an_npy_is_unknown(client: httpx2.Client) -> None:
    """0 is unknown by default, as in a PNG."""
    depth = created(client, "21-depth-npy-zero-unknown")["depth"]
    assert (depth["num_pixels"], round(depth["nearest"], 3)) == (3456, 0.5)


def test_whole_coordinates_are_pixel_indices(client: httpx2.Client, store: Store) -> None:
    """A fraction in an unlabelled point does not matter: the center of pixel 10 is 10.5."""
    stored = entry(store, created(client, "22-coco-offset-by-unlabelled-point"))
    assert stored.keypoints is not None
    point = StoredKeypoints.model_validate_json(store.get(stored.keypoints.key)).points[0]
    assert (point.x, point.y) == (10.5, 10.5)


def test_an_extended_file_name_is_read(client: httpx2.Client) -> None:
    """`filename*` (RFC 5987) is accepted, because some HTTP clients send it for names that are not ASCII."""
    body = (FOLDER / "29-form-filename-star.bin").read_bytes()
    headers = {"Content-Type": "multipart/form-data; boundary=xBOUNDx"}
    answer = client.post("/v1/labelsets", content=body, headers=headers)
    assert answer.status_code == 201, answer.text
    assert [one["name"] for one in answer.json()["entries"]] == ["été"]
