"""Inverters over HTTP: train, list, use, delete."""

from collections.abc import Callable

import httpx2
import pytest

from contracts.base import Artefact, now
from contracts.digests import sha256_of
from contracts.generators.generator import StoredGenerator, StoredInverter, Weights
from contracts.generators.inverters import InverterManifest, InverterRequest
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobRef, JobStatus
from state import keys, records
from state.ledger import Ledger
from state.store import Store

PATH = "/v1/generators/tiny-32/inverters"


@pytest.fixture
def ref(client: httpx2.Client) -> JobRef:
    """Return a queued training."""
    answer = client.post(PATH, json={"seed": 4, "options": {"num_images": 100}})
    assert answer.status_code == 202, answer.text
    return JobRef(tenant=DEFAULT_TENANT, id=answer.json()["id"])


@pytest.fixture
def finish(
    store: Store, ledger: Ledger, generator: StoredGenerator
) -> Callable[[JobRef], StoredInverter]:
    """Return a function that finishes a training as a worker does. All its networks have the same configuration."""

    def finish(ref: JobRef) -> StoredInverter:
        contents = {"tensors": ref.id, "config": "the same"}
        pinned = {}
        for half, text in contents.items():
            key = keys.weights(DEFAULT_TENANT, generator.id, sha256_of(text.encode()), "json")
            store.put(key, text.encode())
            pinned[half] = Artefact(key=key, sha256=sha256_of(text.encode()), num_bytes=1)
        weights = Weights.model_validate(pinned)
        inverter = StoredInverter(
            generator_digest=generator.digest,
            digest=weights.digest,
            created_at=now(),
            weights=weights,
        )
        records.write(store, keys.inverter(DEFAULT_TENANT, generator.id, inverter.digest), inverter)
        manifest = InverterManifest(
            status=JobStatus.SUCCEEDED, started_at=now(), finished_at=now(), inverter=inverter
        )
        records.finish(store, ledger, ref, manifest)
        return inverter

    return finish


def test_a_training_is_accepted_and_queued(
    client: httpx2.Client,
    ref: JobRef,
    store: Store,
    generator: StoredGenerator,
    queued: Callable[[str], list[str]],
) -> None:
    """The request pins the generator by digest and has every option. One call is in the queue of trainings."""
    request = records.read_request(store, ref, InverterRequest)
    assert request is not None
    assert (request.generator.digest, request.seed) == (generator.digest, 4)
    assert (request.options.num_images, request.options.batch) == (100, 16)
    assert queued("train") == [f"{ref.id}-1"]
    shown = client.get(f"/v1/inverters/{ref.id}").json()
    assert (shown["status"], shown["queue_position"]) == ("queued", 0)


def test_a_generator_lists_its_trainings(client: httpx2.Client, ref: JobRef) -> None:
    """Newest first, and only those of this generator."""
    newer = client.post(PATH, json={}).json()["id"]
    for path in (PATH, "/v1/inverters"):
        items = client.get(path).json()["items"]
        assert [item["id"] for item in items] == [newer, ref.id]
    assert client.get("/v1/generators/nope/inverters").status_code == 404


def test_the_same_key_is_the_same_training(client: httpx2.Client) -> None:
    """A repeated request starts no second training."""
    first, second = (
        client.post(PATH, json={}, headers={"Idempotency-Key": "once"}) for _ in range(2)
    )
    assert first.json() == second.json()


def test_a_fit_starts_from_the_newest_inverter(
    client: httpx2.Client,
    ref: JobRef,
    labelset_id: str,
    finish: Callable[[JobRef], StoredInverter],
) -> None:
    """The default is the newest one; the request can name another one by digest."""
    newest = finish(ref)
    assert client.get(f"/v1/inverters/{ref.id}").json()["digest"] == newest.digest
    inverters = client.get("/v1/generators/tiny-32").json()["inverters"]
    older = sha256_of(b"inverter")
    assert [inverter["digest"] for inverter in inverters] == [newest.digest, older]
    for choice, digest in (("default", newest.digest), (older, older)):
        body = {"generator": "tiny-32", "labelset": labelset_id, "inverter": choice}
        assert client.post("/v1/fits", json=body).json()["inverter_digest"] == digest


def test_deleting_an_inverter_keeps_the_others(
    client: httpx2.Client, ref: JobRef, store: Store, finish: Callable[[JobRef], StoredInverter]
) -> None:
    """Weights that another inverter shares stay, and no later fit can use the deleted one."""
    other = JobRef(tenant=DEFAULT_TENANT, id=client.post(PATH, json={}).json()["id"])
    deleted, kept = finish(ref), finish(other)
    assert client.delete(f"/v1/inverters/{ref.id}").status_code == 204
    assert client.get(f"/v1/inverters/{ref.id}").status_code == 410
    assert store.head(deleted.weights.tensors.key) is None
    assert all(store.head(half.key) for half in kept.weights.halves)
    shown = client.get("/v1/generators/tiny-32").json()["inverters"]
    assert deleted.digest not in [inverter["digest"] for inverter in shown]


def test_a_running_training_can_be_cancelled_but_not_deleted(
    client: httpx2.Client, ref: JobRef
) -> None:
    """The delete is 409, the cancel 202."""
    assert client.delete(f"/v1/inverters/{ref.id}").json()["code"] == "job_not_finished"
    answer = client.post(f"/v1/inverters/{ref.id}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (202, "cancelling")
