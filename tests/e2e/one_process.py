"""The app over HTTP, its client and the worker's code, all in this process with one store in memory.

A test that imports the fixture `world` also imports `served` from `tests.app.conftest`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import httpx2
import pytest
from fastapi import FastAPI

from contracts.batches import BatchRequest
from contracts.exports import ExportFormat, ExportRef
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobRef, ShardRef
from handsoff_client import BatchFolder, HandsOff
from state import records
from state.ledger import Ledger
from state.settings import Settings
from state.store import Store
from tests.workers.scene import ALL_TASKS, Scene, open_machine
from workers.rendering import batches, exports


@dataclass(frozen=True)
class World:
    """A batch of five samples with masks, keypoints and depth in two shards, with its client and its scene.

    `folder` is the batch downloaded by the client.
    """

    handsoff: HandsOff
    scene: Scene
    folder: BatchFolder

    @property
    def batch_id(self) -> str:
        """Return the id of the batch."""
        return self.folder.batch.id

    def export(self, name: ExportFormat, *, instances: bool = False) -> None:
        """Write an export of the batch with the code of a worker."""
        ref = ExportRef(
            batch=JobRef(tenant=DEFAULT_TENANT, id=self.batch_id), format=name, instances=instances
        )
        exports.run(self.scene.machine, str(ref), 1)


@pytest.fixture(scope="module")
def world(
    served: tuple[FastAPI, httpx2.Client], redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """Create one fit and one batch for all tests of a module."""
    folder, store = tmp_path_factory.mktemp("world"), Store.in_memory()
    settings = Settings.model_validate({"redis_url": redis_url, "store_url": "memory:///"})
    ledger = Ledger.connect(redis_url)
    ledger.redis.flushall()
    app, client = served
    app.state.services = replace(app.state.services, settings=settings, store=store)
    scene = Scene(open_machine(settings, store, ledger))
    scene.publish_generator(folder)
    with HandsOff(str(client.base_url)) as handsoff:
        batch = handsoff.batches.create(fit=scene.fit(ALL_TASKS).id, n=5, shard_size=3)
        _render(scene, batch.id)
        yield World(handsoff, scene, handsoff.batches.download(batch.id, folder / "batch"))
    ledger.redis.close()


def _render(scene: Scene, batch_id: str) -> None:
    """Render every shard of a batch with the code of a worker."""
    ref = JobRef(tenant=DEFAULT_TENANT, id=batch_id)
    request = records.read_request(scene.machine.store, ref, BatchRequest)
    assert request is not None
    for index in range(request.num_shards):
        batches.run_shard(scene.machine, str(ShardRef(batch=ref, index=index)), 1)
