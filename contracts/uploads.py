"""An upload: a file that is announced with size and digest, sent by a signed link, used by one job, then deleted.

For files that are too large for one request through the app, such as checkpoints.
"""

from typing import Annotated

from pydantic import Field

from contracts.base import Model, Sha256, Timestamp
from contracts.ids import TenantId, UploadId
from contracts.jobs import Idempotency


class UploadManifest(Model):
    """`uploads/{id}/manifest.json`: the announcement. The bytes may not have arrived yet."""

    tenant: TenantId
    id: UploadId
    created_at: Timestamp
    num_bytes: Annotated[int, Field(ge=1)]
    sha256: Sha256
    idempotency: Idempotency | None = None


class UploadClaim(Model):
    """`uploads/{id}/claim.json`: the one job that may use the bytes."""

    job: str
