"""Streams over HTTP: any shard at any time, rendered once for all requests, and only for readers."""

import hashlib
import io
import tarfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx2
import pytest

from contracts.errors.jobs import AcceptanceTooLow
from contracts.ids import DEFAULT_TENANT, RqId, new_id
from contracts.jobs import JobError
from contracts.kinds import RETENTION
from contracts.streams import StreamRef, StreamShardRef
from state.ledger import Ledger
from state.on_demand.kinds import STREAM_SHARDS
from state.on_demand.ledger import Item, OnDemandLedger
from tests.app.conftest import Blocking
from tests.app.streams.conftest import Render

Queued = Callable[[str], list[str]]


def item(stream_id: str, index: int) -> Item:
    """Return the ledger's name of a shard."""
    ref = StreamRef(tenant=DEFAULT_TENANT, id=stream_id)
    return STREAM_SHARDS.item(StreamShardRef(stream=ref, index=index))


def indices(queued: list[str]) -> list[int]:
    """Return the shards in a queue, in its order."""
    parsed = [RqId.parse(rq_id) for rq_id in queued]
    return [rq_id.shard for rq_id in parsed if rq_id is not None and rq_id.shard is not None]


def until(holds: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def names(data: bytes) -> list[str]:
    """Return the members of a tar that is read as a pipe."""
    with tarfile.open(fileobj=io.BytesIO(data), mode="r|") as tar:
        return [member.name for member in tar]


def test_a_stream_is_created_read_listed_and_deleted(client: httpx2.Client, stream_id: str) -> None:
    """The response has every option resolved; a deleted stream is 410."""
    address = f"/v1/streams/{stream_id}"
    stream = client.get(address).json()
    assert (stream["seed"], stream["shard_size"], stream["truncation"]) == (7, 4, 0.7)
    assert stream["num_shards"] == 250_000_000
    assert [item["id"] for item in client.get("/v1/streams").json()["items"]] == [stream_id]
    assert client.delete(address).status_code == 204
    assert client.delete(address).status_code == 204
    assert client.get(address).status_code == 410
    assert client.get(f"{address}/shards/0").status_code == 410
    assert client.get("/v1/streams").json()["items"] == []


def test_the_same_key_creates_one_stream(client: httpx2.Client, finished_fit_id: str) -> None:
    """A create whose response was lost can be repeated."""
    headers, body = {"Idempotency-Key": "one"}, {"fit": finished_fit_id}
    first = client.post("/v1/streams", json=body, headers=headers)
    again = client.post("/v1/streams", json=body, headers=headers)
    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    other = client.post("/v1/streams", json=body | {"seed": 2}, headers=headers)
    assert other.json()["code"] == "idempotency_mismatch"


def test_a_stream_needs_a_fit_that_has_succeeded(client: httpx2.Client, fit_id: str) -> None:
    """An unknown fit is an invalid request; an unfinished one is a conflict."""
    assert client.post("/v1/streams", json={"fit": fit_id}).json()["code"] == "fit_not_ready"
    unknown = client.post("/v1/streams", json={"fit": new_id("fit")})
    assert unknown.status_code == 422
    assert unknown.json()["errors"][0]["pointer"] == "/fit"


@pytest.mark.parametrize("shard", ["-1", "x", "250000000", "9" * 30])
def test_an_invalid_shard_is_refused(client: httpx2.Client, stream_id: str, shard: str) -> None:
    """Negative, not a number, or past the last shard."""
    answer = client.get(f"/v1/streams/{stream_id}/shards/{shard}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "shard"


def test_an_unknown_stream_is_not_found(client: httpx2.Client) -> None:
    """The message names the route that lists streams."""
    answer = client.get(f"/v1/streams/{new_id('stream')}/shards/0")
    assert answer.status_code == 404
    assert "GET /v1/streams" in answer.json()["detail"]


def test_a_stream_without_readers_queues_nothing(
    client: httpx2.Client, stream_id: str, queued: Queued
) -> None:
    """Getting and listing a stream are not reading it."""
    client.get(f"/v1/streams/{stream_id}")
    client.get("/v1/streams")
    assert queued("generate") == []


def test_a_shard_that_takes_longer_is_503(client: httpx2.Client, stream_id: str) -> None:
    """With Retry-After. No worker runs here."""
    for wait in (0, 1):
        answer = client.get(f"/v1/streams/{stream_id}/shards/0", params={"wait": wait})
        assert (answer.status_code, answer.json()["code"]) == (503, "shard_not_ready")
        assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize("wait", ["-1", "31", "soon"])
def test_a_wait_is_limited(
    client: httpx2.Client, stream_id: str, queued: Queued, wait: str
) -> None:
    """30 seconds at most. A refused request queues nothing."""
    answer = client.get(f"/v1/streams/{stream_id}/shards/0", params={"wait": wait})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "wait"
    assert queued("generate") == []


def test_a_rendered_shard_is_a_signed_link(
    client: httpx2.Client, stream_id: str, render: Render
) -> None:
    """307 to a link that needs its signature. The record has the size and digest of the bytes."""
    render(stream_id, 5)
    answer = client.get(f"/v1/streams/{stream_id}/shards/5")
    assert answer.status_code == 307
    link = httpx2.URL(answer.headers["Location"])
    assert client.get(link.copy_set_param("signature", "none")).status_code == 403
    data = client.get(link).content
    record = client.get(f"/v1/streams/{stream_id}/shards/5/record").json()
    assert (record["num_bytes"], record["num_samples"]) == (len(data), 4)
    assert record["sha256"] == hashlib.sha256(data).hexdigest()
    assert names(data)[0] == "000000020.json"


def test_requested_shards_are_queued_first_and_the_next_ones_last(
    client: httpx2.Client, stream_id: str, queued: Queued
) -> None:
    """Look-ahead is bounded for all readers together. Requested shards go ahead of it, first come first served.

    RQ has two entries already, whose order does not change.
    """
    for shard, order in [
        (10, [10, 11, 12, 13, 14]),
        (13, [10, 11, 13, 12, 14]),
        (70, [10, 11, 13, 70, 12, 14]),
        (70, [10, 11, 13, 70, 12, 14]),
    ]:
        client.get(f"/v1/streams/{stream_id}/shards/{shard}?wait=0")
        assert indices(queued("generate")) == order


def test_the_window_follows_the_reader(
    client: httpx2.Client, stream_id: str, queued: Queued, render: Render
) -> None:
    """A rendered shard is read from the store, and one more shard is queued."""
    client.get(f"/v1/streams/{stream_id}/shards/0?wait=0")
    for shard in (0, 1):
        render(stream_id, shard)
    client.get(f"/v1/streams/{stream_id}/shards/1?wait=0")
    # The stand-in for the worker takes no call from the queue.
    assert indices(queued("generate")) == [0, 1, 2, 3, 4, 5]


def test_two_readers_of_one_shard_wait_for_one_rendering(
    client: httpx2.Client, stream_id: str, queued: Queued, render: Render
) -> None:
    """The same news wakes both, long before their next read of the store."""
    address = f"/v1/streams/{stream_id}/shards/3/record?wait=30"
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(client.get, address) for _ in range(2)]
        until(lambda: 3 in indices(queued("generate")))
        assert not any(answer.done() for answer in answers)
        record = render(stream_id, 3)
        assert [answer.result().json()["sha256"] for answer in answers] == [record.tar.sha256] * 2
    assert indices(queued("generate")).count(3) == 1


def test_a_failed_shard_is_a_problem(
    client: httpx2.Client, stream_id: str, ledger: Ledger, queued: Queued
) -> None:
    """Each request gets the cause at once, and the shard is not queued again."""
    error = JobError(code=AcceptanceTooLow.code, detail="Relax the filter.")
    OnDemandLedger(ledger).fail(item(stream_id, 0), error, RETENTION)
    answer = client.get(f"/v1/streams/{stream_id}/shards/0?wait=30")
    assert (answer.status_code, answer.json()["code"]) == (500, "shard_failed")
    assert "acceptance_too_low" in answer.json()["detail"]
    assert queued("generate") == []


def test_a_temporary_failure_of_a_shard_is_503(
    client: httpx2.Client, stream_id: str, ledger: Ledger
) -> None:
    """A reader asks again when the shard is tried again, instead of ending the training."""
    error = JobError(code="worker_lost", detail="The worker died.", retryable=True)
    OnDemandLedger(ledger).fail(item(stream_id, 0), error, timedelta(seconds=20))
    answer = client.get(f"/v1/streams/{stream_id}/shards/0?wait=30")
    assert (answer.status_code, answer.json()["code"]) == (503, "shard_failed")
    assert answer.json()["retryable"] is True
    assert 0 < int(answer.headers["Retry-After"]) <= 20


def test_a_temporary_failure_does_not_end_a_tar(
    client: httpx2.Client, stream_id: str, ledger: Ledger, render: Render
) -> None:
    """The next shard fails for a second; the reader waits and gets all samples."""
    render(stream_id, 0)
    error = JobError(code="worker_lost", detail="The worker died.", retryable=True)
    OnDemandLedger(ledger).fail(item(stream_id, 1), error, timedelta(seconds=1))
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.get, f"/v1/streams/{stream_id}/tar?shards=2")
        until(lambda: OnDemandLedger(ledger).failure(item(stream_id, 1)) is None)
        render(stream_id, 1)
        assert answer.result().content.count(b"000000007.json") == 1


def test_a_request_that_waits_queues_a_released_shard_again(
    client: httpx2.Client, stream_id: str, queued: Queued, ledger: Ledger, render: Render
) -> None:
    """The worker died and the reconciler released its claim. The request continues to wait."""
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.get, f"/v1/streams/{stream_id}/shards/3/record?wait=30")
        until(lambda: 3 in indices(queued("generate")))
        OnDemandLedger(ledger).release(item(stream_id, 3))
        until(lambda: indices(queued("generate")).count(3) == 2)
        render(stream_id, 3)
        assert answer.result().status_code == 200


def test_several_shards_are_one_tar(client: httpx2.Client, stream_id: str, render: Render) -> None:
    """No end of archive between them, and a regular one after the last."""
    for shard in (2, 3, 4):
        render(stream_id, shard)
    answer = client.get(f"/v1/streams/{stream_id}/tar?start=2&shards=3")
    assert answer.headers["Content-Type"] == "application/x-tar"
    assert names(answer.content) == [f"{index:09d}.json" for index in range(8, 20)]


def test_an_endless_tar_is_rendered_as_it_is_read(
    client: httpx2.Client, stream_id: str, render: Render, queued: Queued
) -> None:
    """Each shard is requested once the previous one has been read. Only the look-ahead window is queued."""
    render(stream_id, 0)
    with client.stream("GET", f"/v1/streams/{stream_id}/tar") as answer:
        read = Pipe(answer)
        with tarfile.open(fileobj=read, mode="r|") as tar:
            members = []
            for member in tar:
                members.append(member.name)
                if len(members) == 4:
                    render(stream_id, 1)
                if len(members) == 8:
                    break
    assert members == [f"{index:09d}.json" for index in range(8)]
    assert max(indices(queued("generate"))) <= 6


def test_an_endless_tar_ends_for_a_blocked_tenant(
    client: httpx2.Client, stream_id: str, render: Render, blocking: Blocking
) -> None:
    """The next shard is refused; the open connection breaks."""
    render(stream_id, 0)
    with client.stream("GET", f"/v1/streams/{stream_id}/tar") as answer:
        chunks = answer.iter_bytes(512)
        next(chunks)
        blocking.is_blocked = True
        render(stream_id, 1)
        render(stream_id, 2)
        with pytest.raises(httpx2.RemoteProtocolError):
            list(chunks)


class Pipe(io.RawIOBase):
    """Read a response like a file."""

    def __init__(self, answer: httpx2.Response) -> None:
        self._chunks = answer.iter_bytes(512)

    def read(self, size: int = -1) -> bytes:
        data = b""
        while len(data) < size and (chunk := next(self._chunks, b"")):
            data += chunk
        return data
