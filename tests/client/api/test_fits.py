"""Fit a folder of labelled images in one call."""

from pathlib import Path
from typing import Any

import httpx2
import pytest

from handsoff_client import HandsOff, InvalidInput
from tests.app.uploading import pairs, png, zipped
from tests.client.conftest import Service, generators, job


def test_a_fit_of_a_folder_is_one_call(service: Service, tmp_path: Path) -> None:
    """It checks, sends the files with the fit, and waits."""
    for part, mode in (("images", "RGB"), ("masks", "L")):
        (tmp_path / part).mkdir()
        (tmp_path / part / "a.png").write_bytes(png(mode, (32, 32), 0))
    (tmp_path / "labelset.json").write_text('{"classes": ["background", "skin"]}')
    service.answers = [
        generators({"id": "generator_1", "name": "faces"}),
        httpx2.Response(202, json=job("fit", "queued")),
        httpx2.Response(200, json=job("fit", "succeeded")),
    ]
    fit = service.client().fits.from_folder(tmp_path, generator="faces", seed=3)
    assert fit.status == "succeeded"
    sent = service.requests[1].content
    assert b'name="fit"\r\n\r\n{"generator": "generator_1", "seed": 3}\r\n' in sent
    assert b'name="archive"; filename="' in sent


def test_files_and_a_fit_are_one_request(client: httpx2.Client, tmp_path: Path) -> None:
    """The service stores a labelset of the files, and the fit names it."""
    archive = tmp_path / "labels.zip"
    archive.write_bytes(zipped(pairs(2)))
    handsoff = HandsOff(http=client)
    fit = handsoff.fits.create(generator="tiny-32", files=archive, seed=3)
    (labelset,) = handsoff.labelsets.list()
    assert (fit.json["labelset"]["id"], labelset.num_images) == (labelset.id, 2)


def test_a_retry_sends_the_files_again(service: Service, tmp_path: Path) -> None:
    """All attempts have the same Idempotency-Key and the same bytes."""
    archive = tmp_path / "labels.zip"
    archive.write_bytes(zipped(pairs(1)))
    service.answers = [httpx2.ReadError("lost"), httpx2.Response(202, json=job("fit", "queued"))]
    service.client().fits.create(generator="faces", files=archive)
    first, second = service.requests
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    assert all(archive.read_bytes() in one.content for one in (first, second))


@pytest.mark.parametrize(
    "arguments", [{}, {"labelset": "labelset_1", "files": "pairs"}], ids=["none", "both"]
)
def test_a_fit_has_a_labelset_or_files(service: Service, arguments: dict[str, Any]) -> None:
    """Neither and both are refused before a request."""
    with pytest.raises(InvalidInput, match="either `labelset`, an id, or `files`, a path"):
        service.client().fits.create(generator="faces", **arguments)
    assert service.requests == []


def test_images_of_another_aspect_ratio_are_not_uploaded(service: Service, tmp_path: Path) -> None:
    """The size of the generator is known before the upload."""
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.png").write_bytes(png("RGB", (64, 48), (0, 0, 0)))
    service.answers = [generators({"id": "g", "name": "g"})]
    with pytest.raises(
        InvalidInput, match=r"images/a\.png: .* got an image of 64 x 48 px.*Nothing was uploaded"
    ):
        service.client().fits.from_folder(tmp_path, generator="g")
    assert len(service.requests) == 1
