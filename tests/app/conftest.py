"""Fixtures of the app: a real Redis, a memory store, a generator of 32 x 32 px."""

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import cast

import httpx2
import pytest
import redis
from fastapi import FastAPI
from rq import Queue
from rq.serializers import JSONSerializer

from app.main import create_app
from app.serving import server_of
from app.tenants import OneTenant
from contracts.base import Artefact, now
from contracts.batches import (
    BatchManifest,
    BatchRequest,
    batch_manifest,
)
from contracts.digests import sha256_of
from contracts.errors.tree import InvalidLink
from contracts.fits.fit import FitManifest
from contracts.fits.metrics import FitMetrics, InvertedImage
from contracts.generators.generator import (
    GeneratorManifest,
    GeneratorRequest,
    StoredGenerator,
    StoredInverter,
    Weights,
)
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import JobError, JobRef, JobStatus
from contracts.kinds import Kinds, QueueName
from contracts.labelsets import LabelsetEntry, LabelsetManifest, labelset_digest
from contracts.schemas import LabelSchema
from state import keys, records
from state.admission.admission import Admission
from state.batches.pages import store_finished
from state.ledger import Ledger
from state.settings import Settings
from state.store import Store
from tests.app.shards import stored_shard
from tests.app.uploading import CLASSES

SECRET = b"the secret that signs links in these tests"


@contextmanager
def serving(app: FastAPI) -> Iterator[httpx2.Client]:
    """Serve the app on a free loopback port and yield an HTTP client."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        # Connections wait in the backlog until the server accepts them, so no polling is needed.
        listener.listen()
        server = server_of(app, app.state.services.settings)
        logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        host, port = listener.getsockname()
        with httpx2.Client(base_url=f"http://{host}:{port}", timeout=60) as client:
            yield client
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def served(redis_url: str) -> Iterator[tuple[FastAPI, httpx2.Client]]:
    """Serve one app for the whole test run, with small limits for bodies and forms. Yields the app and its client."""
    limits = {"max_upload_bytes": 400_000, "max_labelset_images": 4}
    settings = Settings.model_validate({"redis_url": redis_url, "store_url": "memory:///"} | limits)
    app = create_app(settings)
    with serving(app) as client:
        yield app, client


@pytest.fixture
def client(
    served: tuple[FastAPI, httpx2.Client],
    settings: Settings,
    store: Store,
    ledger: Ledger,  # its fixture empties Redis
    generator: StoredGenerator,
) -> httpx2.Client:
    """Return a client of the app with this test's settings and store and the generator `tiny-32`."""
    app, client = served
    app.state.services = replace(app.state.services, settings=settings, store=store, secret=SECRET)
    return client


class Blocking(OneTenant):
    """A rule that blocks the tenant once a test sets `is_blocked`."""

    is_blocked = False

    def check(self, tenant: str) -> None:
        """Raise `InvalidLink` for a blocked tenant."""
        if self.is_blocked:
            raise InvalidLink(f"The tenant '{tenant}' is blocked.")


@pytest.fixture
def blocking(served: tuple[FastAPI, httpx2.Client], client: httpx2.Client) -> Iterator[Blocking]:
    """Return the rule of the app during one test."""
    services, rule = served[0].state.services, Blocking()
    served[0].state.services = replace(services, tenants=rule)
    yield rule
    served[0].state.services = services


@pytest.fixture
def queued(settings: Settings, ledger: Ledger) -> Callable[[str], list[str]]:
    """Return a function that returns the ids of a queue: those that RQ has, then those of the calls that wait."""

    def ids(queue: str) -> list[str]:
        connection = redis.Redis.from_url(settings.redis_url.get_secret_value())
        job_ids = Queue(queue, connection=connection, serializer=JSONSerializer).job_ids
        admission = Admission(ledger, connection, Kinds(), settings.heartbeat_fresh)
        waiting = [str(rq_id) for rq_id in admission.waiting(cast("QueueName", queue)).rq_ids]
        connection.close()
        return [*job_ids, *waiting]

    return ids


@pytest.fixture
def generator(store: Store) -> StoredGenerator:
    """Store a generator of 32 x 32 px with one inverter, as a worker does."""
    weights = Weights(tensors=_artefact("tensors"), config=_artefact("config"))
    manifest = StoredGenerator(
        tenant=DEFAULT_TENANT,
        id="tiny-32",
        name="Tiny",
        created_at=now(),
        digest=weights.digest,
        architecture="stylegan2",
        height_px=32,
        width_px=32,
        z_dim=8,
        w_dim=8,
        num_ws=8,
        weights=weights,
        source="created for this test",
        license="MIT",
    )
    inverter = StoredInverter(
        generator_digest=manifest.digest,
        digest=sha256_of(b"inverter"),
        created_at=now(),
        weights=weights,
    )
    key = keys.inverter(DEFAULT_TENANT, manifest.id, inverter.digest)
    records.write(store, key, inverter)
    own = manifest.model_dump(include={"tenant", "id", "created_at", "name", "license", "source"})
    request = GeneratorRequest(original=None, **own)
    ended = {"started_at": None, "finished_at": now(), "generator": manifest}
    outcome = GeneratorManifest.model_validate({"status": JobStatus.SUCCEEDED, **ended})
    records.write(store, keys.job_request(request.ref), request)
    records.write(store, keys.job_manifest(request.ref), outcome)
    return manifest


@pytest.fixture
def conditional(store: Store, generator: StoredGenerator) -> StoredGenerator:
    """Give the generator three classes."""
    key = keys.job_manifest(JobRef(tenant=DEFAULT_TENANT, id=generator.id))
    manifest = records.read(store, key, GeneratorManifest)
    assert manifest is not None
    changed = generator.model_copy(update={"num_classes": 3})
    records.write(store, key, manifest.model_copy(update={"generator": changed}))
    return changed


@pytest.fixture
def labelset_id(store: Store) -> str:
    """Store a labelset of two images of 32 x 32 px, as an upload does. Returns its id."""
    labels = LabelSchema.model_validate({"classes": CLASSES})
    entries = tuple(
        LabelsetEntry(
            name=f"image-{number}",
            image=_artefact(f"image {number}"),
            mask=_artefact(f"mask {number}"),
            height_px=32,
            width_px=32,
            class_pixels=(1_000, 24, 0),
            ignored_pixels=0,
        )
        for number in range(2)
    )
    manifest = LabelsetManifest(
        tenant=DEFAULT_TENANT,
        id=new_id("labelset"),
        name="faces",
        created_at=now(),
        digest=labelset_digest(labels, entries),
        labels=labels,
        entries=entries,
        class_pixels=(2_000, 48, 0),
        ignored_pixels=0,
    )
    records.write(store, keys.manifest(DEFAULT_TENANT, "labelsets", manifest.id), manifest)
    return manifest.id


@pytest.fixture
def fit_id(client: httpx2.Client, labelset_id: str) -> str:
    """Return the id of a queued fit."""
    answer = client.post("/v1/fits", json={"generator": "tiny-32", "labelset": labelset_id})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


@pytest.fixture
def finished_fit_id(fit_id: str, finish_fit: Callable[[str], None]) -> str:
    """Return the id of a fit that has succeeded."""
    finish_fit(fit_id)
    return fit_id


@pytest.fixture
def finish_fit(store: Store, ledger: Ledger) -> Callable[[str], None]:
    """Return a function that finishes a fit as a worker does."""

    def finish(fit_id: str) -> None:
        ref = JobRef(tenant=DEFAULT_TENANT, id=fit_id)
        sheet = keys.attempt(ref, "one", "fit.png")
        store.put(sheet, b"a picture")
        manifest = FitManifest(
            status=JobStatus.SUCCEEDED,
            started_at=now(),
            finished_at=now(),
            attempt="one",
            digest=sha256_of(b"fit"),
            sheet=Artefact(
                key=sheet, sha256=sha256_of(b"a picture"), num_bytes=9, media_type="image/png"
            ),
            metrics=FitMetrics(
                reconstruction_psnr_db=30.0,
                images=(InvertedImage(name="image-0", psnr_db=30.0),),
                stage_seconds={"inversion": 1.0},
            ),
        )
        records.finish(store, ledger, ref, manifest)

    return finish


@pytest.fixture
def finish_batch(store: Store, ledger: Ledger) -> Callable[[str], BatchManifest]:
    """Return a function that finishes a batch as workers do, with placeholder bytes as shards."""

    def finish(batch_id: str) -> BatchManifest:
        request = _batch_request(store, batch_id)
        shards = {k: stored_shard(store, request, k) for k in range(request.num_shards)}
        manifest = batch_manifest(request, shards)
        return records.finish(store, ledger, request.ref, manifest)

    return finish


@pytest.fixture
def fail_batch(store: Store, ledger: Ledger) -> Callable[[str], None]:
    """Return a function that lets a batch fail as a worker does, when its shards 0 and 2 are finished."""

    def fail(batch_id: str) -> None:
        request = _batch_request(store, batch_id)
        error = JobError(code="worker_lost", detail="The worker died.", retryable=True)
        ended = records.ended_without_result(BatchManifest, JobStatus.FAILED, None, error)
        for k in (0, 2):
            key = keys.shard_record(request.ref, k)
            records.write(store, key, stored_shard(store, request, k))
        records.finish(store, ledger, request.ref, store_finished(store, request, ended))

    return fail


def _batch_request(store: Store, batch_id: str) -> BatchRequest:
    ref = JobRef(tenant=DEFAULT_TENANT, id=batch_id)
    request = records.read_request(store, ref, BatchRequest)
    assert request is not None
    return request


def _artefact(name: str) -> Artefact:
    return Artefact(key=name, sha256=sha256_of(name.encode()), num_bytes=1)
