"""Links that a response carries: to other resources, and signed ones to stored objects.

Where the store can sign, big bytes go between the store and the caller; a folder or memory cannot, so the app serves
`/v1/files/{key}` and takes `/v1/uploads/{id}/content` itself, by links that it signed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import quote, urlencode

from app.http.signing import is_signed, signature
from contracts.base import Artefact, Model, Timestamp, now
from contracts.errors.tree import InvalidLink
from state.keys import Noun
from state.store import Store

Purpose = Literal["file", "upload"]
"""What a link of ours is good for: to read an object, or to send one."""


class SignedLink(Model):
    """A link that anybody may read one object by, or send one to, until `expires_at`."""

    url: str
    expires_at: Timestamp


@dataclass(frozen=True)
class Links:
    """Makes the links of one response. `base_url` has no slash at its end."""

    base_url: str
    store: Store
    secret: bytes
    ttl: timedelta

    def resource(self, noun: Noun, thing_id: str, *rest: str) -> str:
        """The address of a resource, or of something below it."""
        return "/".join([self.base_url, "v1", noun, thing_id, *rest])

    def file(self, artefact: Artefact) -> SignedLink:
        """A link to a stored object: the store's own where it can sign, else ours."""
        expires_at = now() + self.ttl
        url = self.store.sign(artefact.key, self.ttl) or self._own(
            f"files/{quote(artefact.key)}", "file", artefact.key, expires_at
        )
        return SignedLink(url=url, expires_at=expires_at)

    def upload(self, upload_id: str, artefact: Artefact) -> SignedLink:
        """A link to send an upload's bytes to by PUT: the store's own where it can sign, else ours."""
        expires_at = now() + self.ttl
        url = self.store.sign(artefact.key, self.ttl, "PUT") or self._own(
            f"uploads/{upload_id}/content", "upload", artefact.key, expires_at
        )
        return SignedLink(url=url, expires_at=expires_at)

    def _own(self, path: str, purpose: Purpose, key: str, expires_at: datetime) -> str:
        expires = int(expires_at.timestamp())
        signed = signature(self.secret, purpose, f"{key}\n{expires}")
        query = urlencode({"expires": expires, "signature": signed})
        return f"{self.base_url}/v1/{path}?{query}"


def check_link(
    secret: bytes, key: str, expires: int, given: str, *, purpose: Purpose = "file"
) -> None:
    """Raises `InvalidLink` unless we signed exactly this link and its time is not over."""
    if not is_signed(secret, purpose, f"{key}\n{expires}", given):
        raise InvalidLink(
            "The link's signature is wrong. Ask for the resource again to get a new one."
        )
    if expires < now().timestamp():
        raise InvalidLink("The link has expired. Ask for the resource again to get a new one.")
