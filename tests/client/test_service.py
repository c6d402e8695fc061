"""The client with the real app over real HTTP. Fixtures act as workers."""

import hashlib
from collections.abc import Callable
from pathlib import Path

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


def test_a_folder_becomes_a_labelset(handsoff: HandsOff, folder: Path) -> None:
    """It is uploaded, read, listed and deleted."""
    labelset = handsoff.labelsets.upload(folder)
    assert labelset.num_images == 3
    assert labelset.labels.classes == ("background", "skin", "hair")
    assert handsoff.labelsets.get(labelset.id) == labelset
    assert [item.id for item in handsoff.labelsets.list()] == [labelset.id]
    handsoff.labelsets.delete(labelset.id)
    with pytest.raises(Gone):
        handsoff.labelsets.get(labelset.id)


def test_a_damaged_file_is_named(handsoff: HandsOff, folder: Path) -> None:
    """The error contains the flaw of the service with its file."""
    (folder / "images/image-1.png").write_bytes(b"no picture")
    with pytest.raises(InvalidUpload) as caught:
        handsoff.labelsets.upload(folder)
    assert caught.value.flaws[0].file == "images/image-1.png"


def test_a_fit_is_created_awaited_and_deleted(
    handsoff: HandsOff, labelset_id: str, finish_fit: Callable[[str], None]
) -> None:
    """Every answer is typed."""
    fit = handsoff.fits.create(generator="tiny-32", labelset=labelset_id, seed=3)
    finish_fit(fit.id)
    done = handsoff.fits.wait(fit.id)
    assert (done.status, done.seed, done.generator.id) == ("succeeded", 3, "tiny-32")
    assert done.sheet is not None
    assert [event.type for event in handsoff.fits.events(fit.id)][-1] == "completed"
    handsoff.fits.delete(fit.id)
    with pytest.raises(Gone):
        handsoff.fits.get(fit.id)


def test_a_fit_is_cancelled(handsoff: HandsOff, fit_id: str) -> None:
    """The answer says that the fit stops or has stopped."""
    assert handsoff.fits.cancel(fit_id).status in ("cancelling", "cancelled")


def test_a_batch_is_downloaded_and_existing_shards_are_kept(
    handsoff: HandsOff, finished_fit_id: str, finish_batch: Finish, tmp_path: Path
) -> None:
    """Shards have the digests of the service. Existing ones are not downloaded again."""
    batch = handsoff.batches.create(fit=finished_fit_id, n=5, shard_size=2, drop_share=0.1)
    with pytest.raises(NotRendered):
        handsoff.batches.shards(batch.id)
    finish_batch(batch.id)
    shards = handsoff.batches.shards(batch.id)
    kept = handsoff.batches.fetch(batch.id, shards[0], tmp_path / "shard-000000.tar")
    before = kept.stat().st_mtime_ns
    progress: list[tuple[int, int]] = []
    folder = handsoff.batches.download(
        batch.id, tmp_path, watch=lambda *done: progress.append(done)
    )
    assert kept.stat().st_mtime_ns == before
    assert progress == [(1, 3), (2, 3), (3, 3)]
    for shard in shards:
        digest = hashlib.sha256(folder.path_of(shard.index).read_bytes()).hexdigest()
        assert digest == shard.sha256
    assert folder.batch == handsoff.batches.get(batch.id)


def test_a_source_caches_shards(
    handsoff: HandsOff, finished_fit_id: str, finish_batch: Finish, tmp_path: Path
) -> None:
    """Their file names are their digests."""
    batch = handsoff.batches.create(fit=finished_fit_id, n=3, shard_size=2)
    manifest = finish_batch(batch.id)
    source = BatchSource(handsoff.url, batch.id, cache=ShardCache(tmp_path))
    assert source.sizes == (2, 1)
    assert source.labels.classes == ("background", "skin", "hair")
    assert source.path(1).stem == manifest.shards[1].tar.sha256


def test_an_exported_folder_can_be_uploaded(handsoff: HandsOff, tmp_path: Path) -> None:
    """Generated samples can be corrected by hand and uploaded: every kind of label is accepted."""
    batch = batch_folder(tmp_path / "batch", 2, mask=np.eye(PX, dtype=np.uint8))
    labelset = handsoff.labelsets.upload(export(batch, "folder", tmp_path / "pairs"))
    assert labelset.num_images == 2
    assert labelset.json["tasks"] == {"segmentation": 2, "keypoints": 2, "depth": 2}


def test_a_coco_export_can_be_uploaded(handsoff: HandsOff, tmp_path: Path) -> None:
    """The service reads regions, keypoints and skeleton."""
    batch = batch_folder(tmp_path / "batch", 2, mask=np.eye(PX, dtype=np.uint8))
    labelset = handsoff.labelsets.upload(export(batch, "coco", tmp_path / "pairs"))
    counts = {count.name: count.num_pixels for count in labelset.classes}
    assert counts["skin"] == 2 * PX
    assert labelset.labels.keypoints is not None
    assert labelset.labels.keypoints.skeleton == (("left", "right"),)


def test_a_missing_resource_raises_not_found(handsoff: HandsOff) -> None:
    """The message is that of the service."""
    with pytest.raises(NotFound, match="GET /v1/fits lists"):
        handsoff.fits.get("fit_" + "0" * 32)
