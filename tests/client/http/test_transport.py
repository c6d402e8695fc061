"""Requests: which are retried, and with which Idempotency-Key."""

import io

import httpx2
import pytest

from handsoff_client import InvalidAnswer, NotFound, QueueUnavailable, Unreachable
from handsoff_client.http.operations import CREATE_LABELSET
from tests.client.conftest import Service, job, problem

LOST = httpx2.ReadError("connection lost", request=httpx2.Request("GET", "http://service/v1/fits"))


def succeeded() -> httpx2.Response:
    """Return the answer for a succeeded fit."""
    return httpx2.Response(200, json=job("fit", "succeeded"))


@pytest.mark.parametrize("failure", [LOST, httpx2.Response(429), httpx2.Response(503)])
def test_a_temporary_failure_is_retried(
    service: Service, failure: httpx2.Response | Exception
) -> None:
    """A lost connection, too many requests, an unavailable service."""
    service.answers = [failure, failure, succeeded()]
    assert service.client().fits.get("fit_1").status == "succeeded"
    assert len(service.waits) == 2


def test_an_invalid_request_is_not_retried(service: Service) -> None:
    """It would fail again."""
    service.answers = [problem(404, "not_found")]
    with pytest.raises(NotFound):
        service.client().fits.get("fit_1")
    assert not service.waits


def test_retry_after_is_the_minimum_wait(service: Service) -> None:
    """Jitter is added to it."""
    service.answers = [httpx2.Response(503, headers={"Retry-After": "7"}), succeeded()]
    service.client().fits.get("fit_1")
    assert 7 <= service.waits[0] <= 7.5


def test_retries_are_limited(service: Service) -> None:
    """The last error is raised with its type."""
    service.answers = [problem(503, "queue_unavailable") for _ in range(3)]
    with pytest.raises(QueueUnavailable):
        service.client(attempts=3).fits.get("fit_1")


def test_a_missing_answer_names_the_address(service: Service) -> None:
    """A wrong address is the most likely mistake."""
    service.answers = [LOST]
    with pytest.raises(Unreachable, match="http://service does not answer"):
        service.client(attempts=1).fits.get("fit_1")


def test_every_attempt_of_a_post_has_the_same_key(service: Service) -> None:
    """So a retried create makes nothing twice. The next create has another key."""
    service.answers = [LOST, succeeded(), succeeded()]
    client = service.client()
    for _ in range(2):
        client.fits.create(generator="g", labelset="l")
    first, again, other = (request.headers["Idempotency-Key"] for request in service.requests)
    assert first == again != other


def test_a_request_in_progress_is_retried(service: Service) -> None:
    """The first answer was lost, and the service still works on it: it answers 409 with this code."""
    service.answers = [LOST, problem(409, "request_in_progress"), succeeded()]
    assert service.client().fits.create(generator="g", labelset="l").status == "succeeded"


def test_every_attempt_sends_the_complete_upload(service: Service) -> None:
    """Each attempt reads the file from its start."""
    service.answers = [LOST, httpx2.Response(201, json={})]
    archive = ("labels.zip", io.BytesIO(b"the archive"))
    service.client().transport.call(CREATE_LABELSET, files={"archive": archive})
    assert all(b"the archive" in request.content for request in service.requests)


def test_an_answer_of_another_program_is_refused(service: Service) -> None:
    """It is not JSON, or not the expected JSON."""
    service.answers = [httpx2.Response(200, text="hello"), httpx2.Response(200, json={"id": 1})]
    client = service.client()
    with pytest.raises(InvalidAnswer, match="not JSON"):
        client.fits.get("fit_1")
    with pytest.raises(InvalidAnswer, match="cannot read the service's Fit"):
        client.fits.get("fit_1")
