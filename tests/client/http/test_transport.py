"""One request: what is tried again, what is not, and with which key."""

import io

import httpx2
import pytest

from handsoff_client import InvalidAnswer, NotFound, QueueUnavailable, Unreachable
from handsoff_client.http.operations import CREATE_LABELSET
from tests.client.conftest import Service, job, problem

LOST = httpx2.ReadError(
    "the line went dead", request=httpx2.Request("GET", "http://service/v1/fits")
)


def succeeded() -> httpx2.Response:
    """A fit that is done."""
    return httpx2.Response(200, json=job("fit", "succeeded"))


@pytest.mark.parametrize("trouble", [LOST, httpx2.Response(429), httpx2.Response(503)])
def test_trouble_that_passes_is_tried_again(
    service: Service, trouble: httpx2.Response | Exception
) -> None:
    """A lost connection, too many requests, a service that is away for a moment."""
    service.answers = [trouble, trouble, succeeded()]
    assert service.client().fits.get("fit_1").status == "succeeded"
    assert len(service.waited) == 2


def test_a_wrong_request_is_not_tried_again(service: Service) -> None:
    """It would be wrong again."""
    service.answers = [problem(404, "not_found")]
    with pytest.raises(NotFound):
        service.client().fits.get("fit_1")
    assert not service.waited


def test_retry_after_is_a_floor(service: Service) -> None:
    """The service knows best when it is back; some jitter comes on top."""
    service.answers = [httpx2.Response(503, headers={"Retry-After": "7"}), succeeded()]
    service.client().fits.get("fit_1")
    assert 7 <= service.waited[0] <= 7.5


def test_tries_have_an_end(service: Service) -> None:
    """Then the last trouble is raised, typed."""
    service.answers = [problem(503, "queue_unavailable") for _ in range(3)]
    with pytest.raises(QueueUnavailable):
        service.client(attempts=3).fits.get("fit_1")


def test_no_answer_at_all_names_the_address(service: Service) -> None:
    """The likeliest mistake is the address."""
    service.answers = [LOST]
    with pytest.raises(Unreachable, match="http://service does not answer"):
        service.client(attempts=1).fits.get("fit_1")


def test_every_try_of_a_post_has_the_same_key(service: Service) -> None:
    """So a create whose answer was lost makes nothing twice; the next create has another key."""
    service.answers = [LOST, succeeded(), succeeded()]
    client = service.client()
    for _ in range(2):
        client.fits.create(generator="g", labelset="l")
    first, again, other = (request.headers["Idempotency-Key"] for request in service.asked)
    assert first == again != other


def test_a_request_that_is_still_served_is_waited_for(service: Service) -> None:
    """The answer was lost, but the service is at it still: 409 with this code, and no other."""
    service.answers = [LOST, problem(409, "request_in_progress"), succeeded()]
    assert service.client().fits.create(generator="g", labelset="l").status == "succeeded"


def test_an_upload_is_sent_whole_on_every_try(service: Service) -> None:
    """The file is read from its start each time."""
    service.answers = [LOST, httpx2.Response(201, json={})]
    archive = ("labels.zip", io.BytesIO(b"the archive"))
    service.client().transport.call(CREATE_LABELSET, files={"archive": archive})
    assert all(b"the archive" in request.content for request in service.asked)


def test_an_answer_of_something_else_is_told(service: Service) -> None:
    """Another program on that port."""
    service.answers = [httpx2.Response(200, text="hello"), httpx2.Response(200, json={"id": 1})]
    client = service.client()
    with pytest.raises(InvalidAnswer, match="not JSON"):
        client.fits.get("fit_1")
    with pytest.raises(InvalidAnswer, match="is no Fit"):
        client.fits.get("fit_1")
