"""Checks whether a batch or a labeling can be exported in a format, and queues the export once. Knows no HTTP.

A worker makes the archive, because it takes minutes and needs NumPy and Pillow, which the app does not load.
"""

from functools import partial

from app import on_demand
from app.batches.service import read_manifest as read_batch
from app.labelings.service import read_manifest as read_labeling
from app.services import Services
from contracts.batches import BatchManifest
from contracts.errors.tree import InvalidRequest, TooLarge
from contracts.exports import EXPORT_NEEDS, INSTANCE_FORMATS, ExportRecord, ExportRef
from contracts.kinds import LABELING
from contracts.labelings import LabelingManifest
from state.on_demand.kinds import EXPORTS


async def wait_for_export(services: Services, ref: ExportRef, seconds: float) -> ExportRecord:
    """Return the record of an export, once it is made.

    Raises `ExportNotReady` after `seconds`, and the errors of `_request_export`.
    """
    request_item = partial(_request_export, services, ref)
    return await on_demand.wait(services, EXPORTS, ref, request_item=request_item, seconds=seconds)


def _request_export(services: Services, ref: ExportRef) -> ExportRecord | None:
    """Return the record of an export, or None after queueing the export.

    Raises `NotFound`, `Gone`, `NotRendered` before it has succeeded, `InvalidRequest` for a format that cannot
    hold its labels, `TooLarge`, `ExportFailed`, and `redis.RedisError` when the export is not made and Redis
    does not answer.
    """
    record = on_demand.find(services, EXPORTS, ref)
    if record is None:
        read = read_labeling if ref.batch.kind == LABELING.name else read_batch
        _check(services, ref, read(services, ref.batch))
        on_demand.require(services, EXPORTS, ref)
    return record


def _check(services: Services, ref: ExportRef, manifest: BatchManifest | LabelingManifest) -> None:
    assert manifest.labels is not None
    needs, tasks = EXPORT_NEEDS[ref.format], manifest.labels.tasks
    if needs and not set(needs) & set(tasks):
        raise InvalidRequest.at(
            "format",
            f"The format {ref.format} needs labels for {' or '.join(needs)}, but '{ref.batch.id}' has labels for"
            f" {' and '.join(tasks)}. Choose another format.",
        )
    if ref.instances and ref.format not in INSTANCE_FORMATS:
        raise InvalidRequest.at(
            "instances",
            f"The format {ref.format} cannot hold instances. Leave `instances` out, or choose the format"
            f" {' or '.join(INSTANCE_FORMATS)}.",
        )
    limit = services.settings.max_export_samples
    if manifest.num_samples > limit:
        raise TooLarge(
            f"Expected a {ref.batch.kind} of at most {limit} samples, but '{ref.batch.id}' has {manifest.num_samples}."
            f" Download the shards and export on your machine: handsoff export {ref.batch.id} --format {ref.format}"
            f"{' --instances' if ref.instances else ''} --out DIR."
        )
