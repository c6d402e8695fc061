"""Links in answers: to other resources, and signed ones to stored objects.

Where the store can sign, large files go directly between the store and the caller. A folder or memory cannot sign, so
the app serves `/v1/files/{key}` and receives `/v1/uploads/{id}/content` itself, by links that it signed. Such a link
needs no API key: it says which tenant's object it is for.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import quote, urlencode

from app.http.signing import is_signed, signature
from contracts.base import Artefact, Model, Timestamp, now
from contracts.errors.tree import InvalidLink
from contracts.uploads import UploadManifest
from state import keys
from state.keys import Noun
from state.store import Store
from state.uploads import uploaded_bytes

Purpose = Literal["file", "upload"]
"""What a link may be used for: to read an object, or to send one."""


class SignedLink(Model):
    """A link to read one object, or to send one to, until `expires_at`. It needs no key."""

    url: str
    expires_at: Timestamp


@dataclass(frozen=True)
class Links:
    """Makes the links of one response. `base_url` does not end with a slash."""

    base_url: str
    store: Store
    secret: bytes
    ttl: timedelta

    def resource(self, noun: Noun, thing_id: str, *rest: str) -> str:
        """Return the address of a resource, or of a part of it."""
        return "/".join([self.base_url, "v1", noun, thing_id, *rest])

    def file(self, artefact: Artefact) -> SignedLink:
        """Return a link to a stored object: the store's own where it can sign, else ours."""
        expires_at = now() + self.ttl
        url = self.store.sign(artefact.key, self.ttl)
        if url is None:
            signed = self._signature("file", artefact.key, expires_at)
            url = self._own(f"files/{quote(artefact.key)}", signed, expires_at)
        return SignedLink(url=url, expires_at=expires_at)

    def upload(self, upload: UploadManifest) -> SignedLink:
        """Return a link to send an upload's bytes to by PUT: the store's own where it can sign, else ours."""
        expires_at, key = now() + self.ttl, uploaded_bytes(upload).key
        url = self.store.sign(key, self.ttl, "PUT")
        if url is None:
            signed = self._signature("upload", key, expires_at)
            path = f"uploads/{upload.id}/content"
            url = self._own(path, f"{upload.tenant}.{signed}", expires_at)
        return SignedLink(url=url, expires_at=expires_at)

    def _signature(self, purpose: Purpose, key: str, expires_at: datetime) -> str:
        return signature(self.secret, purpose, f"{key}\n{int(expires_at.timestamp())}")

    def _own(self, path: str, signed: str, expires_at: datetime) -> str:
        query = urlencode({"expires": int(expires_at.timestamp()), "signature": signed})
        return f"{self.base_url}/v1/{path}?{query}"


def check_upload_link(secret: bytes, upload_id: str, expires: int, given: str) -> str:
    """Return the tenant that a link to send an upload to is for. Raises `InvalidLink` as `check_link` does."""
    tenant, _, signed = given.rpartition(".")
    key = keys.upload_content(tenant, upload_id)
    check_link(secret, key, expires, signed, purpose="upload")
    return tenant


def check_link(
    secret: bytes, key: str, expires: int, given: str, *, purpose: Purpose = "file"
) -> None:
    """Raises `InvalidLink` unless we signed this link and it has not expired."""
    if not is_signed(secret, purpose, f"{key}\n{expires}", given):
        raise InvalidLink(
            "The link's signature is wrong. Ask for the resource again to get a new one."
        )
    if expires < now().timestamp():
        raise InvalidLink("The link has expired. Ask for the resource again to get a new one.")
