"""The first contact with an address: a HandsOff service answers there, or an error says what is wrong with it."""

from collections.abc import Callable

import httpx2

from handsoff_client.errors import InvalidAnswer
from handsoff_client.http.answers import Answer, receive
from handsoff_client.http.diagnosis import not_handsoff, origin_of, redirected, unreachable

QUICK = httpx2.Timeout(1.4)
"""Seconds for a connection and for each part of an answer: `/livez` takes milliseconds."""

PATIENT = httpx2.Timeout(20.0, connect=1.4)
"""A service on a machine that is very busy may need longer than `QUICK`."""


def check_contact(
    http: httpx2.Client, notify: Callable[[str], None], *, patience: httpx2.Timeout = PATIENT
) -> None:
    """Return when HandsOff answers. Raises `Unreachable` or `InvalidAnswer` otherwise.

    A server that is silent is asked once more with `patience`, after `notify` was told so.
    """
    answer = _ask(http, "/livez", notify, patience)
    if _is_alive(answer):
        return
    if answer.status in range(300, 400):
        raise redirected(answer.url, answer.status, answer.headers.get("Location", ""))
    # A proxy may pass on the API alone.
    listed = _ask(http, "/v1/generators?limit=1", notify, patience)
    if not _is_ours(listed):
        raise not_handsoff(listed.url, listed.status, listed.media_type)


def _ask(
    http: httpx2.Client, path: str, notify: Callable[[str], None], patience: httpx2.Timeout
) -> Answer:
    request = http.build_request("GET", path, timeout=QUICK)
    try:
        return receive(http, request)
    except httpx2.ReadTimeout:
        notify(f"{origin_of(request.url)} has not answered yet; waiting. Ctrl+C stops.")
    except httpx2.HTTPError as error:
        raise unreachable(error, request.url) from error
    patient = http.build_request("GET", path, timeout=patience)
    try:
        return receive(http, patient)
    except httpx2.HTTPError as error:
        raise unreachable(error, patient.url) from error


def _is_alive(answer: Answer) -> bool:
    return answer.is_success and _object(answer).get("status") == "alive"


def _is_ours(answer: Answer) -> bool:
    """A list of generators, or a problem as ours are: also a service whose store is away is one."""
    if answer.is_success:
        found = _object(answer)
        return isinstance(found.get("items"), list) and "has_more" in found
    return {"code", "request_id"} <= answer.problem.keys()


def _object(answer: Answer) -> dict[str, object]:
    try:
        found = answer.json()
    except InvalidAnswer:
        return {}
    return found if isinstance(found, dict) else {}
