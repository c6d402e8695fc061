"""Streams that answer, over HTTP: the option, reports and their limits, the state, and the distribution."""

from typing import Any

import httpx2
import pytest

from app.streams import distribution, reports
from contracts.generators.generator import StoredGenerator
from contracts.ids import DEFAULT_TENANT
from contracts.recipes.pilots import PlainShares
from contracts.schemas import DepthSchema, LabelSchema
from contracts.streams import StreamRef, StreamRequest
from state import keys, records
from state.ledger import Ledger
from state.planning import plain_shares_key
from state.store import Store
from tests.app.batches.test_targets import HAT, change_fit, flaw_of
from tests.app.streams.conftest import Render

STEERING = {"strength": 2.0, "every": 8}
LOSSES = {"losses": {"skin": 0.1, "hair": 0.9}}


@pytest.fixture
def answering(client: httpx2.Client, finished_fit_id: str) -> str:
    """Return the path of a stream that answers."""
    body = {"fit": finished_fit_id, "shard_size": 4, "steering": STEERING}
    answer = client.post("/v1/streams", json=body)
    assert answer.status_code == 201, answer.text
    return f"/v1/streams/{answer.json()['id']}"


def report(
    client: httpx2.Client, path: str, body: object = LOSSES, **headers: str
) -> httpx2.Response:
    """Send a report."""
    return client.post(f"{path}/reports", json=body, headers=headers)


def test_reports_change_the_state(client: httpx2.Client, answering: str) -> None:
    """Version 0 is empty. Losses are smoothed, and the weights of weak classes add up to 1."""
    assert client.get(answering).json()["steering"] == STEERING
    before = client.get(f"{answering}/steering").json()
    assert (before["version"], before["losses"], before["weights"]) == (0, {}, {})
    first = report(client, answering)
    assert first.status_code == 201
    assert first.headers["Location"].endswith(f"{answering}/steering")
    assert (first.json()["version"], first.json()["weights"]) == (1, {"hair": 1.0})
    second = report(client, answering, {"losses": {"hair": 0.1}}).json()
    assert second["losses"] == {"skin": 0.1, "hair": pytest.approx(0.5)}
    assert client.get(f"{answering}/steering").json() == second


def test_a_repeated_report_counts_once(client: httpx2.Client, answering: str) -> None:
    """With its Idempotency-Key, also after other reports. The key of another report is refused."""
    key = {"Idempotency-Key": "one"}
    first = report(client, answering, **key)
    assert report(client, answering).json()["version"] == 2
    again = report(client, answering, **key)
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (first.json(), "true")
    other = report(client, answering, {"losses": {"hair": 5}}, **key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert client.get(f"{answering}/steering").json()["version"] == 2


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"losses": {}}, "/losses"),
        ({"losses": {"hat": 1.0}}, "/losses"),
        ({"losses": {"hair": -0.1}}, "/losses/hair"),
        ({"losses": {"hair": 1e7}}, "/losses/hair"),
        ({"losses": {"hair": None}}, "/losses/hair"),
        ({"losses": {f"class {number}": 1 for number in range(257)}}, "/losses"),
        ({}, "/losses"),
    ],
    ids=["empty", "unknown", "negative", "huge", "null", "too many", "missing"],
)
def test_an_invalid_report_is_refused(
    client: httpx2.Client, answering: str, body: object, pointer: str
) -> None:
    """Known classes and finite losses from 0 to a million; nothing is stored."""
    assert flaw_of(report(client, answering, body))[0] == pointer
    assert client.get(f"{answering}/steering").json()["version"] == 0


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e999"])
def test_a_loss_that_is_not_finite_is_refused(
    client: httpx2.Client, answering: str, text: str
) -> None:
    """A diverged training does not spoil the state."""
    body = f'{{"losses": {{"hair": {text}}}}}'
    headers = {"Content-Type": "application/json"}
    answer = client.post(f"{answering}/reports", content=body, headers=headers)
    assert answer.status_code in (400, 422)
    assert client.get(f"{answering}/steering").json()["version"] == 0


def test_reports_are_limited_by_the_minute(
    client: httpx2.Client, answering: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one stream. A replay is not a further report."""
    monkeypatch.setattr(reports, "MAX_REPORTS_PER_MINUTE", 2)
    monkeypatch.setattr("time.time", lambda: 6_030.0)
    key = {"Idempotency-Key": "one"}
    assert report(client, answering, **key).status_code == 201
    assert report(client, answering).status_code == 201
    refused = report(client, answering)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert refused.headers["Retry-After"] == "30"
    assert report(client, answering, **key).status_code == 201


def test_other_streams_refuse_reports(client: httpx2.Client, stream_id: str) -> None:
    """With 409, and what to do."""
    for answer in (
        report(client, f"/v1/streams/{stream_id}"),
        client.get(f"/v1/streams/{stream_id}/steering"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "not_steered")
        assert '"steering": {}' in answer.json()["detail"]


def test_the_state_goes_with_its_stream(
    client: httpx2.Client, store: Store, answering: str
) -> None:
    """A deleted stream takes no reports, and nothing of it stays but the tombstone."""
    report(client, answering)
    assert client.delete(answering).status_code == 204
    assert report(client, answering).status_code == 410
    ref = StreamRef(tenant=DEFAULT_TENANT, id=answering.rpartition("/")[2])
    found = [info.key for info in store.list(keys.stream_prefix(ref))]
    assert found == [keys.stream_tombstone(ref)]


def test_some_streams_cannot_be_steered(
    *,
    client: httpx2.Client,
    store: Store,
    finished_fit_id: str,
    generator: StoredGenerator,
) -> None:
    """Those with targets, without masks, and of a generator whose codes are the images."""

    def refusal(**own: Any) -> tuple[str, str]:
        return flaw_of(
            client.post("/v1/streams", json={"fit": finished_fit_id, "steering": {}, **own})
        )

    pointer, detail = refusal(targets=[HAT])
    assert pointer == "/steering"
    assert "got both" in detail
    request = change_fit(store, finished_fit_id, labels=LabelSchema(depth=DepthSchema(scale=0.5)))
    assert "has no masks, only depth" in refusal()[1]
    change_fit(store, finished_fit_id, labels=request.labels)
    assert refusal(steering={"strength": 6})[0] == "/steering/strength"
    key = keys.manifest(DEFAULT_TENANT, "generators", generator.id)
    store.put(key, store.get(key).replace(b"stylegan2", b"diffusion"))
    assert "family diffusion" in refusal()[1]


def test_the_distribution_is_that_of_the_newest_shards(
    *,
    client: httpx2.Client,
    store: Store,
    ledger: Ledger,
    render: Render,
    stream_id: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Against plain samples once a pilot has measured them. The stand-in's shards have one class alone."""
    path = f"/v1/streams/{stream_id}/distribution"
    empty = client.get(path).json()
    assert (empty["num_shards"], empty["distance"], empty["classes"]) == (0, None, [])
    for index in range(3):
        render(stream_id, index)
    alone = client.get(path).json()
    assert (alone["num_shards"], alone["num_samples"], alone["distance"]) == (3, 12, None)
    assert alone["classes"][0]["plain_pixels"] is None
    ref = StreamRef(tenant=DEFAULT_TENANT, id=stream_id)
    request = records.read(store, keys.stream_request(ref), StreamRequest)
    assert request is not None
    plain = PlainShares(
        fit_digest=request.fit.digest,
        num_samples=2_000,
        class_pixels=(0.6, 0.3, 0.1),
        class_images=(1.0, 0.9, 0.5),
    )
    records.write(store, plain_shares_key(request), plain)
    monkeypatch.setattr(distribution, "MAX_SHARDS", 2)
    found = client.get(path).json()
    assert (found["num_shards"], found["num_plain_samples"]) == (2, 2_000)
    assert found["distance"] == pytest.approx(0.4)
    first = found["classes"][0]
    assert (first["pixels"], first["images"], first["plain_pixels"]) == (1.0, 0.25, 0.6)
