"""The events of a job, as a list and as a live stream. Shown on fits; all kinds share the code."""

from collections.abc import Callable

import httpx2
import pytest
import structlog

from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import JobRef, JobStatus, Progress
from state.ledger import Ledger
from tests.app.conftest import Blocking

Finish = Callable[[str], None]


@pytest.fixture
def ref(fit_id: str, ledger: Ledger) -> JobRef:
    """Return a running fit with two events."""
    ref = JobRef(tenant=DEFAULT_TENANT, id=fit_id)
    ledger.report_progress(ref, Progress(stage="inversion", done=1, total=2))
    return ref


def lines(answer: httpx2.Response, field: str) -> list[str]:
    """Return the values of one field of a stream, in order."""
    return [line.split(": ", 1)[1] for line in answer.text.splitlines() if line.startswith(field)]


def test_the_list_resumes(client: httpx2.Client, ref: JobRef) -> None:
    """With `after`, the list has the later events only."""
    path = f"/v1/fits/{ref.id}/events"
    first, second = client.get(path).json()["items"]
    assert (first["data"], second["type"]) == ({"status": "queued"}, "progress")
    assert client.get(path, params={"after": first["id"]}).json()["items"] == [second]


def test_the_stream_has_every_event_and_ends(
    client: httpx2.Client, ref: JobRef, finish_fit: Finish
) -> None:
    """The events are in order, and the stream ends after `completed`."""
    finish_fit(ref.id)
    answer = client.get(f"/v1/fits/{ref.id}/events/live")
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert lines(answer, "event") == ["status", "progress", "completed"]


def test_the_stream_resumes(client: httpx2.Client, ref: JobRef, finish_fit: Finish) -> None:
    """With `Last-Event-ID`, the stream has the later events only."""
    finish_fit(ref.id)
    ids = lines(client.get(f"/v1/fits/{ref.id}/events/live"), "id")
    headers = {"Last-Event-ID": ids[1]}
    again = client.get(f"/v1/fits/{ref.id}/events/live", headers=headers)
    assert lines(again, "event") == ["completed"]


@pytest.mark.parametrize("last", ["x", "0", "\u0661-0", "9" * 20 + "-0"])
def test_an_invalid_event_id_is_refused(client: httpx2.Client, ref: JobRef, last: str) -> None:
    """An id that Redis cannot parse is 422, in the list and in the stream."""
    path = f"/v1/fits/{ref.id}/events"
    assert client.get(path, params={"after": last}).status_code == 422
    headers = [(b"Last-Event-ID", last.encode())]
    assert client.get(f"{path}/live", headers=headers).status_code == 422


def test_a_listener_with_every_event_gets_204(
    client: httpx2.Client, ref: JobRef, finish_fit: Finish
) -> None:
    """It reconnects after the end of the job; a browser stops reconnecting at 204."""
    finish_fit(ref.id)
    last = lines(client.get(f"/v1/fits/{ref.id}/events/live"), "id")[-1]
    headers = {"Last-Event-ID": last}
    assert client.get(f"/v1/fits/{ref.id}/events/live", headers=headers).status_code == 204


def test_the_stream_ends_when_redis_has_lost_the_events(
    client: httpx2.Client, ref: JobRef, finish_fit: Finish, ledger: Ledger
) -> None:
    """The end of the job is read from the store."""
    finish_fit(ref.id)
    ledger.redis.flushall()
    answer = client.get(f"/v1/fits/{ref.id}/events/live")
    assert lines(answer, "event") == ["completed"]


def test_the_stream_of_a_built_in_generator_ends_at_once(client: httpx2.Client) -> None:
    """It never had events. The answer is `completed` without a wait, then 204 for a listener that reconnects."""
    path = "/v1/generators/tiny-32/events/live"
    answer = client.get(path)
    assert lines(answer, "event") == ["completed"]
    assert answer.elapsed.total_seconds() < 1
    headers = {"Last-Event-ID": lines(answer, "id")[-1]}
    assert client.get(path, headers=headers).status_code == 204


def test_the_stream_of_an_unknown_job_is_404(client: httpx2.Client) -> None:
    """The error comes before the first event."""
    answer = client.get(f"/v1/fits/{new_id('fit')}/events/live")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_live_events_end_for_a_blocked_tenant(
    client: httpx2.Client, ref: JobRef, ledger: Ledger, blocking: Blocking
) -> None:
    """The next event is not sent. The stream ends as usual, so the connection serves the next request."""
    with (
        client.stream("GET", f"/v1/fits/{ref.id}/events/live") as answer,
        structlog.testing.capture_logs() as logs,
    ):
        chunks = answer.iter_bytes()
        next(chunks)
        blocking.is_blocked = True
        ledger.publish_status(ref, JobStatus.CANCELLING)
        rest = b"".join(chunks)
        client.get("/livez")
    assert b"cancelling" not in rest
    assert "The tenant 'default' is blocked." in [line.get("reason") for line in logs]
    assert [line for line in logs if line["log_level"] == "error"] == []
