"""Galleries: the samples of a batch and a labelset's images, with their labels drawn over them."""

import io

import httpx2
import pytest
from PIL import Image

from state.store import Store
from tests.app.ui.conftest import Send, words
from tests.app.uploading import all_kinds, encode, zipped

COLORS = {"skin": (245, 158, 82), "hair": (91, 141, 239)}


def pixel(answer: httpx2.Response, place: tuple[int, int]) -> tuple[int, ...]:
    """Return a pixel of a picture as red, green, blue and alpha."""
    assert answer.status_code == 200, answer.text
    with Image.open(io.BytesIO(answer.content)) as image:
        value = image.convert("RGBA").getpixel(place)
    assert isinstance(value, tuple)
    return tuple(map(int, value))


def test_every_sample_has_its_layers(client: httpx2.Client, batch_id: str) -> None:
    """A sample of any shard is found by its index: its image, its classes in color, its uncertainty."""
    for place in (0, 4, 7):
        base = f"/ui/batches/{batch_id}/samples/{place}"
        assert pixel(client.get(f"{base}/image"), (0, 0)) == (200, place, 0, 255)
        name = ("skin", "hair")[place % 2]
        assert pixel(client.get(f"{base}/mask"), (0, 7))[:3] == COLORS[name]
        assert pixel(client.get(f"{base}/mask"), (0, 7))[3] > 100
        assert pixel(client.get(f"{base}/mask"), (0, 0))[3] == 0
        assert pixel(client.get(f"{base}/indices"), (0, 7))[0] == 1 + place % 2
        assert pixel(client.get(f"{base}/uncertainty"), (0, 0)) == (255, 174, 0, 143)
        assert client.get(f"{base}/depth").status_code == 404


def test_the_gallery_shows_samples_without_a_script(client: httpx2.Client, batch_id: str) -> None:
    """The image with its overlay, the facts of the sample, and links to the ones around it."""
    gallery = client.get(f"/ui/batches/{batch_id}/samples")
    assert "1 to 8 of 8" in words(gallery)
    page = client.get(f"/ui/batches/{batch_id}/samples/4")
    base = f"/ui/batches/{batch_id}/samples"
    for address in (f"{base}/4/image", f"{base}/4/mask", f"{base}/4/uncertainty"):
        assert f'src="{address}"' in page.text
    assert f'href="{base}/3"' in page.text
    assert f'href="{base}/5"' in page.text
    for fact in ("Sample 5 of 8", "seed 1, index 4", "uncertainty 0.250", "skin", "hair"):
        assert fact in words(page)


@pytest.mark.parametrize("place", ["8", "-1", "99999999999999", "x"])
def test_a_sample_that_does_not_exist_is_a_page(
    client: httpx2.Client, batch_id: str, place: str
) -> None:
    """404, or 422 for text that is no number."""
    answer = client.get(f"/ui/batches/{batch_id}/samples/{place}")
    assert answer.status_code in {404, 422}
    assert answer.headers["Content-Type"].startswith("text/html")


def test_a_batch_that_runs_has_no_gallery_yet(client: httpx2.Client, finished_fit_id: str) -> None:
    """409 says that it is not rendered."""
    body = {"fit": finished_fit_id, "n": 8}
    batch_id = client.post("/v1/batches", json=body).json()["id"]
    assert client.get(f"/ui/batches/{batch_id}/samples").status_code == 409


def test_labels_of_every_kind_are_drawn(client: httpx2.Client, send: Send) -> None:
    """Masks, keypoints and depth of an uploaded image are pictures; an image without one has no such layer."""
    files = {"archive": ("labels.zip", zipped(all_kinds()))}
    stored = send("/ui/labelsets/new", {}, "/ui/labelsets", files=files)
    assert stored.status_code == 303, words(stored)
    base = f"{stored.headers['Location']}/images"
    assert pixel(client.get(f"{base}/0/mask"), (0, 7))[:3] == COLORS["skin"]
    with Image.open(io.BytesIO(client.get(f"{base}/0/points").content)) as points:
        assert points.getbbox() is not None
        assert points.size == (512, 512)
    assert pixel(client.get(f"{base}/0/depth"), (0, 0))[:3] == (255, 255, 255)
    assert client.get(f"{base}/1/mask").status_code == 404
    assert "keypoints" in words(client.get(f"{base}/1"))


def test_only_pictures_are_served(client: httpx2.Client, store: Store, labelset_id: str) -> None:
    """Bytes that are no picture are never sent as one, whatever the store has."""
    store.put("image 0", b"<script>alert(1)</script>")
    assert client.get(f"/ui/labelsets/{labelset_id}/images/0/image").status_code == 404
    store.put("image 0", encode(Image.new("RGB", (4, 4))))
    answer = client.get(f"/ui/labelsets/{labelset_id}/images/0/image")
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
