"""The contact sheet of a batch."""

import io
from pathlib import Path

import httpx2
import numpy as np
import pytest
from PIL import Image

from handsoff_client import BatchFolder, HandsOffError, InvalidInput, Labels
from handsoff_client.data.previews import class_colors, contact_sheet, contact_sheet_png
from handsoff_shards.labels import KeypointLabels
from tests.client.conftest import Service, files_of, job, shards_of, tar_of

CLASSES = Labels(("background", "skin", "hair"), keypoints=KeypointLabels(("left", "right")))


def preview_answers(url: str, data: bytes) -> list[httpx2.Response | Exception]:
    """Return the answers for a preview of a batch of one shard with these bytes."""
    shard = shards_of(6)[0][0]
    listed = shard.__dict__ | {"expires_at": "2026-11-22T10:00:00Z", "url": url}
    shards = {"batch": "batch_1", "num_samples": 6, "items": [listed]}
    return [httpx2.Response(200, json=shards), httpx2.Response(200, stream=httpx2.ByteStream(data))]


def test_a_sheet_has_a_row_for_each_sample_and_a_column_for_each_label() -> None:
    """Columns are image, labels, depth and uncertainty. Without labels there is only the image."""
    whole = contact_sheet([("0", files_of(0)), ("1", files_of(1))], CLASSES, "title")
    one = contact_sheet([("0", files_of(0))], CLASSES, "title")
    bare = contact_sheet([("0", {"png": files_of(0)["png"]})], Labels(), "title")
    assert whole.width == one.width > bare.width
    assert whole.height > one.height


def test_a_class_has_the_color_of_its_palette() -> None:
    """The background has no color."""
    mask = np.zeros((8, 8), np.uint8)
    mask[:, 4:] = 1
    plain = Labels(("background", "skin"))
    sheet = np.asarray(contact_sheet([("0", files_of(0, mask))], plain, ""))
    tile = sheet[-218:-26, 208:400]
    palette_of_1 = np.array([1, 0, 254])  # as `files_of` writes it
    assert (tile[100:, 5:90] == 0).all()
    assert np.allclose(tile[100:, 100:], 0.55 * palette_of_1, atol=1)


def test_ignored_pixels_are_white_and_named() -> None:
    """They differ from the background, and the legend has one more entry; a sheet without them has none."""
    mask = np.zeros((8, 8), np.uint8)
    mask[:, 4:] = 7
    plain, odd = (Labels(("background", "skin"), ignore_index=index) for index in (255, 7))
    sheets = [
        np.asarray(contact_sheet([("0", files_of(0, mask))], labels, "")) for labels in (plain, odd)
    ]
    without, ignored = (sheet[-218:-26, 208:400] for sheet in sheets)
    assert (without[100:, 100:] == 0).all()
    assert np.allclose(ignored[100:, 100:], 0.55 * 255, atol=1)
    assert (ignored[100:, 5:90] == 0).all()
    first, second = (sheet[26:44] for sheet in sheets)
    assert not np.array_equal(first, second)


def test_colors_without_a_palette_differ() -> None:
    """There is one color per class."""
    many = Labels(tuple(f"class {number}" for number in range(40)))
    assert len(set(class_colors(many, None))) == 40


def test_long_and_odd_names_fit_on_the_sheet() -> None:
    """They are cut, and control characters are replaced."""
    odd = Labels(("background", "x" * 5_000, "\x1b[2J", "\u9aea"))
    sheet = contact_sheet([("0", files_of(0))], odd, "y" * 5_000)
    assert sheet.width < 2_000
    assert sheet.height < 2_000


@pytest.mark.parametrize("broken", [{"png": b"no picture"}, {"mask.png": b""}, {"json": b"{"}])
def test_a_damaged_sample_is_named(broken: dict[str, bytes]) -> None:
    """The message has its key."""
    with pytest.raises(InvalidInput, match="Sample '000000007'"):
        contact_sheet([("000000007", files_of(0) | broken)], CLASSES, "")
    with pytest.raises(InvalidInput, match="at least 1 sample"):
        contact_sheet([], CLASSES, "")


def test_the_first_samples_are_read_without_the_rest_of_the_shard(service: Service) -> None:
    """They are complete and in order, and the rest of the tar is not read."""
    data = tar_of(range(6))
    service.answers = preview_answers("http://service/files/0", data[: len(data) // 2])
    samples = service.client().batches.first_samples("batch_1", 2)
    assert [key for key, _ in samples] == ["000000000", "000000001"]
    assert samples[1][1] == files_of(1)
    assert contact_sheet_png(samples, CLASSES, "").startswith(b"\x89PNG")


@pytest.mark.parametrize("data", [b"no tar", b"", tar_of(range(6))[:700]])
def test_a_link_without_samples_is_an_error(service: Service, data: bytes) -> None:
    """The client raises an error of its tree."""
    service.answers = preview_answers("http://service/files/0", data)
    with pytest.raises(HandsOffError):
        contact_sheet(service.client().batches.first_samples("batch_1", 2), CLASSES, "")


def test_the_sheet_of_a_fit_is_written_atomically(service: Service, tmp_path: Path) -> None:
    """A web page instead of a PNG, or a missing sheet, leaves no file."""
    link = {"url": "http://service/fit.png", "expires_at": "2026-11-22T10:00:00Z"}
    done = httpx2.Response(200, json=job("fit", "succeeded", sheet=link))
    picture = contact_sheet_png([("0", files_of(0))], CLASSES, "")
    service.answers = [done, httpx2.Response(200, content=picture)]
    service.answers += [done, httpx2.Response(200, html="<html>")]
    service.answers += [httpx2.Response(200, json=job("fit", "running"))]
    fetch = service.client().fits.fetch_sheet
    with Image.open(io.BytesIO(fetch("fit_1", tmp_path / "a.png").read_bytes())) as image:
        assert image.width > 100
    with pytest.raises(HandsOffError, match="Expected a PNG"):
        fetch("fit_1", tmp_path / "b.png")
    with pytest.raises(InvalidInput, match="running and has no sheet yet"):
        fetch("fit_1", tmp_path / "c.png")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_batch_on_disk_is_drawn_from_its_files(batch_of_14: BatchFolder) -> None:
    """Every kind of label is drawn."""
    samples = [("0", files_of(0)), ("13", files_of(13))]
    assert contact_sheet(samples, batch_of_14.labels, "14 samples").height > 400
