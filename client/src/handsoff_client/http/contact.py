"""Check an address before the first request: a HandsOff service answers there, or an error explains the problem."""

from collections.abc import Callable

import httpx2

from handsoff_client.errors import InvalidAnswer
from handsoff_client.http.answers import Answer, receive
from handsoff_client.http.diagnosis import not_handsoff, origin_of, redirected, unreachable

QUICK = httpx2.Timeout(1.4)
"""Timeouts in seconds of the connection and of each read. `/livez` normally takes milliseconds."""

PATIENT = httpx2.Timeout(20.0, connect=1.4)
"""For a service on a very busy machine, which may need longer than `QUICK`."""


def check_contact(
    http: httpx2.Client, notify: Callable[[str], None], *, patience: httpx2.Timeout = PATIENT
) -> None:
    """Return when HandsOff answers. Raises `Unreachable` or `InvalidAnswer` otherwise.

    When the server accepts the connection but stays silent, `notify` gets a message and the request is sent once more
    with the timeout `patience`.
    """
    answer = _ask(http, "/livez", notify, patience)
    if _is_alive(answer):
        return
    if answer.status in range(300, 400):
        raise redirected(answer.url, answer.status, answer.headers.get("Location", ""))
    # A proxy may forward only the API.
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
    """Return True for a list of generators, or for a problem in HandsOff's form (its store may be unavailable)."""
    if answer.is_success:
        body = _object(answer)
        return isinstance(body.get("items"), list) and "has_more" in body
    return {"code", "request_id"} <= answer.problem.keys()


def _object(answer: Answer) -> dict[str, object]:
    try:
        body = answer.json()
    except InvalidAnswer:
        return {}
    return body if isinstance(body, dict) else {}
