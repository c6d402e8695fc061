"""Read one complete answer. Its size and its time are limited."""

import json
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self

import httpx2

from handsoff_client.errors import InvalidAnswer
from handsoff_client.http.diagnosis import display_url, not_handsoff, redirected
from handsoff_client.http.error_codes import service_error
from handsoff_shards.errors import HandsOffError

MAX_ANSWER_BYTES = 256 * 1024**2
"""More than the longest list of shards: 100,000 of them take 50 MB."""

ANSWER_SECONDS = 600.0
"""The time limit from the first byte of an answer to the last."""


@dataclass(frozen=True)
class Answer:
    """The answer of a server: status, headers and the complete body."""

    url: httpx2.URL
    status: int
    headers: httpx2.Headers
    body: bytes

    @classmethod
    def read(cls, response: httpx2.Response) -> Self:
        """Read an open response to its end. Raises `InvalidAnswer` when it exceeds a limit."""
        return cls(response.url, response.status_code, response.headers, _read(response))

    @property
    def is_success(self) -> bool:
        """Return True for a status from 200 to 299."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def media_type(self) -> str:
        """The `Content-Type` header, empty without one."""
        return self.headers.get("Content-Type", "")

    @property
    def problem(self) -> Mapping[str, Any]:
        """The problem+json of the body; empty for any other body."""
        try:
            problem = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return problem if isinstance(problem, dict) else {}

    def error(self) -> HandsOffError:
        """Return the error of an unsuccessful answer. Without a problem+json it names URL and status."""
        problem = self.problem
        if problem.get("code"):
            return service_error(self.status, problem)
        if HTTPStatus.MULTIPLE_CHOICES <= self.status < HTTPStatus.BAD_REQUEST:
            return redirected(self.url, self.status, self.headers.get("Location", ""))
        error = not_handsoff(self.url, self.status, self.media_type)
        return service_error(self.status, {"detail": str(error)})

    def json(self) -> Any:  # noqa: ANN401 - JSON
        """Return the JSON of the body, None for an empty body. Raises `InvalidAnswer` for any other body."""
        if not self.body:
            return None
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            detail = not_handsoff(self.url, self.status, self.media_type)
            raise InvalidAnswer(f"{detail} The body is not JSON.") from error


def receive(http: httpx2.Client, request: httpx2.Request) -> Answer:
    """Send a request and read the complete answer. Redirects are not followed.

    Raises `httpx2.HTTPError` without an answer, `InvalidAnswer` when the answer exceeds a limit.
    """
    with closing(open_response(http, request)) as response:
        return Answer.read(response)


def open_response(http: httpx2.Client, request: httpx2.Request) -> httpx2.Response:
    """Send a request and return the response with its body unread. Redirects are not followed.

    A server may close an idle connection at the moment when a request uses it. A GET is then sent once more, on a new
    connection. Other requests are not: the caller knows whether they can be repeated. Raises `httpx2.HTTPError`.
    """
    try:
        return http.send(request, stream=True, follow_redirects=False)
    except httpx2.RemoteProtocolError:
        if request.method != "GET":
            raise
        return http.send(request, stream=True, follow_redirects=False)


def _read(response: httpx2.Response) -> bytes:
    body, start = bytearray(), time.monotonic()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise InvalidAnswer(
                f"{display_url(response.url)} sent more than {MAX_ANSWER_BYTES} bytes."
            )
        if time.monotonic() - start > ANSWER_SECONDS:
            raise InvalidAnswer(
                f"{display_url(response.url)} was still sending after {ANSWER_SECONDS:.0f} s."
            )
    return bytes(body)
