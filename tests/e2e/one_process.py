"""The real app over real HTTP, its client, and the worker's own code, all in this process on one store in memory.

Who imports these fixtures imports `served`, `machine` and `scene` too, from where they are.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from contracts import records
from contracts.batches import BatchRequest
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobRef, ShardRef
from contracts.settings import Settings
from contracts.store import Store
from handsoff_client import BatchFolder, HandsOff
from tests.workers.scene import ALL_KINDS, Scene
from workers import batches

Render = Callable[[str], None]


@pytest.fixture
def handsoff(
    served: tuple[FastAPI, httpx.Client],
    settings: Settings,
    store: Store,
    scene: Scene,
) -> Iterator[HandsOff]:
    """The client of an app that has the scene's store."""
    app, client = served
    app.state.services = replace(app.state.services, settings=settings, store=store)
    with HandsOff(str(client.base_url)) as handsoff:
        yield handsoff


@pytest.fixture
def render(scene: Scene) -> Render:
    """Renders every shard of a batch, as one worker would."""

    def render(batch_id: str) -> None:
        ref = JobRef(tenant=DEFAULT_TENANT, id=batch_id)
        request = records.read_request(scene.machine.store, ref)
        assert isinstance(request, BatchRequest)
        for index in range(request.num_shards):
            batches.run_shard(scene.machine, str(ShardRef(batch=ref, index=index)), 1)

    return render


@pytest.fixture
def batch_id(handsoff: HandsOff, scene: Scene, render: Render) -> str:
    """Five samples with masks, keypoints and depth in two shards, asked for by the client and rendered by a worker."""
    batch = handsoff.batches.create(fit=scene.fit(ALL_KINDS).id, n=5, shard_size=3)
    render(batch.id)
    return batch.id


@pytest.fixture
def folder(handsoff: HandsOff, batch_id: str, tmp_path: Path) -> BatchFolder:
    """The same, downloaded."""
    return handsoff.batches.download(batch_id, tmp_path / "batch")
