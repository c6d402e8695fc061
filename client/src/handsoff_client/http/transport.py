"""Send one request: with an Idempotency-Key, with retries where they can help. Return JSON or raise a typed error."""

import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx2

from handsoff_client.errors import InvalidAnswer
from handsoff_client.http.answers import Answer, receive
from handsoff_client.http.api_keys import ApiKey
from handsoff_client.http.diagnosis import is_refused, unreachable
from handsoff_client.http.operations import Operation
from handsoff_client.http.retries import RETRIED_STATUSES, Attempts, Retries
from handsoff_client.http.service_errors import (
    ExportNotReady,
    QuotaExceeded,
    RequestInProgress,
    ShardNotReady,
)
from handsoff_shards.errors import HandsOffError

DEFAULT_TIMEOUT = httpx2.Timeout(30, read=120)

_NOT_READY = (ExportNotReady.known_code, ShardNotReady.known_code)


class Transport:
    """A connection to one service. `http` may be any httpx2 client, one with a fake transport in tests.

    Only `call` sends the API key: its paths belong to the service. `send` and `read` use signed links.
    """

    def __init__(
        self, http: httpx2.Client, retries: Retries, api_key: ApiKey | None = None
    ) -> None:
        self.http = http
        self.retries = retries
        self._api_key = api_key
        self._has_answered = False

    def call(
        self,
        operation: Operation,
        resource_id: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        within: float | None = None,
        **content: Any,  # noqa: ANN401 - passed through to httpx2
    ) -> Any:  # noqa: ANN401 - the JSON of the answer
        """Return the JSON of a successful answer, None for an empty one.

        `content` is `json`, `params`, `data` or `files` of httpx2. All attempts share one Idempotency-Key, so a retried
        POST creates nothing twice. They end after `within` seconds if the caller has a limit.
        """
        all_headers = {**(headers or {}), **(self._api_key.headers if self._api_key else {})}
        if operation.method == "POST":
            all_headers.setdefault("Idempotency-Key", uuid.uuid4().hex)

        def build() -> httpx2.Request:
            _rewind(content.get("files"))
            path = operation.at(resource_id)
            return self.http.build_request(operation.method, path, headers=all_headers, **content)

        return self._ask(build, within).json()

    def send(self, url: str, file: Path) -> None:
        """Upload a file to a signed link. Every attempt sends it from the start."""
        with file.open("rb") as content:

            def build() -> httpx2.Request:
                content.seek(0)
                length = {"Content-Length": str(file.stat().st_size)}
                return self.http.build_request("PUT", url, content=content, headers=length)

            self._ask(build)

    def read(self, url: str) -> bytes:
        """Return the complete content of a signed link."""
        try:
            return self._ask(lambda: self.http.build_request("GET", url)).body
        except httpx2.InvalidURL as error:
            raise InvalidAnswer(f"Expected a link, got {url[:100]!a}: {error}.") from error

    def _ask(self, build: Callable[[], httpx2.Request], within: float | None = None) -> Answer:
        """Return a successful answer, after retries if needed. Raises a `ServiceError`, or `Unreachable`."""
        attempts = self.retries.begin(within)
        while True:
            answer, error = self._try(build())
            if answer is not None and answer.is_success:
                attempts.note_success()
                return answer
            assert error is not None
            if not self._may_retry(attempts, answer, error):
                raise error
            after = answer.headers.get("Retry-After") if answer is not None else None
            attempts.pause(error, after)

    def _try(self, request: httpx2.Request) -> tuple[Answer | None, HandsOffError | None]:
        """Return the answer, None without one, and its error, None for a success."""
        try:
            answer = receive(self.http, request)
        except httpx2.HTTPError as error:
            return None, unreachable(error, request.url)
        self._has_answered = True
        return answer, None if answer.is_success else answer.error()

    def _may_retry(self, attempts: Attempts, answer: Answer | None, error: HandsOffError) -> bool:
        if answer is None:
            is_first = not self._has_answered and is_refused(error.__cause__)
            return attempts.are_left(is_first_contact=is_first)
        return attempts.are_left() and _may_help(answer)


def _may_help(answer: Answer) -> bool:
    """Return True when the same request may succeed a little later."""
    code = answer.problem.get("code")
    # A tuple, because the code may be any JSON value.
    # Not ready is no failure: `waiting.poll` asks again immediately. A quota may be used up until midnight.
    if code in (*_NOT_READY, QuotaExceeded.known_code):
        return False
    return answer.status in RETRIED_STATUSES or code == RequestInProgress.known_code


def _rewind(files: Any) -> None:  # noqa: ANN401 - the `files` of httpx2
    """Move uploads back to their start, for the next attempt."""
    for part in (files or {}).values():
        part[1].seek(0)
