"""The client on the real app, over real HTTP; workers are played by the fixtures."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import numpy as np
import pytest

from contracts.batches import BatchManifest
from handsoff_client import (
    BatchSource,
    Gone,
    HandsOff,
    InvalidUpload,
    NotFound,
    NotRendered,
    ShardCache,
    export,
)
from tests.client.conftest import PX, batch_folder

Finish = Callable[[str], BatchManifest]


@pytest.fixture
def handsoff(client: httpx2.Client) -> Iterator[HandsOff]:
    """Our client of the app under test."""
    with HandsOff(str(client.base_url)) as handsoff:
        yield handsoff


def test_a_folder_becomes_a_labelset(handsoff: HandsOff, folder: Path) -> None:
    """Uploaded, read back, listed, erased."""
    labelset = handsoff.labelsets.upload(folder)
    assert labelset.num_images == 3
    assert labelset.labels.classes == ("background", "skin", "hair")
    assert handsoff.labelsets.get(labelset.id) == labelset
    assert [found.id for found in handsoff.labelsets.list()] == [labelset.id]
    handsoff.labelsets.delete(labelset.id)
    with pytest.raises(Gone):
        handsoff.labelsets.get(labelset.id)


def test_a_broken_file_is_named(handsoff: HandsOff, folder: Path) -> None:
    """The service's own words, with the file."""
    (folder / "images/image-1.png").write_bytes(b"no picture")
    with pytest.raises(InvalidUpload) as caught:
        handsoff.labelsets.upload(folder)
    assert caught.value.flaws[0].file == "images/image-1.png"


def test_a_fit_is_made_waited_for_and_erased(
    handsoff: HandsOff, labelset_id: str, finish_fit: Callable[[str], None]
) -> None:
    """Typed all the way."""
    fit = handsoff.fits.create(generator="tiny-32", labelset=labelset_id, seed=3)
    finish_fit(fit.id)
    done = handsoff.fits.wait(fit.id)
    assert (done.status, done.seed, done.generator.id) == ("succeeded", 3, "tiny-32")
    assert done.sheet is not None
    assert [event.type for event in handsoff.fits.events(fit.id)][-1] == "completed"
    handsoff.fits.delete(fit.id)
    with pytest.raises(Gone):
        handsoff.fits.get(fit.id)


def test_a_cancel_is_heard(handsoff: HandsOff, fit_id: str) -> None:
    """The fit is stopping, or has stopped."""
    assert handsoff.fits.cancel(fit_id).status in ("cancelling", "cancelled")


def test_a_batch_is_downloaded_and_a_broken_download_goes_on(
    handsoff: HandsOff, finished_fit_id: str, finish_batch: Finish, tmp_path: Path
) -> None:
    """Shards as the service pins them; those that are there are not fetched again."""
    batch = handsoff.batches.create(fit=finished_fit_id, n=5, shard_size=2, drop_share=0.1)
    with pytest.raises(NotRendered):
        handsoff.batches.shards(batch.id)
    finish_batch(batch.id)
    shards = handsoff.batches.shards(batch.id)
    kept = handsoff.batches.fetch(batch.id, shards[0], tmp_path / "shard-000000.tar")
    before = kept.stat().st_mtime_ns
    told: list[tuple[int, int]] = []
    folder = handsoff.batches.download(batch.id, tmp_path, watch=lambda *done: told.append(done))
    assert kept.stat().st_mtime_ns == before
    assert told == [(1, 3), (2, 3), (3, 3)]
    for shard in shards:
        digest = hashlib.sha256(folder.path_of(shard.index).read_bytes()).hexdigest()
        assert digest == shard.sha256
    assert folder.batch == handsoff.batches.get(batch.id)


def test_a_source_keeps_shards_in_the_cache(
    handsoff: HandsOff, finished_fit_id: str, finish_batch: Finish, tmp_path: Path
) -> None:
    """Under their digests, from links of its own."""
    batch = handsoff.batches.create(fit=finished_fit_id, n=3, shard_size=2)
    manifest = finish_batch(batch.id)
    source = BatchSource(handsoff.url, batch.id, cache=ShardCache(tmp_path))
    assert source.sizes == (2, 1)
    assert source.labels.classes == ("background", "skin", "hair")
    assert source.path(1).stem == manifest.shards[1].tar.sha256


def test_an_exported_folder_can_be_uploaded(handsoff: HandsOff, tmp_path: Path) -> None:
    """Generated samples may be corrected by hand and come back: every label is taken as it was written."""
    batch = batch_folder(tmp_path / "batch", 2, mask=np.eye(PX, dtype=np.uint8))
    labelset = handsoff.labelsets.upload(export(batch, "folder", tmp_path / "pairs"))
    assert labelset.num_images == 2
    assert labelset.json["tasks"] == {"segmentation": 2, "keypoints": 2, "depth": 2}


def test_an_export_for_coco_can_be_uploaded(handsoff: HandsOff, tmp_path: Path) -> None:
    """What pycocotools reads, the service reads: regions, keypoints, skeleton."""
    batch = batch_folder(tmp_path / "batch", 2, mask=np.eye(PX, dtype=np.uint8))
    labelset = handsoff.labelsets.upload(export(batch, "coco", tmp_path / "pairs"))
    counts = {count.name: count.num_pixels for count in labelset.classes}
    assert counts["skin"] == 2 * PX
    assert labelset.labels.keypoints is not None
    assert labelset.labels.keypoints.skeleton == (("left", "right"),)


def test_what_is_not_there_is_told(handsoff: HandsOff) -> None:
    """In the service's words."""
    with pytest.raises(NotFound, match="GET /v1/fits lists"):
        handsoff.fits.get("fit_" + "0" * 32)
