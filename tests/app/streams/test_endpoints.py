"""Streams over HTTP: any shard at any time, one rendering however many ask, and nothing without a reader."""

import hashlib
import io
import tarfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from contracts.errors.jobs import AcceptanceTooLow
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import JobError
from contracts.streams import StreamRef
from state.ledger import Ledger
from state.stream_ledger import StreamLedger
from tests.app.streams.conftest import Render

Queued = Callable[[str], list[str]]


def indices(queued: list[str]) -> list[int]:
    """Which shards stand in a queue, in its order."""
    return [int(rq_id.split("-")[1]) for rq_id in queued]


def until(is_so: Callable[[], bool]) -> None:
    """Waits for something to become true."""
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def names(data: bytes) -> list[str]:
    """The members of a tar that is read as a pipe."""
    with tarfile.open(fileobj=io.BytesIO(data), mode="r|") as tar:
        return [member.name for member in tar]


def test_a_stream_is_made_read_listed_and_erased(client: httpx2.Client, stream_id: str) -> None:
    """Everything is resolved in its answer; what is erased is 410."""
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


def test_the_same_key_makes_one_stream(client: httpx2.Client, finished_fit_id: str) -> None:
    """A create whose answer was lost may be sent again."""
    headers, body = {"Idempotency-Key": "one"}, {"fit": finished_fit_id}
    first = client.post("/v1/streams", json=body, headers=headers)
    again = client.post("/v1/streams", json=body, headers=headers)
    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    other = client.post("/v1/streams", json=body | {"seed": 2}, headers=headers)
    assert other.json()["code"] == "idempotency_mismatch"


def test_a_stream_needs_a_fit_that_has_succeeded(client: httpx2.Client, fit_id: str) -> None:
    """One that is unknown is a flaw of the request, one that is not done a conflict."""
    assert client.post("/v1/streams", json={"fit": fit_id}).json()["code"] == "fit_not_ready"
    unknown = client.post("/v1/streams", json={"fit": new_id("fit")})
    assert unknown.status_code == 422
    assert unknown.json()["errors"][0]["pointer"] == "/fit"


@pytest.mark.parametrize("shard", ["-1", "x", "250000000", "9" * 30])
def test_a_bad_shard_is_named(client: httpx2.Client, stream_id: str, shard: str) -> None:
    """Below 0, no number, or past the last."""
    answer = client.get(f"/v1/streams/{stream_id}/shards/{shard}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "shard"


def test_an_unknown_stream_is_not_found(client: httpx2.Client) -> None:
    """With the place where streams are listed."""
    answer = client.get(f"/v1/streams/{new_id('stream')}/shards/0")
    assert answer.status_code == 404
    assert "GET /v1/streams" in answer.json()["detail"]


def test_a_stream_that_nobody_reads_has_nothing_queued(
    client: httpx2.Client, stream_id: str, queued: Queued
) -> None:
    """Looking at it is not reading it."""
    client.get(f"/v1/streams/{stream_id}")
    client.get("/v1/streams")
    assert queued("generate") == []


def test_a_shard_that_takes_longer_is_503(client: httpx2.Client, stream_id: str) -> None:
    """With the time to ask again after; nobody renders here."""
    for wait in (0, 1):
        answer = client.get(f"/v1/streams/{stream_id}/shards/0", params={"wait": wait})
        assert (answer.status_code, answer.json()["code"]) == (503, "shard_not_ready")
        assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize("wait", ["-1", "31", "soon"])
def test_a_wait_has_an_end(
    client: httpx2.Client, stream_id: str, queued: Queued, wait: str
) -> None:
    """30 seconds at most; a request that is refused has nothing rendered."""
    answer = client.get(f"/v1/streams/{stream_id}/shards/0", params={"wait": wait})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "wait"
    assert queued("generate") == []


def test_a_shard_that_is_there_is_a_signed_link(
    client: httpx2.Client, stream_id: str, render: Render
) -> None:
    """307, to a link that is worth nothing unsigned; its record says what the bytes behind it must be."""
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


def test_a_reader_has_its_shard_queued_first_and_the_next_behind(
    client: httpx2.Client, stream_id: str, queued: Queued
) -> None:
    """Look-ahead is bounded, whoever reads; what is asked for overtakes it, first come first served."""
    for shard, order in [
        (10, [10, 11, 12, 13, 14]),
        (12, [10, 12, 11, 13, 14]),
        (70, [10, 12, 70, 11, 13, 14]),
        (70, [10, 12, 70, 11, 13, 14]),
    ]:
        client.get(f"/v1/streams/{stream_id}/shards/{shard}?wait=0")
        assert indices(queued("generate")) == order


def test_the_window_moves_on_with_the_reader(
    client: httpx2.Client, stream_id: str, queued: Queued, render: Render
) -> None:
    """A shard that is there is read from the store, and another one is queued behind."""
    client.get(f"/v1/streams/{stream_id}/shards/0?wait=0")
    for shard in (0, 1):
        render(stream_id, shard)
    client.get(f"/v1/streams/{stream_id}/shards/1?wait=0")
    assert indices(queued("generate")) == [0, 1, 2, 3, 4, 5]  # the worker that was played took none


def test_two_readers_of_one_shard_wait_for_one_rendering(
    client: httpx2.Client, stream_id: str, queued: Queued, render: Render
) -> None:
    """Both are answered by the same news, far sooner than they would look again."""
    address = f"/v1/streams/{stream_id}/shards/3/record?wait=30"
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(client.get, address) for _ in range(2)]
        until(lambda: 3 in indices(queued("generate")))
        assert not any(answer.done() for answer in answers)
        record = render(stream_id, 3)
        assert [answer.result().json()["sha256"] for answer in answers] == [record.tar.sha256] * 2
    assert indices(queued("generate")).count(3) == 1


def test_a_shard_that_failed_is_a_problem(
    client: httpx2.Client, stream_id: str, ledger: Ledger, queued: Queued
) -> None:
    """Told at once to everybody who asks, with the cause; it is not rendered again and again."""
    ref = StreamRef(tenant=DEFAULT_TENANT, id=stream_id)
    error = JobError(code=AcceptanceTooLow.code, detail="Ask for less.")
    StreamLedger(ledger).fail(ref, 0, error)
    answer = client.get(f"/v1/streams/{stream_id}/shards/0?wait=30")
    assert (answer.status_code, answer.json()["code"]) == (500, "shard_failed")
    assert "acceptance_too_low" in answer.json()["detail"]
    assert queued("generate") == []


def test_a_claim_that_was_freed_is_taken_over_by_who_waits(
    client: httpx2.Client, stream_id: str, queued: Queued, ledger: Ledger, render: Render
) -> None:
    """The worker died, the reconciler freed its claim: the reader has the shard queued again and goes on waiting."""
    ref = StreamRef(tenant=DEFAULT_TENANT, id=stream_id)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.get, f"/v1/streams/{stream_id}/shards/3/record?wait=30")
        until(lambda: 3 in indices(queued("generate")))
        StreamLedger(ledger).release(ref, 3)
        until(lambda: indices(queued("generate")).count(3) == 2)
        render(stream_id, 3)
        assert answer.result().status_code == 200


def test_some_shards_are_one_tar(client: httpx2.Client, stream_id: str, render: Render) -> None:
    """No end of archive between them, and a regular one behind the last."""
    for shard in (2, 3, 4):
        render(stream_id, shard)
    answer = client.get(f"/v1/streams/{stream_id}/tar?start=2&shards=3")
    assert answer.headers["Content-Type"] == "application/x-tar"
    assert names(answer.content) == [f"{index:09d}.json" for index in range(8, 20)]


def test_an_endless_tar_is_rendered_as_it_is_read(
    client: httpx2.Client, stream_id: str, render: Render, queued: Queued
) -> None:
    """Each shard is asked for when the one before has been taken; no more than the window is queued."""
    render(stream_id, 0)
    with client.stream("GET", f"/v1/streams/{stream_id}/tar") as answer:
        read = Pipe(answer)
        with tarfile.open(fileobj=read, mode="r|") as tar:
            found = []
            for member in tar:
                found.append(member.name)
                if len(found) == 4:
                    render(stream_id, 1)
                if len(found) == 8:
                    break
    assert found == [f"{index:09d}.json" for index in range(8)]
    assert max(indices(queued("generate"))) <= 6


class Pipe(io.RawIOBase):
    """A response that is read like a file."""

    def __init__(self, answer: httpx2.Response) -> None:
        self._chunks = answer.iter_bytes(512)

    def read(self, size: int = -1) -> bytes:
        data = b""
        while len(data) < size and (chunk := next(self._chunks, b"")):
            data += chunk
        return data
