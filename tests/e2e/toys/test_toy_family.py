"""The seam for generator families: a family that only this test has goes through the whole service.

Real HTTP, a real Redis with RQ's queues, the workers' own classes, a store in memory. No product file names it.
"""

import io
import json
import signal
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace

import httpx2
import numpy as np
import pytest
from fastapi import FastAPI
from PIL import Image

from app.main import create_app
from contracts.generators.families import GENERATOR_FAMILIES
from contracts.ids import DEFAULT_TENANT
from contracts.kinds import QUEUE_NAMES
from state import records
from state.ledger import Ledger
from state.settings import Settings
from state.store import Store
from tests.app.conftest import serving
from tests.app.uploading import as_form, encode
from tests.e2e.toys.gradients import GRADIENTS, GradientFacts, GradientFamily
from tests.workers.scene import open_machine
from workers.families.family import find_family
from workers.families.table import FAMILIES
from workers.runtime.machine import Machine
from workers.runtime.worker import Worker

PX = 32
QUICK = {
    "inversion": {"steps": 1},
    "ensemble": {"steps": 300, "num_members": 2, "hidden": [16, 8]},
    "estimate": False,
}


@dataclass(frozen=True)
class Service:
    """An app that was started with the toy family, and a machine that serves its queues."""

    http: httpx2.Client
    app: FastAPI
    machine: Machine

    def post(self, path: str, **request: object) -> dict[str, object]:
        """Post a request that must be accepted."""
        answer = self.http.post(path, **request)  # type: ignore[arg-type]  # httpx's own keywords
        assert answer.status_code in (201, 202), answer.text
        body: dict[str, object] = answer.json()
        return body

    def work(self) -> None:
        """Run everything that is queued, as the workers of each queue do."""
        for queue in QUEUE_NAMES:
            Worker(queue, self.machine).work(burst=True)

    def finish(self, path: str, **request: object) -> dict[str, object]:
        """Post a request, let the workers do the job, and return how it ended."""
        job = self.post(path, **request)
        self.work()
        ended: dict[str, object] = self.http.get(f"{path}/{job['id']}").json()
        assert ended["status"] == "succeeded", ended
        return ended


@pytest.fixture(scope="module")
def service(redis_url: str) -> Iterator[Service]:
    """The service with both families. RQ's signal handlers are taken back afterwards."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    settings = Settings.model_validate({"redis_url": redis_url, "store_url": "memory:///"})
    store, ledger = Store.in_memory(), Ledger.connect(redis_url)
    ledger.redis.flushall()
    app = create_app(settings, store, families=(*GENERATOR_FAMILIES, GRADIENTS))
    machine = open_machine(settings, store, ledger)
    machine = replace(machine, families=(*FAMILIES, GradientFamily()))
    with serving(app) as http:
        yield Service(http, app, machine)
    ledger.redis.close()
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def generator(service: Service) -> str:
    """An imported toy generator."""
    file = {"file": ("toy.json", json.dumps({"gradients": PX}).encode())}
    generator = service.finish("/v1/generators", files=file, data={"name": "toy"})
    return str(generator["id"])


@pytest.fixture(scope="module")
def fit(service: Service, generator: str) -> dict[str, object]:
    """A fit of six gradients whose halves are labelled."""
    labelset = service.post("/v1/labelsets", files=as_form(gradients(6)))
    body = {"generator": generator, "labelset": labelset["id"], "options": QUICK}
    return service.finish("/v1/fits", json=body)


def gradients(count: int) -> dict[str, bytes]:
    """The files of a labelset: gradients between random colors, the left half of one class, the right of another."""
    rng = np.random.default_rng(0)
    mask = np.zeros((PX, PX), dtype=np.uint8)
    mask[:, PX // 2 :] = 1
    files = {"labelset.json": json.dumps({"name": "halves", "classes": ["left", "right"]}).encode()}
    for number in range(count):
        row = (
            np.linspace(rng.uniform(0, 255, 3), rng.uniform(0, 255, 3), PX).round().astype(np.uint8)
        )
        files[f"images/{number}.png"] = encode(Image.fromarray(np.tile(row, (PX, 1, 1))))
        files[f"masks/{number}.png"] = encode(Image.fromarray(mask))
    return files


def masks(shard: bytes) -> list[np.ndarray]:
    """The masks in a shard."""
    with tarfile.open(fileobj=io.BytesIO(shard)) as tar:
        names = [name for name in tar.getnames() if name.endswith(".mask.png")]
        files = [tar.extractfile(name) for name in names]
        return [np.asarray(Image.open(io.BytesIO(file.read()))) for file in files if file]


def share_right(shard: bytes) -> float:
    """The share of a shard's pixels that are labelled as the toy's pixels are."""
    truth = np.arange(PX) >= PX // 2
    return float(np.mean([mask == truth for mask in masks(shard)]))


def test_its_checkpoint_becomes_a_generator(service: Service, generator: str) -> None:
    """The family's own reader, in the converting child; the manifest keeps the family's facts."""
    shown = service.http.get(f"/v1/generators/{generator}").json()
    assert (shown["architecture"], shown["height_px"], shown["z_dim"]) == ("gradients", PX, None)
    assert [tap["channels"] for tap in shown["taps"]] == [3, 4]
    manifest = records.read_generator(service.machine.store, DEFAULT_TENANT, generator)
    assert manifest is not None
    family = find_family(service.machine.families, manifest)
    assert family.contract.facts.model_validate(manifest.own_facts) == GradientFacts(num_colors=2)


def test_its_images_are_inverted_its_own_way(fit: dict[str, object]) -> None:
    """Least squares finds gradients to within the rounding of bytes."""
    metrics = fit["metrics"]
    assert isinstance(metrics, dict)
    assert metrics["reconstruction_psnr_db"] > 45
    assert metrics["training_miou"] > 0.9


def test_a_batch_is_rendered(service: Service, fit: dict[str, object]) -> None:
    """Samples of the toy with the labels that the fit learnt."""
    batch = service.finish("/v1/batches", json={"fit": fit["id"], "n": 5, "shard_size": 3})
    shards = service.http.get(f"/v1/batches/{batch['id']}/shards").json()["items"]
    assert sum(shard["num_samples"] for shard in shards) == 5
    tars = [service.http.get(shard["url"]).content for shard in shards]
    assert min(share_right(tar) for tar in tars) > 0.9


def test_a_stream_is_rendered(service: Service, fit: dict[str, object]) -> None:
    """A shard is queued when it is requested, and read once a worker has rendered it."""
    stream = service.post("/v1/streams", json={"fit": fit["id"], "shard_size": 2})
    path = f"/v1/streams/{stream['id']}/shards/0"
    assert service.http.get(path, params={"wait": 0}).status_code == 503
    service.work()
    assert share_right(service.http.get(path, follow_redirects=True).content) > 0.9


def test_it_has_no_inverters(service: Service, generator: str) -> None:
    """A family whose inversion is exact trains none; the app says so before anything is queued."""
    answer = service.http.post(f"/v1/generators/{generator}/inverters", json={})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert "need no inverter" in answer.json()["detail"]


def test_a_service_without_the_family_refuses_its_generators(
    service: Service, generator: str, fit: dict[str, object]
) -> None:
    """They stay in the list, but no fit is made of them; the message names the families."""
    services = service.app.state.services
    service.app.state.services = replace(services, families=GENERATOR_FAMILIES)
    try:
        listed = service.http.get("/v1/generators").json()["items"]
        assert generator in [shown["id"] for shown in listed]
        body = {"generator": generator, "labelset": fit["labelset"]["id"]}  # type: ignore[index]  # JSON
        refused = service.http.post("/v1/fits", json=body)
    finally:
        service.app.state.services = services
    assert refused.status_code == 422
    assert "Expected a generator of a known family (stylegan2, diffusion)" in refused.text
