"""The request and response models of uploads."""

from typing import Annotated

from pydantic import ConfigDict, Field

from app.http.links import Links, SignedLink
from app.uploads.service import Upload
from contracts.base import Model, Sha256, Timestamp
from contracts.ids import UploadId


class UploadCreate(Model):
    """The body of `POST /v1/uploads`: the size and digest of the file to send."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"num_bytes": 363_000_000, "sha256": "0" * 64}]}
    )

    num_bytes: Annotated[int, Field(ge=1)]
    sha256: Sha256


class UploadView(Model):
    """An announced upload. Send the bytes by PUT to `put.url`, without other headers, then use its id.

    Every GET returns a new link in `put`; it is null once a job uses the upload. An upload that no job uses is deleted
    after `expires_at`.
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
    """Return the view of an upload."""
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
