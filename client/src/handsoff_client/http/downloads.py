"""Download one file from a signed link: resume with Range, check the SHA-256, write atomically."""

import hashlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import IO, Protocol

import httpx2

from handsoff_client.errors import ChecksumMismatch, InvalidAnswer, Unreachable
from handsoff_client.http.answers import Answer, open_response
from handsoff_client.http.diagnosis import display_url, unreachable
from handsoff_client.http.retries import RETRIED_STATUSES
from handsoff_client.http.transport import Transport
from handsoff_shards.errors import HandsOffError, InvalidInput

_MAX_RENEWALS = 5
"""The most links for one piece of a file: if each is refused at once, the server's clock or secret is wrong."""

EXPIRED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


def download(
    transport: Transport,
    url: str,
    target: Path,
    *,
    sha256: str,
    num_bytes: int,
    renew: Callable[[], str],
) -> Path:
    """Download a file to `target` and return `target`. An existing file is kept, a partial download is resumed.

    Guaranteed to be atomic: bytes are written to `{target}.part`, which is renamed after the check. `renew` returns a
    new link when this one has expired. Raises `ChecksumMismatch` when the complete file has another digest. Only one
    process may download a file at a time: `cache.ShardCache` locks for that.
    """
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    with part.open("ab") as file:
        _fetch(transport, url, file, num_bytes, renew)
    actual = sha256_of(part)
    if actual != sha256:
        part.unlink()
        raise ChecksumMismatch(
            f"{target.name}: expected SHA-256 {sha256}, got {actual}. The file was deleted; download it again."
        )
    part.replace(target)
    return target


class Listed(Protocol):
    """A file in an answer of the service."""

    @property
    def url(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def num_bytes(self) -> int: ...


def download_listed(
    transport: Transport, listed: Listed, target: Path, *, renew: Callable[[], str]
) -> Path:
    """Download a file from an answer of the service. See `download`."""
    return download(
        transport,
        listed.url,
        target,
        sha256=listed.sha256,
        num_bytes=listed.num_bytes,
        renew=renew,
    )


def check_absent(target: Path) -> None:
    """Raise `InvalidInput` when `target` exists."""
    if target.exists():
        raise InvalidInput(f"'{target}' exists already. Give a path that does not exist.")


def write_atomically(target: Path, data: bytes) -> Path:
    """Write a small file to `target` atomically."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    part.write_bytes(data)
    return part.replace(target)


def sha256_of(path: Path) -> str:
    """Return the digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class _Failure:
    """Why an attempt did not complete the file."""

    error: HandsOffError
    is_permanent: bool = False
    is_expired: bool = False
    retry_after: str | None = None


def _fetch(
    transport: Transport, url: str, file: IO[bytes], num_bytes: int, renew: Callable[[], str]
) -> None:
    """Extend the file to `num_bytes`. An attempt that adds bytes starts the attempts again.

    A link is renewed at once, and after a pause if new links are refused too.
    """
    attempts, renewals = transport.retries.begin(), 0
    while (before := file.tell()) < num_bytes:
        failure = _pull(transport.http, url, file, num_bytes)
        if file.tell() > before:
            attempts.restart()
            renewals = 0
        if failure is None:
            continue
        if failure.is_permanent or renewals == _MAX_RENEWALS or not attempts.are_left():
            raise failure.error
        if not failure.is_expired or renewals:
            attempts.pause(failure.error, failure.retry_after)
        if failure.is_expired:
            url, renewals = renew(), renewals + 1


def _pull(http: httpx2.Client, url: str, file: IO[bytes], num_bytes: int) -> _Failure | None:
    """Request the missing bytes and append them, at most one byte too many. Return the failure, None after progress."""
    start = file.tell()
    headers = {"Range": f"bytes={start}-", "Accept-Encoding": "identity"}
    try:
        request = http.build_request("GET", url, headers=headers)
    except httpx2.InvalidURL as error:
        return _Failure(InvalidAnswer(f"Expected a link, got {url[:100]!a}: {error}."), True)
    try:
        response = open_response(http, request)
        with closing(response):
            if not response.is_success:
                return _refused(response, file)
            if response.status_code != HTTPStatus.PARTIAL_CONTENT:  # the server ignores Range
                file.truncate(file.seek(0))
            _append(response, file, num_bytes)
    except httpx2.HTTPError as error:
        return _Failure(unreachable(error, request.url))
    if file.tell() > start:
        return None
    detail = f"Expected {num_bytes} bytes from {display_url(request.url)}, got {start}."
    return _Failure(Unreachable(detail))


def _append(response: httpx2.Response, file: IO[bytes], num_bytes: int) -> None:
    """Append without a buffer: an interruption keeps the bytes before it. A file that is too long fails its digest."""
    for chunk in response.iter_raw():
        file.write(chunk[: num_bytes + 1 - file.tell()])
        if file.tell() > num_bytes:
            return


def _refused(response: httpx2.Response, file: IO[bytes]) -> _Failure:
    answer = Answer.read(response)
    if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        file.truncate(0)  # the local bytes are not the beginning of the remote file
    may_retry = answer.status in RETRIED_STATUSES | EXPIRED | {416}
    return _Failure(
        answer.error(),
        is_permanent=not may_retry,
        is_expired=answer.status in EXPIRED,
        retry_after=answer.headers.get("Retry-After"),
    )
