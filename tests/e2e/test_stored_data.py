"""Data of version 0.1.0 is read and used by this version.

`tests/fixtures/stores/0.1.0.tar.xz` is a store that version 0.1.0 wrote: an imported generator, a labelset, a fit, two
batches, an export, a stream, a failed import and a cancelled fit. `0.1.0.json` holds the answers of its API.
"""

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from fastapi import FastAPI

from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobRef, ShardRef
from handsoff_client import HandsOff
from state.ledger import Ledger
from state.settings import Settings
from state.store import Store
from tests.app.conftest import served  # noqa: F401 - a fixture
from tests.workers.scene import open_machine
from workers.rendering import batches
from workers.runtime.machine import Machine

STORES = Path(__file__).parents[1] / "fixtures" / "stores"
RECORDED = json.loads((STORES / "0.1.0.json").read_text())
IDS: dict[str, str] = RECORDED["ids"]
PATHS = {
    "labelset": f"/v1/labelsets/{IDS['labelset']}",
    "generator": f"/v1/generators/{IDS['generator']}",
    "fit": f"/v1/fits/{IDS['fit']}",
    "batch": f"/v1/batches/{IDS['batch']}",
    "filtered": f"/v1/batches/{IDS['filtered']}",
    "shards": f"/v1/batches/{IDS['batch']}/shards",
    "stream": f"/v1/streams/{IDS['stream']}",
    "failed": f"/v1/generators/{IDS['failed']}",
    "cancelled": f"/v1/fits/{IDS['cancelled']}",
}
# Links carry the server's address and an expiry; messages may be worded better.
VOLATILE = {"url", "links", "detail", "expires_at"}
RENAMED = {"colours": "colors"}
ADDED: dict[str, Any] = {
    "labeling": None,
    "condition": None,
    "conditions": [],
    "condition_samples": {},
    "soft_labels": None,
    "ignore_above": None,
    "ignored_pixels": 0,
    "targets": [],
    "num_codes": None,
    "target_images": [],
    "codes_per_sample": None,
    "candidates_per_sample": None,
    "resumes": None,
    "is_partial": False,
    "training": None,
    "is_stale": False,
    "comparison": None,
    "generated": None,
    "warnings": [],
    "has_more": False,
    "pages": [],
    "kept_until": None,
    "estimate": None,
    "deliver_to": None,
    "delivery": None,
    "flips": False,
    "croissant": None,
    "steering": None,
    "steering_version": None,
    "miou_interval": None,
    "class_intervals": {},
    "class_images": {},
    "pck_interval": None,
    "point_intervals": {},
    "point_images": {},
    "training_curve": [],
}
"""Fields of later versions, with their values for older data."""


@dataclass(frozen=True)
class Old:
    """The app and a worker on a copy of the old store."""

    client: httpx2.Client
    machine: Machine


@pytest.fixture(scope="module")
def old(
    served: tuple[FastAPI, httpx2.Client],  # noqa: F811 - the fixture
    redis_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Old]:
    """The old store with an empty Redis."""
    folder = tmp_path_factory.mktemp("store")
    with tarfile.open(STORES / "0.1.0.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    settings = Settings.model_validate({"redis_url": redis_url, "store_url": folder.as_uri()})
    store, ledger = Store.from_settings(settings), Ledger.connect(redis_url)
    ledger.redis.flushall()
    app, client = served
    app.state.services = replace(app.state.services, settings=settings, store=store)
    yield Old(client, open_machine(settings, store, ledger))
    ledger.redis.close()


def comparable(answer: Any) -> Any:
    """An answer without what differs from server to server and without new fields, in today's spelling."""
    if isinstance(answer, list):
        return [comparable(item) for item in answer]
    if not isinstance(answer, dict):
        return answer
    return {
        RENAMED.get(name, name): comparable(value)
        for name, value in answer.items()
        if name not in VOLATILE and not (name in ADDED and value == ADDED[name])
    }


@pytest.mark.parametrize("name", PATHS)
def test_an_answer_stays_the_same(old: Old, name: str) -> None:
    """Apart from links, wording, new fields and the new spelling, each resource is answered as version 0.1.0 did."""
    answer = old.client.get(PATHS[name]).raise_for_status().json()
    assert comparable(answer) == comparable(RECORDED["answers"][name])


@pytest.mark.parametrize("noun", ["generators", "labelsets", "fits", "batches", "streams"])
def test_lists_are_rebuilt(old: Old, noun: str) -> None:
    """With an empty Redis, the old resources are listed again."""
    listed = old.client.get(f"/v1/{noun}").raise_for_status().json()["items"]
    expected = {IDS[name] for name, path in PATHS.items() if path == f"/v1/{noun}/{IDS.get(name)}"}
    assert expected <= {item["id"] for item in listed}


def test_a_batch_is_downloaded(old: Old, tmp_path: Path) -> None:
    """The client fetches and verifies the shards of an old batch."""
    with HandsOff(str(old.client.base_url)) as handsoff:
        folder = handsoff.batches.download(IDS["batch"], tmp_path / "batch")
    assert [sample.facts["index"] for sample in folder.samples()] == list(range(5))


def test_an_export_is_served(old: Old) -> None:
    """The archive that version 0.1.0 made is found; nothing is queued."""
    response = old.client.get(
        f"{PATHS['batch']}/export?format=coco", follow_redirects=True
    ).raise_for_status()
    assert response.content.startswith(b"PK")


def test_a_stored_shard_of_a_stream_is_served(old: Old) -> None:
    """A shard that version 0.1.0 rendered is answered at once."""
    record = old.client.get(f"{PATHS['stream']}/shards/1/record?wait=0").raise_for_status().json()
    assert record["num_samples"] == 3


def test_an_old_fit_renders_the_same_samples(old: Old, tmp_path: Path) -> None:
    """A new batch of the old fit with the old seed has the same labels; another CPU may change a pixel by one."""
    with HandsOff(str(old.client.base_url)) as handsoff:
        before = handsoff.batches.download(IDS["batch"], tmp_path / "before")
        batch = handsoff.batches.create(fit=IDS["fit"], n=5, seed=3, shard_size=3)
        ref = JobRef(tenant=DEFAULT_TENANT, id=batch.id)
        for index in range(2):
            batches.run_shard(old.machine, str(ShardRef(batch=ref, index=index)), 1)
        after = handsoff.batches.download(batch.id, tmp_path / "after")
    for first, second in zip(before.samples(), after.samples(), strict=True):
        assert np.abs(np.int64(first.image) - np.int64(second.image)).max() <= 1
        assert first.mask is not None
        assert np.mean(first.mask == second.mask) > 0.99
