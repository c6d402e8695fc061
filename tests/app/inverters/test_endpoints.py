"""Promises of an inverter's life over HTTP: asked for, listed, used, deleted."""

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
    """A queued training."""
    answer = client.post(PATH, json={"seed": 4, "options": {"num_images": 100}})
    assert answer.status_code == 202, answer.text
    return JobRef(tenant=DEFAULT_TENANT, id=answer.json()["id"])


@pytest.fixture
def end(
    store: Store, ledger: Ledger, generator: StoredGenerator
) -> Callable[[JobRef], StoredInverter]:
    """Ends a training well, as a worker would; all trainings give networks of one configuration."""

    def finish(ref: JobRef) -> StoredInverter:
        halves = {"tensors": ref.id, "config": "the same"}
        pinned = {}
        for half, text in halves.items():
            key = keys.weights(DEFAULT_TENANT, generator.id, sha256_of(text.encode()), "json")
            store.put(key, text.encode())
            pinned[half] = Artefact(key=key, sha256=sha256_of(text.encode()), num_bytes=1)
        weights = Weights.model_validate(pinned)
        made = StoredInverter(
            generator_digest=generator.digest,
            digest=weights.digest,
            created_at=now(),
            weights=weights,
        )
        records.write(store, keys.inverter(DEFAULT_TENANT, generator.id, made.digest), made)
        outcome = InverterManifest(
            status=JobStatus.SUCCEEDED, started_at=now(), finished_at=now(), inverter=made
        )
        records.finish(store, ledger, ref, outcome)
        return made

    return finish


def test_a_training_is_accepted_and_queued(
    client: httpx2.Client,
    ref: JobRef,
    store: Store,
    generator: StoredGenerator,
    queued: Callable[[str], list[str]],
) -> None:
    """The request pins the generator by digest and every number; one call waits in the queue of the fits."""
    request = records.read_request(store, ref, InverterRequest)
    assert request is not None
    assert (request.generator.digest, request.seed) == (generator.digest, 4)
    assert (request.options.num_images, request.options.batch) == (100, 16)
    assert queued("fit") == [f"{ref.id}-1"]
    shown = client.get(f"/v1/inverters/{ref.id}").json()
    assert (shown["status"], shown["queue_position"]) == ("queued", 0)


def test_a_generator_lists_its_trainings(client: httpx2.Client, ref: JobRef) -> None:
    """Newest first, and none of another generator."""
    newer = client.post(PATH, json={}).json()["id"]
    for path in (PATH, "/v1/inverters"):
        items = client.get(path).json()["items"]
        assert [item["id"] for item in items] == [newer, ref.id]
    assert client.get("/v1/generators/nope/inverters").status_code == 404


def test_the_same_key_is_the_same_training(client: httpx2.Client) -> None:
    """A repeated request trains nothing twice."""
    first, second = (
        client.post(PATH, json={}, headers={"Idempotency-Key": "once"}) for _ in range(2)
    )
    assert first.json() == second.json()


def test_a_fit_starts_from_the_newest_inverter(
    client: httpx2.Client,
    ref: JobRef,
    labelset_id: str,
    end: Callable[[JobRef], StoredInverter],
) -> None:
    """By default the one that was trained last; any other by its digest."""
    made = end(ref)
    assert client.get(f"/v1/inverters/{ref.id}").json()["digest"] == made.digest
    known = client.get("/v1/generators/tiny-32").json()["inverters"]
    assert [one["digest"] for one in known] == [made.digest, sha256_of(b"inverter")]
    for choice, digest in (("default", made.digest), (known[1]["digest"], known[1]["digest"])):
        body = {"generator": "tiny-32", "labelset": labelset_id, "inverter": choice}
        assert client.post("/v1/fits", json=body).json()["inverter_digest"] == digest


def test_a_deleted_inverter_leaves_its_fellows_whole(
    client: httpx2.Client, ref: JobRef, store: Store, end: Callable[[JobRef], StoredInverter]
) -> None:
    """What two of them share stays, the rest goes, and no later fit starts from it."""
    other = JobRef(tenant=DEFAULT_TENANT, id=client.post(PATH, json={}).json()["id"])
    gone, kept = end(ref), end(other)
    assert client.delete(f"/v1/inverters/{ref.id}").status_code == 204
    assert client.get(f"/v1/inverters/{ref.id}").status_code == 410
    assert store.head(gone.weights.tensors.key) is None
    assert all(store.head(half.key) for half in kept.weights.halves)
    shown = client.get("/v1/generators/tiny-32").json()["inverters"]
    assert gone.digest not in [one["digest"] for one in shown]


def test_a_training_that_runs_is_cancelled_not_deleted(client: httpx2.Client, ref: JobRef) -> None:
    """Deleting needs an end; cancelling leads there."""
    assert client.delete(f"/v1/inverters/{ref.id}").json()["code"] == "job_not_finished"
    answer = client.post(f"/v1/inverters/{ref.id}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (202, "cancelling")
