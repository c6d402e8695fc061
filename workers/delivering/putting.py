"""Sends one file to one address by PUT. The bytes are those of the store: their digest is checked before they leave."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from contracts.base import Artefact
from state.process.spooling import spool_folder
from state.store import Store
from workers.outgoing.addresses import Network, RefusedAddress, Resolve, target_of
from workers.outgoing.requests import FAILURES, send_request
from workers.runtime.artefacts import fetch_artefact

USER_AGENT = "HandsOff-Delivery/1"
_SUCCESSES = range(200, 300)
_PASSING = frozenset({408, 425, 429, *range(500, 600)})
"""Statuses after which another attempt makes sense."""
_LEAST_SECONDS = 30.0
_CHUNK_BYTES = 1024 * 1024


class DeliveryFailed(Exception):
    """A file was not delivered. The message says why; `is_final`: another attempt would fail as well."""

    def __init__(self, reason: str, *, is_final: bool) -> None:
        super().__init__(reason)
        self.is_final = is_final


@dataclass(frozen=True)
class Way:
    """How files are sent: allowed networks that are not public, the resolver of names, and the slowest rate."""

    allowed: Sequence[Network]
    resolve: Resolve
    bytes_per_second: float


def put_artefact(
    store: Store, artefact: Artefact, url: str, headers: Mapping[str, str], way: Way
) -> None:
    """Send a stored object. Raises `DeliveryFailed`, or `InputMissing` when it is gone or damaged."""
    with spool_folder() as folder:
        path = folder / "file"
        fetch_artefact(store, artefact, path)
        put_file(path, url, headers, way)


def put_file(path: Path, url: str, headers: Mapping[str, str], way: Way) -> None:
    """Send a file. Raises `DeliveryFailed`.

    `Content-MD5` lets a bucket refuse bytes that were damaged on the way (RFC 1864; S3, GCS and Azure check it).
    """
    num_bytes = path.stat().st_size
    fields = {
        "User-Agent": USER_AGENT,
        "Content-Length": str(num_bytes),
        "Content-MD5": _md5(path),
        **headers,
    }
    seconds = _LEAST_SECONDS + num_bytes / way.bytes_per_second
    try:
        target = target_of(url, way.allowed, way.resolve)
        with path.open("rb") as file:
            status = send_request(target, "PUT", file, fields, seconds=seconds)
    except RefusedAddress as refused:
        raise DeliveryFailed(f"refused: {refused}", is_final=True) from None
    except FAILURES as failed:
        reason = f"no answer: {type(failed).__name__}"
        raise DeliveryFailed(reason, is_final=False) from failed
    if status not in _SUCCESSES:
        raise DeliveryFailed(_why(status), is_final=status not in _PASSING)


def _why(status: int) -> str:
    if status in range(300, 400):
        return f"the address redirects ({status}), which is not followed"
    if status in {401, 403}:
        return f"the address answered {status}: the URL may have expired; send new ones"
    return f"the address answered {status}"


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return base64.b64encode(digest.digest()).decode()
