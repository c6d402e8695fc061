"""The bytes of an upload, and its deletion by the app or by the job that used it."""

from contracts.base import Artefact
from contracts.uploads import UploadManifest
from state import keys
from state.store import Store


def uploaded_bytes(upload: UploadManifest) -> Artefact:
    """Return the bytes of an upload, pinned by the announced digest. They may not have arrived yet."""
    key = keys.upload_content(upload.tenant, upload.id)
    return Artefact(key=key, sha256=upload.sha256, num_bytes=upload.num_bytes)


def delete_upload(store: Store, tenant: str, upload_id: str) -> None:
    """Delete an upload, its manifest first: when the process ends in between, the rest belongs to no upload."""
    store.delete(keys.manifest(tenant, "uploads", upload_id))
    prefix = keys.resource_prefix(tenant, "uploads", upload_id)
    for info in list(store.list(prefix)):
        store.delete(info.key)
    store.discard_unfinished(prefix)
