"""Fit a folder of labelled images in one call."""

import json
from pathlib import Path

import httpx2
import pytest

from handsoff_client import InvalidInput
from tests.app.uploading import png
from tests.client.conftest import Service, generators, job


def test_a_fit_of_a_folder_is_one_call(service: Service, tmp_path: Path) -> None:
    """It checks, uploads, creates the fit and waits."""
    for part, mode in (("images", "RGB"), ("masks", "L")):
        (tmp_path / part).mkdir()
        (tmp_path / part / "a.png").write_bytes(png(mode, (32, 32), 0))
    (tmp_path / "labelset.json").write_text('{"classes": ["background", "skin"]}')
    labelset = {"id": "labelset_1", "name": "", "digest": "", "num_images": 1, "labels": {}}
    service.answers = [
        generators({"id": "generator_1", "name": "faces"}),
        httpx2.Response(201, json=labelset | {"created_at": "2026-11-22T10:00:00Z"}),
        httpx2.Response(202, json=job("fit", "queued")),
        httpx2.Response(200, json=job("fit", "succeeded")),
    ]
    fit = service.client().fits.from_folder(tmp_path, generator="faces", seed=3)
    assert fit.status == "succeeded"
    sent = json.loads(service.requests[2].content)
    assert sent == {"generator": "generator_1", "labelset": "labelset_1", "seed": 3}


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
