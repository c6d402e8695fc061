"""The operations of jobs."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest

from handsoff_client import Job, JobCancelled, OutOfMemory, WaitTimeout
from handsoff_client.api.resources import Fit
from handsoff_client.http.parsing import parse
from tests.client.conftest import Service, job


def answer(**more: Any) -> httpx2.Response:
    """Return an answer for a fit."""
    return httpx2.Response(200, json=job("fit", more.pop("status", "running"), **more))


def test_a_wait_passes_every_answer_to_watch(service: Service) -> None:
    """The last answer is returned."""
    service.answers = [answer(status=status) for status in ("queued", "running", "succeeded")]
    seen: list[Job] = []
    done = service.client().fits.wait("fit_1", watch=seen.append)
    assert [item.status for item in seen] == ["queued", "running", "succeeded"]
    assert done == seen[-1]
    assert service.requests[0].headers["Prefer"] == "wait=2"


def test_a_failed_job_raises_the_error_of_its_worker(service: Service) -> None:
    """The code decides the class."""
    error = {"code": "out_of_memory", "detail": "1 image needs 9 GiB.", "retryable": False}
    service.answers = [answer(status="failed", error=error)]
    with pytest.raises(OutOfMemory, match="fit_1 failed: 1 image needs 9 GiB"):
        service.client().fits.wait("fit_1")


def test_a_cancelled_job_raises_job_cancelled(service: Service) -> None:
    """A cancelled job has not failed."""
    service.answers = [answer(status="cancelled")]
    with pytest.raises(JobCancelled, match="fit_1 is cancelled"):
        service.client().fits.wait("fit_1")


def test_a_wait_has_a_timeout(service: Service) -> None:
    """The job continues."""
    service.answers = [answer()]
    with pytest.raises(WaitTimeout, match="still running"):
        service.client().fits.wait("fit_1", timeout=timedelta(0))


def test_a_list_is_read_page_by_page(service: Service) -> None:
    """A page is requested when its items are needed."""
    one = {"items": [job("fit", "failed")] * 2, "has_more": True, "next_cursor": "c"}
    two = {"items": [job("fit", "failed")], "has_more": False}
    service.answers = [httpx2.Response(200, json=page) for page in (one, two)]
    assert len(list(service.client().fits.list(status="failed"))) == 3
    assert dict(service.requests[1].url.params) == {
        "limit": "100",
        "after": "c",
        "status": "failed",
    }


def test_a_create_leaves_defaults_to_the_service(service: Service) -> None:
    """Only given fields are sent, including fields that the client does not have."""
    service.answers = [answer()]
    service.client().fits.create(generator="g", labelset="l", tasks=["depth"])
    sent = service.requests[0].content
    assert sent == b'{"generator":"g","labelset":"l","seed":0,"tasks":["depth"]}'


def test_events_are_read_to_the_end(service: Service) -> None:
    """Pages are requested until one is empty."""
    pages = [{"items": [{"id": "1-0", "type": "status", "data": {}}]}, {"items": []}]
    service.answers = [httpx2.Response(200, json=page) for page in pages]
    assert [event.id for event in service.client().fits.events("fit_1")] == ["1-0"]
    assert service.requests[1].url.params["after"] == "1-0"


def test_unknown_fields_of_an_answer_are_kept() -> None:
    """Fields of a newer service are in `json`. Known fields are typed."""
    fit = parse(Fit, job("fit", "running", tasks=["depth"]))
    assert fit.json["tasks"] == ["depth"]
    assert fit.labels.keypoints is not None
    assert fit.labels.keypoints.names == ("left", "right")
