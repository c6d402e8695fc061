"""Links in responses: to other resources, and signed ones to stored objects.

If the store can sign, files travel directly between store and caller. A folder or memory store cannot, so the app
itself serves `/v1/files/{key}` and accepts `/v1/uploads/{id}/content`, by links that it signs. Such a link
names the tenant of its object and needs no API key.
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
"""What a link permits: to download an object, or to upload one."""


class SignedLink(Model):
    """A link that permits anyone to download or upload one object until `expires_at`, without a key."""

    url: str
    expires_at: Timestamp


@dataclass(frozen=True)
class Links:
    """Builds the links of one response. `base_url` has no trailing slash."""

    base_url: str
    store: Store
    secret: bytes
    ttl: timedelta

    def resource(self, noun: Noun, resource_id: str, *rest: str) -> str:
        """Return the URL of a resource or of a path below it."""
        return "/".join([self.base_url, "v1", noun, resource_id, *rest])

    def file(self, artefact: Artefact) -> SignedLink:
        """Return a download link: signed by the store if it can sign, else by the app."""
        expires_at = now() + self.ttl
        url = self.store.sign(artefact.key, self.ttl)
        if url is None:
            signed = self._signature("file", artefact.key, expires_at)
            url = self._signed_url(f"files/{quote(artefact.key)}", signed, expires_at)
        return SignedLink(url=url, expires_at=expires_at)

    def upload(self, upload: UploadManifest) -> SignedLink:
        """Return a link for uploading by PUT: signed by the store if it can sign, else by the app."""
        expires_at, key = now() + self.ttl, uploaded_bytes(upload).key
        url = self.store.sign(key, self.ttl, "PUT")
        if url is None:
            signed = self._signature("upload", key, expires_at)
            path = f"uploads/{upload.id}/content"
            url = self._signed_url(path, f"{upload.tenant}.{signed}", expires_at)
        return SignedLink(url=url, expires_at=expires_at)

    def _signature(self, purpose: Purpose, key: str, expires_at: datetime) -> str:
        return signature(self.secret, purpose, f"{key}\n{int(expires_at.timestamp())}")

    def _signed_url(self, path: str, signed: str, expires_at: datetime) -> str:
        query = urlencode({"expires": int(expires_at.timestamp()), "signature": signed})
        return f"{self.base_url}/v1/{path}?{query}"


def check_upload_link(secret: bytes, upload_id: str, expires: int, given: str) -> str:
    """Return the tenant of an upload link. Raises `InvalidLink` like `check_link`."""
    tenant, _, signed = given.rpartition(".")
    key = keys.upload_content(tenant, upload_id)
    return check_link(secret, key, expires, signed, purpose="upload")


def check_link(
    secret: bytes, key: str, expires: int, given: str, *, purpose: Purpose = "file"
) -> str:
    """Return the tenant of the object. Raises `InvalidLink` unless the app signed this link and it is valid."""
    # The signature first: the expiry of a forged link means nothing.
    if not is_signed(secret, purpose, f"{key}\n{expires}", given):
        raise InvalidLink("The link's signature is wrong. GET the resource again for a new link.")
    if expires < now().timestamp():
        raise InvalidLink("The link has expired. GET the resource again for a new link.")
    return keys.tenant_of(key)
