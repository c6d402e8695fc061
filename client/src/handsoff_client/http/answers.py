"""One answer, read whole: bounded in bytes and in time, whatever the server sends."""

import json
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self

import httpx2

from handsoff_client.errors import InvalidAnswer
from handsoff_client.http.diagnosis import not_handsoff, redirected, shown
from handsoff_client.http.error_codes import service_error
from handsoff_shards.errors import HandsOffError

MAX_ANSWER_BYTES = 256 * 1024**2
"""More than the longest list of shards: 100,000 of them take 50 MB."""

ANSWER_SECONDS = 600.0
"""How long an answer may take from its first byte to its last."""


@dataclass(frozen=True)
class Answer:
    """What a server answered: status, headers and the whole body."""

    url: httpx2.URL
    status: int
    headers: httpx2.Headers
    body: bytes

    @classmethod
    def read(cls, response: httpx2.Response) -> Self:
        """Read a response that is still open to its end. Raises `InvalidAnswer` when it has none."""
        return cls(response.url, response.status_code, response.headers, _read(response))

    @property
    def is_success(self) -> bool:
        """Return True for a status from 200 to 299."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def media_type(self) -> str:
        """The content type as it was sent."""
        return self.headers.get("Content-Type", "")

    @property
    def problem(self) -> Mapping[str, Any]:
        """The problem+json of the body; empty when it is none."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def error(self) -> HandsOffError:
        """The error that an answer without success is. One that is no problem+json names URL and status."""
        problem = self.problem
        if problem.get("code"):
            return service_error(self.status, problem)
        if HTTPStatus.MULTIPLE_CHOICES <= self.status < HTTPStatus.BAD_REQUEST:
            return redirected(self.url, self.status, self.headers.get("Location", ""))
        found = not_handsoff(self.url, self.status, self.media_type)
        return service_error(self.status, {"detail": str(found)})

    def json(self) -> Any:  # noqa: ANN401 - JSON
        """The JSON of a good answer, None for an empty one. Raises `InvalidAnswer` for anything else."""
        if not self.body:
            return None
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            found = not_handsoff(self.url, self.status, self.media_type)
            raise InvalidAnswer(f"{found} It is not JSON.") from error


def receive(http: httpx2.Client, request: httpx2.Request) -> Answer:
    """Send a request and read its answer whole. Redirects are not followed.

    Raises `httpx2.HTTPError` without an answer, `InvalidAnswer` when it has no end.
    """
    with closing(http.send(request, stream=True, follow_redirects=False)) as response:
        return Answer.read(response)


def _read(response: httpx2.Response) -> bytes:
    body, begun = bytearray(), time.monotonic()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise InvalidAnswer(f"{shown(response.url)} sends more than {MAX_ANSWER_BYTES} bytes.")
        if time.monotonic() - begun > ANSWER_SECONDS:
            raise InvalidAnswer(
                f"{shown(response.url)} sends for more than {ANSWER_SECONDS:.0f} s."
            )
    return bytes(body)
