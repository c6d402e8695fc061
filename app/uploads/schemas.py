"""What a caller sends to announce an upload, and what is answered about one."""

from typing import Annotated

from pydantic import ConfigDict, Field

from app.http.links import Links, SignedLink
from app.uploads.service import Upload
from contracts.base import Model, Sha256, Timestamp
from contracts.ids import UploadId


class UploadCreate(Model):
    """The body of `POST /v1/uploads`: what will be sent."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"num_bytes": 363_000_000, "sha256": "0" * 64}]}
    )

    num_bytes: Annotated[int, Field(ge=1)]
    sha256: Sha256


class UploadView(Model):
    """An announced upload. Send the bytes by PUT to `put.url`, without any other header, then use its id.

    `put` is a fresh link each time the upload is asked for, and absent once a job has it. An upload that no job was
    made of is deleted after `expires_at`.
    """

    id: UploadId
    created_at: Timestamp
    expires_at: Timestamp
    num_bytes: int
    received_bytes: int
    sha256: Sha256
    put: SignedLink | None
    used_by: str | None
    links: dict[str, str]


def show_upload(upload: Upload, links: Links) -> UploadView:
    """The answer about an upload."""
    announced = upload.manifest
    return UploadView(
        id=announced.id,
        created_at=announced.created_at,
        expires_at=upload.expires_at,
        num_bytes=announced.num_bytes,
        received_bytes=upload.received_bytes,
        sha256=announced.sha256,
        put=None if upload.used_by else links.upload(announced),
        used_by=upload.used_by,
        links={"self": links.resource("uploads", announced.id)},
    )
