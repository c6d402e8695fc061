"""The error tree of the client matches that of the service."""

from typing import TypeVar

import httpx2
import pytest

import contracts.errors.access
import contracts.errors.conflicts
import contracts.errors.limits  # noqa: F401 - likewise
import handsoff_client
from contracts.errors.jobs import JobFailed
from contracts.errors.tree import HandsOffError
from handsoff_client import errors
from handsoff_client.http import service_errors
from handsoff_client.http.error_codes import JOB_ERRORS, SERVICE_ERRORS
from tests.client.conftest import Service, problem

E = TypeVar("E", bound=Exception)


def leaves(kind: type[E]) -> list[type[E]]:
    """Return a class of an error tree and all its subclasses, without those that tests define."""
    children = [
        child for child in kind.__subclasses__() if not child.__module__.startswith("tests.")
    ]
    return [kind, *(leaf for child in children for leaf in leaves(child))]


def test_every_code_of_the_service_has_a_class() -> None:
    """A new code of the service needs a class of the client, and the other way round."""
    failures = {kind.code for kind in leaves(JobFailed)}
    answers = {kind.code for kind in leaves(HandsOffError)} - failures
    assert set(JOB_ERRORS) == failures
    assert set(SERVICE_ERRORS) == answers


def test_the_trees_have_equal_parents() -> None:
    """A class and its parent have the same names in both trees."""
    for kind in leaves(HandsOffError)[1:]:
        client_kind = SERVICE_ERRORS.get(kind.code) or JOB_ERRORS[kind.code]
        assert client_kind.__name__ == kind.__name__
        if kind is not JobFailed:
            assert kind.__bases__[0].__name__ in (
                client_kind.__bases__[0].__name__,
                "HandsOffError",
            )


def test_the_docstring_draws_every_class() -> None:
    """The tree in the docstring of `errors.py` is complete."""
    drawn = (errors.__doc__ or "").replace("\n", " \n")
    for kind in leaves(handsoff_client.HandsOffError):
        assert f"{kind.__name__} " in drawn, kind


def test_the_public_names_are_sorted_and_complete() -> None:
    """`__all__` is sorted, every name exists, and every error is included."""
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
def test_an_unknown_code_gets_the_class_of_its_status(
    service: Service, status: int, kind: type[service_errors.ServiceError]
) -> None:
    """A newer service may answer unknown codes. The error keeps the code."""
    service.answers = [problem(status, "from_the_future")]
    with pytest.raises(kind) as caught:
        service.client().fits.get("fit_1")
    assert type(caught.value) is kind
    assert caught.value.code == "from_the_future"


def test_a_message_has_the_detail_and_each_flaw(service: Service) -> None:
    """The error also has the id of the request for the log."""
    flaws = [{"pointer": "/n", "detail": "Too many."}, {"file": "masks/1.png", "detail": "No PNG."}]
    service.answers = [problem(422, "invalid_request", "2 flaws.", errors=flaws)]
    with pytest.raises(service_errors.InvalidRequest) as caught:
        service.client().batches.create(fit="fit_1", n=1)
    assert str(caught.value) == "2 flaws. /n: Too many. masks/1.png: No PNG."
    assert caught.value.request_id == "r-1"


def test_an_error_page_of_a_proxy_is_an_error(service: Service) -> None:
    """An HTML page has only a status."""
    service.answers = [httpx2.Response(404, text="<html>")]
    with pytest.raises(service_errors.NotFound, match="Expected an answer of HandsOff, got 404"):
        service.client().fits.get("fit_1")


def test_a_message_is_limited() -> None:
    """It contains the first flaws once each and the number of the others. The error has all."""
    flaws = [service_errors.Flaw(f"Wrong {number}.", file=f"{number}.png") for number in range(7)]
    error = service_errors.InvalidUpload("Wrong 0.", flaws=flaws)
    assert str(error).startswith("0.png: Wrong 0. 1.png: Wrong 1.")
    assert str(error).endswith("4.png: Wrong 4. And 2 more.")
    assert len(error.flaws) == 7
