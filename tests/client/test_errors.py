"""The client's error tree, beside the service's."""

from typing import TypeVar

import httpx2
import pytest

import contracts.errors.conflicts  # noqa: F401 - so that its part of the tree is there
import handsoff_client
from contracts.errors.jobs import JobFailed
from contracts.errors.tree import HandsOffError
from handsoff_client import errors
from handsoff_client.http import service_errors
from handsoff_client.http.error_codes import JOB_ERRORS, SERVICE_ERRORS
from tests.client.conftest import Service, problem

E = TypeVar("E", bound=Exception)


def leaves(kind: type[E]) -> list[type[E]]:
    """A class of the service's tree, or of the client's, and all below it."""
    return [kind, *(leaf for child in kind.__subclasses__() for leaf in leaves(child))]


def test_every_code_of_the_service_has_its_class() -> None:
    """No more and no fewer: a code that is added there is added here."""
    failures = {kind.code for kind in leaves(JobFailed)}
    answers = {kind.code for kind in leaves(HandsOffError)} - failures
    assert set(JOB_ERRORS) == failures
    assert set(SERVICE_ERRORS) == answers


def test_the_trees_have_the_same_shape() -> None:
    """What is caught by its parent at the service is caught by its parent here."""
    for kind in leaves(HandsOffError)[1:]:
        mine = SERVICE_ERRORS.get(kind.code) or JOB_ERRORS[kind.code]
        assert mine.__name__ == kind.__name__
        if kind is not JobFailed:
            assert kind.__bases__[0].__name__ in (mine.__bases__[0].__name__, "HandsOffError")


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """Every class is drawn there."""
    drawn = (errors.__doc__ or "").replace("\n", " \n")
    for kind in leaves(handsoff_client.HandsOffError):
        assert f"{kind.__name__} " in drawn, kind


def test_the_public_face_is_sorted_and_whole() -> None:
    """`__all__` is in order, and all that it names is there, every error among it."""
    named = handsoff_client.__all__
    assert named == sorted(named)
    raised = {kind.__name__ for kind in [*SERVICE_ERRORS.values(), *JOB_ERRORS.values()]}
    assert raised <= set(named)
    assert all(hasattr(handsoff_client, name) for name in named)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (409, service_errors.Conflict),
        (422, service_errors.InvalidRequest),
        (418, service_errors.ServiceError),
    ],
)
def test_an_unknown_code_is_the_nearest_class(
    service: Service, status: int, kind: type[service_errors.ServiceError]
) -> None:
    """A service that is newer than the client still raises what the status says, with its own code."""
    service.answers = [problem(status, "from_the_future")]
    with pytest.raises(kind) as caught:
        service.client().fits.get("fit_1")
    assert type(caught.value) is kind
    assert caught.value.code == "from_the_future"


def test_an_error_says_all_that_the_service_said(service: Service) -> None:
    """Detail, each flaw with its place, and the request's id for the log."""
    flaws = [{"pointer": "/n", "detail": "Too many."}, {"file": "masks/1.png", "detail": "No PNG."}]
    service.answers = [problem(422, "invalid_request", "2 things are wrong.", errors=flaws)]
    with pytest.raises(service_errors.InvalidRequest) as caught:
        service.client().batches.create(fit="fit_1", n=1)
    assert str(caught.value) == "2 things are wrong. /n: Too many. masks/1.png: No PNG."
    assert caught.value.request_id == "r-1"


def test_an_answer_that_is_no_problem_is_still_an_error(service: Service) -> None:
    """A proxy's page of HTML says nothing but its status."""
    service.answers = [httpx2.Response(404, text="<html>")]
    with pytest.raises(service_errors.NotFound, match="answered 404"):
        service.client().fits.get("fit_1")


def test_a_message_has_an_end() -> None:
    """It names the first flaws, each once, and counts the others; the error has all."""
    flaws = [service_errors.Flaw(f"Wrong {number}.", file=f"{number}.png") for number in range(7)]
    error = service_errors.InvalidUpload("Wrong 0.", flaws=flaws)
    assert str(error).startswith("0.png: Wrong 0. 1.png: Wrong 1.")
    assert str(error).endswith("4.png: Wrong 4. And 2 more.")
    assert len(error.flaws) == 7
