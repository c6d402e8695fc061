"""One file from a signed link to disk: resumed by Range, checked by SHA-256, there whole or not at all."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import IO, Protocol

import httpx2

from handsoff_client.error_codes import service_error
from handsoff_client.errors import ChecksumMismatch, Unreachable
from handsoff_client.retries import RETRIED_STATUSES
from handsoff_client.transport import Transport, problem_of, unreachable
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
        trouble = _pull(transport.http, url, file)
        attempt = 1 if file.tell() > before else attempt + 1
        if trouble is None:
            continue
        if trouble.is_lasting or not transport.retries.is_left(attempt):
            raise trouble.error
        if trouble.is_expired:
            url = renew()
        else:
            transport.retries.pause(attempt, trouble.error, trouble.retry_after)


def _pull(http: httpx2.Client, url: str, file: IO[bytes]) -> _Trouble | None:
    """Asks for what the file lacks and appends it; says why nothing, or not all, of it came."""
    start = file.tell()
    headers = {"Range": f"bytes={start}-", "Accept-Encoding": "identity"}
    try:
        with http.stream("GET", url, headers=headers) as response:
            if not response.is_success:
                return _refused(response, file)
            if response.status_code != HTTPStatus.PARTIAL_CONTENT:  # Range is not spoken there
                file.truncate(0)
            for chunk in response.iter_raw():  # unbuffered: what came before a break is kept
                file.write(chunk)
    except httpx2.TransportError as error:
        return _Trouble(unreachable(error))
    if file.tell() > start:
        return None
    return _Trouble(Unreachable(f"{url.partition('?')[0]} ends after {start} bytes, too early."))


def _refused(response: httpx2.Response, file: IO[bytes]) -> _Trouble:
    response.read()
    status = response.status_code
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        file.truncate(0)  # what is here cannot be the beginning of what is there
    may_retry = status in RETRIED_STATUSES | EXPIRED | {416}
    return _Trouble(
        service_error(status, problem_of(response)),
        is_lasting=not may_retry,
        is_expired=status in EXPIRED,
        retry_after=response.headers.get("Retry-After"),
    )
