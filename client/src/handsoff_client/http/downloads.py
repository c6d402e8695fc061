"""One file from a signed link to disk: resumed by Range, checked by SHA-256, there whole or not at all."""

import hashlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import IO, Protocol

import httpx2

from handsoff_client.errors import ChecksumMismatch, InvalidAnswer, Unreachable
from handsoff_client.http.answers import Answer
from handsoff_client.http.diagnosis import shown, unreachable
from handsoff_client.http.retries import RETRIED_STATUSES
from handsoff_client.http.transport import Transport
from handsoff_shards.errors import HandsOffError

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
    """The file at `target`; what is there already is taken as it is, and a part that was left is continued.

    Guaranteed to be atomic: bytes gather in `{target}.part`, which is checked and only then renamed. `renew` gives a
    new link when this one has expired. Raises `ChecksumMismatch` when the whole file has other bytes. One process at
    a time: `cache.ShardCache` keeps several apart.
    """
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    with part.open("ab") as file:
        _fetch(transport, url, file, num_bytes, renew)
    found = sha256_of(part)
    if found != sha256:
        part.unlink()
        raise ChecksumMismatch(
            f"{target.name}: SHA-256 {sha256} was promised, but {found} came. Nothing of it is kept."
        )
    part.replace(target)
    return target


class Listed(Protocol):
    """A file as the service tells of it."""

    @property
    def url(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def num_bytes(self) -> int: ...


def download_listed(
    transport: Transport, listed: Listed, target: Path, *, renew: Callable[[], str]
) -> Path:
    """`download` of a file that the service has listed."""
    return download(
        transport,
        listed.url,
        target,
        sha256=listed.sha256,
        num_bytes=listed.num_bytes,
        renew=renew,
    )


def write_whole(target: Path, data: bytes) -> Path:
    """Write a small file at `target`, whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    part.write_bytes(data)
    return part.replace(target)


def sha256_of(path: Path) -> str:
    """The digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class _Trouble:
    """Why a try did not bring the rest."""

    error: HandsOffError
    is_lasting: bool = False
    is_expired: bool = False
    retry_after: str | None = None


def _fetch(
    transport: Transport, url: str, file: IO[bytes], num_bytes: int, renew: Callable[[], str]
) -> None:
    """Fills the file to `num_bytes`. A try that brings bytes begins the count of tries anew."""
    attempt = 0
    while (before := file.tell()) < num_bytes:
        trouble = _pull(transport.http, url, file, num_bytes)
        attempt = 1 if file.tell() > before else attempt + 1
        if trouble is None:
            continue
        if trouble.is_lasting or not transport.retries.is_left(attempt):
            raise trouble.error
        if trouble.is_expired:
            url = renew()
        else:
            transport.retries.pause(attempt, trouble.error, trouble.retry_after)


def _pull(http: httpx2.Client, url: str, file: IO[bytes], num_bytes: int) -> _Trouble | None:
    """Asks for what the file lacks and appends it, up to one byte more; says why nothing, or not all, was sent."""
    start = file.tell()
    headers = {"Range": f"bytes={start}-", "Accept-Encoding": "identity"}
    try:
        request = http.build_request("GET", url, headers=headers)
    except httpx2.InvalidURL as error:
        return _Trouble(InvalidAnswer(f"Expected a link, got {url[:100]!a}: {error}."), True)
    try:
        response = http.send(request, stream=True, follow_redirects=False)
        with closing(response):
            if not response.is_success:
                return _refused(response, file)
            if response.status_code != HTTPStatus.PARTIAL_CONTENT:  # Range is not spoken there
                file.truncate(file.seek(0))
            _append(response, file, num_bytes)
    except httpx2.HTTPError as error:
        return _Trouble(unreachable(error, request.url))
    if file.tell() > start:
        return None
    return _Trouble(Unreachable(f"{shown(request.url)} ends after {start} bytes, too early."))


def _append(response: httpx2.Response, file: IO[bytes], num_bytes: int) -> None:
    """Unbuffered: the bytes before a break are kept. A file that is longer than promised fails its digest."""
    for chunk in response.iter_raw():
        file.write(chunk[: num_bytes + 1 - file.tell()])
        if file.tell() > num_bytes:
            return


def _refused(response: httpx2.Response, file: IO[bytes]) -> _Trouble:
    answer = Answer.read(response)
    if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        file.truncate(0)  # what is here cannot be the beginning of what is there
    may_retry = answer.status in RETRIED_STATUSES | EXPIRED | {416}
    return _Trouble(
        answer.error(),
        is_lasting=not may_retry,
        is_expired=answer.status in EXPIRED,
        retry_after=answer.headers.get("Retry-After"),
    )
