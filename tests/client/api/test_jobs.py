"""What can be done with jobs."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest

from handsoff_client import Job, JobCancelled, OutOfMemory, WaitTimeout
from handsoff_client.api.resources import Fit
from handsoff_client.http.parsing import parse
from tests.client.conftest import Service, job


def answer(**more: Any) -> httpx2.Response:
    """A fit as it stands."""
    return httpx2.Response(200, json=job("fit", more.pop("status", "running"), **more))


def test_a_wait_shows_every_answer_until_the_end(service: Service) -> None:
    """Queued, running, done: and the done one is returned."""
    service.answers = [answer(status=status) for status in ("queued", "running", "succeeded")]
    seen: list[Job] = []
    done = service.client().fits.wait("fit_1", watch=seen.append)
    assert [shown.status for shown in seen] == ["queued", "running", "succeeded"]
    assert done == seen[-1]
    assert service.asked[0].headers["Prefer"] == "wait=2"


def test_a_failed_job_raises_what_its_worker_wrote(service: Service) -> None:
    """Typed by the worker's code."""
    error = {"code": "out_of_memory", "detail": "1 image needs 9 GiB.", "retryable": False}
    service.answers = [answer(status="failed", error=error)]
    with pytest.raises(OutOfMemory, match="fit_1 failed: 1 image needs 9 GiB"):
        service.client().fits.wait("fit_1")


def test_a_cancelled_job_is_no_failure(service: Service) -> None:
    """It has a class of its own."""
    service.answers = [answer(status="cancelled")]
    with pytest.raises(JobCancelled, match="fit_1 is cancelled"):
        service.client().fits.wait("fit_1")


def test_a_wait_ends_in_time(service: Service) -> None:
    """And says that the job goes on."""
    service.answers = [answer()]
    with pytest.raises(WaitTimeout, match="still running"):
        service.client().fits.wait("fit_1", timeout=timedelta(0))


def test_a_list_is_walked_page_by_page(service: Service) -> None:
    """Pages are asked for as they are needed."""
    one = {"items": [job("fit", "failed")] * 2, "has_more": True, "next_cursor": "c"}
    two = {"items": [job("fit", "failed")], "has_more": False}
    service.answers = [httpx2.Response(200, json=page) for page in (one, two)]
    assert len(list(service.client().fits.list(status="failed"))) == 3
    assert dict(service.asked[1].url.params) == {"limit": "100", "after": "c", "status": "failed"}


def test_a_create_leaves_defaults_to_the_service(service: Service) -> None:
    """Only what was given is sent, fields that the client does not know among it."""
    service.answers = [answer()]
    service.client().fits.create(generator="g", labelset="l", tasks=["depth"])
    sent = service.asked[0].content
    assert sent == b'{"generator":"g","labelset":"l","seed":0,"tasks":["depth"]}'


def test_events_are_read_to_the_last(service: Service) -> None:
    """Asked again after the last until there are no more."""
    pages = [{"items": [{"id": "1-0", "type": "status", "data": {}}]}, {"items": []}]
    service.answers = [httpx2.Response(200, json=page) for page in pages]
    assert [event.id for event in service.client().fits.events("fit_1")] == ["1-0"]
    assert service.asked[1].url.params["after"] == "1-0"


def test_unknown_fields_of_an_answer_are_kept() -> None:
    """A newer service's fields are in `json`, known ones are typed."""
    fit = parse(Fit, job("fit", "running", tasks=["depth"]))
    assert fit.json["tasks"] == ["depth"]
    assert fit.labels.keypoints is not None
    assert fit.labels.keypoints.names == ("left", "right")
