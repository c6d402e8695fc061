"""One request: sent with an Idempotency-Key, tried again when that can help, answered with JSON or a typed error."""

import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx2

from handsoff_client.errors import InvalidAnswer
from handsoff_client.http.answers import Answer, receive
from handsoff_client.http.diagnosis import is_refused, unreachable
from handsoff_client.http.operations import Operation
from handsoff_client.http.retries import RETRIED_STATUSES, Retries
from handsoff_client.http.service_errors import ExportNotReady, RequestInProgress, ShardNotReady
from handsoff_shards.errors import HandsOffError

DEFAULT_TIMEOUT = httpx2.Timeout(30, read=120)

_BEING_MADE = (ExportNotReady.known_code, ShardNotReady.known_code)


class Transport:
    """A connection to one service. `http` may be any httpx2 client, one with a fake transport in tests."""

    def __init__(self, http: httpx2.Client, retries: Retries) -> None:
        self.http = http
        self.retries = retries
        self._has_answered = False

    def call(
        self,
        operation: Operation,
        thing_id: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        **content: Any,  # noqa: ANN401 - passed through to httpx2
    ) -> Any:  # noqa: ANN401 - the JSON of the answer
        """The JSON of a good answer, None for an empty one. `content` is httpx2's `json`, `params` or `files`.

        The Idempotency-Key is the same on every try, so a create whose answer was lost makes nothing twice.
        """
        sent = dict(headers or {})
        if operation.method == "POST":
            sent.setdefault("Idempotency-Key", uuid.uuid4().hex)

        def build() -> httpx2.Request:
            _rewind(content.get("files"))
            path = operation.at(thing_id)
            return self.http.build_request(operation.method, path, headers=sent, **content)

        return self._ask(build).json()

    def send(self, url: str, file: Path) -> None:
        """Puts a file behind a signed link, from its start on every try."""
        with file.open("rb") as content:

            def build() -> httpx2.Request:
                content.seek(0)
                length = {"Content-Length": str(file.stat().st_size)}
                return self.http.build_request("PUT", url, content=content, headers=length)

            self._ask(build)

    def read(self, url: str) -> bytes:
        """The whole content behind a signed link."""
        try:
            return self._ask(lambda: self.http.build_request("GET", url)).body
        except httpx2.InvalidURL as error:
            raise InvalidAnswer(f"Expected a link, got {url[:100]!a}: {error}.") from error

    def _ask(self, build: Callable[[], httpx2.Request]) -> Answer:
        """A good answer, from as many tries as that takes. Raises a `ServiceError`, or `Unreachable`."""
        attempt = 1
        while True:
            answer, error = self._try(build())
            if answer is not None and answer.is_success:
                return answer
            assert error is not None
            if not self._may_retry(attempt, answer, error):
                raise error
            after = answer.headers.get("Retry-After") if answer is not None else None
            self.retries.pause(attempt, error, after)
            attempt += 1

    def _try(self, request: httpx2.Request) -> tuple[Answer | None, HandsOffError | None]:
        """What was answered, and the error that it is."""
        try:
            answer = receive(self.http, request)
        except httpx2.HTTPError as trouble:
            return None, unreachable(trouble, request.url)
        self._has_answered = True
        return answer, None if answer.is_success else answer.error()

    def _may_retry(self, attempt: int, answer: Answer | None, error: HandsOffError) -> bool:
        if answer is None:
            is_first = not self._has_answered and is_refused(error.__cause__)
            return self.retries.is_left(attempt, is_first_contact=is_first)
        return self.retries.is_left(attempt) and _may_help(answer)


def _may_help(answer: Answer) -> bool:
    """Whether the same request may be answered better a little later."""
    code = answer.problem.get("code")
    if code in _BEING_MADE:  # no trouble: who waits for it asks again at once
        return False
    return answer.status in RETRIED_STATUSES or code == RequestInProgress.known_code


def _rewind(files: Any) -> None:  # noqa: ANN401 - httpx2's own shape of files
    """Uploads are read from the start on every try."""
    for part in (files or {}).values():
        part[1].seek(0)
