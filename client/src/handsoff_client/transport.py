"""One request: sent with an Idempotency-Key, tried again when that can help, answered with JSON or a typed error."""

import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx2

from handsoff_client.error_codes import service_error
from handsoff_client.errors import InvalidAnswer, Unreachable
from handsoff_client.operations import Operation
from handsoff_client.retries import RETRIED_STATUSES, Retries
from handsoff_client.service_errors import ExportNotReady, RequestInProgress, ShardNotReady
from handsoff_shards.errors import HandsOffError

DEFAULT_TIMEOUT = httpx2.Timeout(30, read=120)

_BEING_MADE = (ExportNotReady.known_code, ShardNotReady.known_code)


class Transport:
    """A connection to one service. `http` may be any httpx2 client, one with a fake transport in tests."""

    def __init__(self, http: httpx2.Client, retries: Retries) -> None:
        self.http = http
        self.retries = retries

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

        return _json(self._ask(build))

    def send(self, url: str, file: Path) -> None:
        """Puts a file behind a signed link, from its start on every try."""
        with file.open("rb") as content:

            def build() -> httpx2.Request:
                content.seek(0)
                length = {"Content-Length": str(file.stat().st_size)}
                return self.http.build_request("PUT", url, content=content, headers=length)

            self._ask(build)

    def _ask(self, build: Callable[[], httpx2.Request]) -> httpx2.Response:
        """A good answer, from as many tries as that takes. Raises a `ServiceError`, or `Unreachable`."""
        attempt = 1
        while True:
            response, error = self._try(build())
            if response is not None and response.is_success:
                return response
            assert error is not None
            if not self.retries.is_left(attempt) or not _may_retry(response):
                raise error
            after = response.headers.get("Retry-After") if response is not None else None
            self.retries.pause(attempt, error, after)
            attempt += 1

    def _try(self, request: httpx2.Request) -> tuple[httpx2.Response | None, HandsOffError | None]:
        """What came, and the error that it is."""
        try:
            response = self.http.send(request, follow_redirects=True)
        except httpx2.TransportError as trouble:
            error: HandsOffError = unreachable(trouble)
            error.__cause__ = trouble
            return None, error
        if response.is_success:
            return response, None
        return response, service_error(response.status_code, problem_of(response))


def problem_of(response: httpx2.Response) -> dict[str, Any]:
    """The problem+json of an answer; empty when it is none."""
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def unreachable(error: httpx2.TransportError) -> Unreachable:
    """Trouble of the network in words."""
    url = error.request.url
    address = f"{url.scheme}://{url.netloc.decode()}"
    said = str(error) or type(error).__name__
    return Unreachable(f"{address} does not answer ({said}). Is the service running there?")


def _may_retry(response: httpx2.Response | None) -> bool:
    if response is None:
        return True
    code = problem_of(response).get("code")
    if code in _BEING_MADE:  # no trouble: who waits for it asks again at once
        return False
    return response.status_code in RETRIED_STATUSES or code == RequestInProgress.known_code


def _json(response: httpx2.Response) -> Any:  # noqa: ANN401 - JSON
    if not response.content:
        return None
    try:
        return response.json()
    except ValueError as error:
        raise InvalidAnswer(
            f"{response.url} answered with {response.headers.get('Content-Type', 'nothing')}, not JSON. Is it HandsOff?"
        ) from error


def _rewind(files: Any) -> None:  # noqa: ANN401 - httpx2's own shape of files
    """Uploads are read from the start on every try."""
    for part in (files or {}).values():
        part[1].seek(0)
