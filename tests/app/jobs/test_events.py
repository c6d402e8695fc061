"""Promises of a job's events, as a list and as a live stream. Shown on fits; batches share the code."""

from collections.abc import Callable

import httpx2
import pytest

from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import JobRef, Progress
from state.ledger import Ledger

Finish = Callable[[str], None]


@pytest.fixture
def ref(fit_id: str, ledger: Ledger) -> JobRef:
    """A fit that is running: two events so far."""
    ref = JobRef(tenant=DEFAULT_TENANT, id=fit_id)
    ledger.report_progress(ref, Progress(stage="inversion", done=1, total=2))
    return ref


def lines(answer: httpx2.Response, field: str) -> list[str]:
    """The values of one field of a stream, in order."""
    return [line.split(": ", 1)[1] for line in answer.text.splitlines() if line.startswith(field)]


def test_the_list_goes_on_where_one_stopped(client: httpx2.Client, ref: JobRef) -> None:
    """`after` gives the events behind the one that is known."""
    path = f"/v1/fits/{ref.id}/events"
    first, second = client.get(path).json()["items"]
    assert (first["data"], second["type"]) == ({"status": "queued"}, "progress")
    assert client.get(path, params={"after": first["id"]}).json()["items"] == [second]


def test_the_stream_tells_all_and_ends(
    client: httpx2.Client, ref: JobRef, finish_fit: Finish
) -> None:
    """A listener hears every event in order, the last one being `completed`, and then the stream ends."""
    finish_fit(ref.id)
    answer = client.get(f"/v1/fits/{ref.id}/events/live")
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert lines(answer, "event") == ["status", "progress", "completed"]


def test_the_stream_resumes(client: httpx2.Client, ref: JobRef, finish_fit: Finish) -> None:
    """With `Last-Event-ID` a listener hears only what it missed."""
    finish_fit(ref.id)
    ids = lines(client.get(f"/v1/fits/{ref.id}/events/live"), "id")
    headers = {"Last-Event-ID": ids[1]}
    again = client.get(f"/v1/fits/{ref.id}/events/live", headers=headers)
    assert lines(again, "event") == ["completed"]


@pytest.mark.parametrize("last", ["x", "0", "\u0661-0", "9" * 20 + "-0"])
def test_an_id_that_no_event_has_is_refused(client: httpx2.Client, ref: JobRef, last: str) -> None:
    """A listener who resumes from what Redis cannot read is told so, instead of waiting for nothing."""
    path = f"/v1/fits/{ref.id}/events"
    assert client.get(path, params={"after": last}).status_code == 422
    headers = [(b"Last-Event-ID", last.encode())]
    assert client.get(f"{path}/live", headers=headers).status_code == 422


def test_who_has_heard_the_end_is_sent_away(
    client: httpx2.Client, ref: JobRef, finish_fit: Finish
) -> None:
    """A listener that comes back after the end gets 204, at which a browser stops asking."""
    finish_fit(ref.id)
    last = lines(client.get(f"/v1/fits/{ref.id}/events/live"), "id")[-1]
    headers = {"Last-Event-ID": last}
    assert client.get(f"/v1/fits/{ref.id}/events/live", headers=headers).status_code == 204


def test_the_stream_ends_even_when_redis_forgot(
    client: httpx2.Client, ref: JobRef, finish_fit: Finish, ledger: Ledger
) -> None:
    """The end is in the store: a listener hears of it although the events are lost."""
    finish_fit(ref.id)
    ledger.redis.flushall()
    answer = client.get(f"/v1/fits/{ref.id}/events/live")
    assert lines(answer, "event") == ["completed"]


def test_there_is_no_stream_of_nothing(client: httpx2.Client) -> None:
    """An unknown job is refused before the stream begins."""
    answer = client.get(f"/v1/fits/{new_id('fit')}/events/live")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
