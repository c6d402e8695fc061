"""An upload: bytes that are announced with size and digest, sent by a signed link, used by one job, and then deleted.

For what is too large for one request through the app, such as the checkpoint of a generator.
"""

from typing import Annotated

from pydantic import Field

from contracts import keys
from contracts.ids import TenantId, UploadId
from contracts.jobs import Idempotency
from contracts.shapes import Artefact, Sha256, Shape, Timestamp
from contracts.store import Store


class UploadManifest(Shape):
    """`uploads/{id}/manifest.json`: what was announced. The bytes may not be there yet."""

    tenant: TenantId
    id: UploadId
    created_at: Timestamp
    num_bytes: Annotated[int, Field(ge=1)]
    sha256: Sha256
    idempotency: Idempotency | None = None

    @property
    def content(self) -> Artefact:
        """The bytes, pinned by what was announced."""
        key = keys.upload_content(self.tenant, self.id)
        return Artefact(key=key, sha256=self.sha256, num_bytes=self.num_bytes)


class UploadClaim(Shape):
    """`uploads/{id}/claim.json`: the one job that the bytes are for."""

    job: str


def delete_upload(store: Store, tenant: str, upload_id: str) -> None:
    """Removes an upload. The manifest goes first: what is left when the process ends in between belongs to nothing."""
    store.delete(keys.manifest(tenant, "uploads", upload_id))
    for found in list(store.list(keys.thing_prefix(tenant, "uploads", upload_id))):
        store.delete(found.key)
