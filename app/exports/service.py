"""Decide whether a batch can be exported in a format, and have the export made once. Knows no HTTP.

A worker makes the archive: that can take minutes, and its code (NumPy, Pillow) is not in the app's process.
"""

from functools import partial

from app import on_demand
from app.batches.service import read_manifest
from app.services import Services
from contracts.batches import BatchManifest
from contracts.errors.tree import InvalidRequest, TooLarge
from contracts.exports import EXPORT_NEEDS, INSTANCE_FORMATS, ExportRecord, ExportRef
from state.on_demand.kinds import EXPORTS


async def wait_for_export(services: Services, ref: ExportRef, seconds: float) -> ExportRecord:
    """Return the record of an export; have the export made when it is absent.

    Raises `ExportNotReady` after `seconds`, and the errors of `_request_export`.
    """
    request_item = partial(_request_export, services, ref)
    return await on_demand.wait(services, EXPORTS, ref, request_item=request_item, seconds=seconds)


def _request_export(services: Services, ref: ExportRef) -> ExportRecord | None:
    """Return the record of an export, or None after the export was queued.

    Raises `NotFound`, `Gone`, `NotRendered` before the batch has succeeded, `InvalidRequest` for a format that does not
    fit the batch's labels, `TooLarge`, `ExportFailed`, and `redis.RedisError` when the export is absent and Redis does
    not answer.
    """
    record = on_demand.find(services, EXPORTS, ref)
    if record is None:
        _check(services, ref, read_manifest(services, ref.batch))
        on_demand.require(services, EXPORTS, ref)
    return record


def _check(services: Services, ref: ExportRef, manifest: BatchManifest) -> None:
    assert manifest.labels is not None
    needs, tasks = EXPORT_NEEDS[ref.format], manifest.labels.tasks
    if not set(needs) & set(tasks):
        raise InvalidRequest.at(
            "format",
            f"{ref.format} needs labels of {' or '.join(needs)}; '{ref.batch.id}' has labels of"
            f" {' and '.join(tasks)}. Choose another format.",
        )
    if ref.instances and ref.format not in INSTANCE_FORMATS:
        raise InvalidRequest.at(
            "instances",
            f"{ref.format} has no instances; leave `instances` out, or choose the format"
            f" {' or '.join(INSTANCE_FORMATS)}.",
        )
    limit = services.settings.max_export_samples
    if manifest.num_samples > limit:
        raise TooLarge(
            f"'{ref.batch.id}' has {manifest.num_samples} samples; this server exports at most {limit}. Download the"
            f" shards and export on your machine: handsoff export {ref.batch.id} --format {ref.format}"
            f"{' --instances' if ref.instances else ''} --out DIR."
        )
