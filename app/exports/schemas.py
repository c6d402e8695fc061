"""The view of an export."""

from app.http.links import Links
from contracts.base import Model, Sha256, Timestamp
from contracts.exports import ExportFormat, ExportRecord, ExportRef


class ExportView(Model):
    """A batch as a zip of `num_files` files in another format. `url` is valid until `expires_at`."""

    batch: str
    format: ExportFormat
    instances: bool
    num_files: int
    num_bytes: int
    sha256: Sha256
    url: str
    expires_at: Timestamp


def show_export(ref: ExportRef, record: ExportRecord, links: Links) -> ExportView:
    """Return the view of an export, with a signed link."""
    link = links.file(record.archive)
    return ExportView(
        batch=ref.batch.id,
        format=ref.format,
        instances=ref.instances,
        num_files=record.num_files,
        num_bytes=record.archive.num_bytes,
        sha256=record.archive.sha256,
        url=link.url,
        expires_at=link.expires_at,
    )
