"""A batch with soft labels and ignored pixels over HTTP: the client, the torch dataset and Hugging Face read it."""

from dataclasses import replace
from pathlib import Path

import datasets  # type: ignore[import-untyped]  # it has no annotations
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobRef, ShardRef
from handsoff_client import BatchFolder, export
from handsoff_client.torch import HandsOffDataset
from handsoff_shards.members import SOFT_LABELS
from tests.app.conftest import served  # noqa: F401 - a fixture
from tests.e2e.one_process import World, world  # noqa: F401 - a fixture
from tests.workers.rendering.test_mask_options import LIMIT, uncertain_fit
from workers.rendering import batches

KEPT = 2


@pytest.fixture(scope="module")
def refined(
    world: World,  # noqa: F811 - a fixture
    tmp_path_factory: pytest.TempPathFactory,
) -> World:
    """Create, render and download a batch with both options, in the world of the plain one."""
    fit = uncertain_fit(world.scene)
    batch = world.handsoff.batches.create(
        fit=fit.id, n=5, shard_size=3, soft_labels=KEPT, ignore_above=LIMIT
    )
    ref = JobRef(tenant=DEFAULT_TENANT, id=batch.id)
    for index in range(2):
        batches.run_shard(world.scene.machine, str(ShardRef(batch=ref, index=index)), 1)
    folder = tmp_path_factory.mktemp("refined") / "batch"
    return replace(world, folder=world.handsoff.batches.download(batch.id, folder))


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep Hugging Face's library from using the network for a local data set."""
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)


def test_the_reported_share_is_that_of_the_files(refined: World) -> None:
    """Of the batch, and of each sample in its facts."""
    samples = list(refined.folder.samples())
    ignored = [np.asarray(sample.mask) == refined.folder.labels.ignore_index for sample in samples]
    batch = refined.handsoff.batches.get(refined.batch_id)
    assert batch.ignored_share == pytest.approx(np.mean(ignored))
    assert 0 < np.mean(ignored) < 1
    for sample, where in zip(samples, ignored, strict=True):
        assert sample.facts["ignored_fraction"] == pytest.approx(where.mean(), abs=1e-6)


def test_a_network_trains_on_soft_labels(refined: World) -> None:
    """The loss of the documentation: soft labels as target, without ignored pixels. It falls."""
    data = HandsOffDataset(refined.folder.folder, batch_size=5)
    (batch,) = data.loader()
    known = batch["mask"] != data.ignore_index
    logits = torch.zeros(batch["soft_labels"].shape, requires_grad=True)
    optimizer = torch.optim.SGD([logits], lr=100.0)
    losses = []
    for _ in range(10):
        pixels = F.cross_entropy(logits, batch["soft_labels"], reduction="none")
        loss = pixels[known].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    assert torch.equal(logits.argmax(dim=1)[known], batch["mask"][known])
    assert (logits.detach().abs().sum(dim=1)[~known] == 0).all()


def test_hugging_face_reads_the_planes(refined: World) -> None:
    """Every sample has the same fields, and the picture of the soft labels keeps its integers."""
    path = str(refined.folder.folder)
    rows = list(datasets.load_dataset(path, split="train", streaming=True))
    for row, sample in zip(rows, refined.folder.samples(), strict=True):
        assert sample.soft_labels is not None
        planes = np.array(row[SOFT_LABELS]).reshape(2, KEPT, *sample.image.shape[:2])
        np.testing.assert_array_equal(planes[0], sample.soft_labels.classes)
        np.testing.assert_array_equal(planes[1], sample.soft_labels.steps)


def test_an_imagefolder_keeps_the_planes(refined: World, tmp_path: Path) -> None:
    """`load_dataset` reads them as a picture in the column `soft_label`."""
    path = str(export(refined.folder, "imagefolder", tmp_path / "out"))
    read = datasets.load_dataset(path, split="train", streaming=True)
    for row, sample in zip(read, refined.folder.samples(), strict=True):
        assert sample.soft_labels is not None
        planes = np.array(row["soft_label"]).reshape(2, KEPT, *sample.image.shape[:2])
        np.testing.assert_array_equal(planes[0], sample.soft_labels.classes)


def test_the_service_exports_the_same_bytes(refined: World, tmp_path: Path) -> None:
    """The worker's archive of a batch with ignored pixels equals the client's."""
    refined.export("coco")
    remote = refined.handsoff.batches.export(refined.batch_id, "coco", tmp_path / "remote.zip")
    folder = BatchFolder.open(refined.folder.folder)
    local = export(folder, "coco", tmp_path / "local.zip")
    assert remote.read_bytes() == local.read_bytes()
