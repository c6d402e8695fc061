"""Decides whether a batch can be had in another format, and has it made once. Knows no HTTP.

A worker makes the archive: that may take minutes, and its code (NumPy, Pillow) is not in the app's process.
"""

from app.batches.service import read_manifest
from app.services import Services
from contracts.batches import BatchManifest
from contracts.errors.tree import ExportFailed, InvalidRequest, TooLarge
from contracts.exports import EXPORT_NEEDS, INSTANCE_FORMATS, ExportRecord, ExportRef
from state import keys, records
from state.export_ledger import ExportLedger
from state.queues import export_call


def ask(services: Services, ref: ExportRef) -> ExportRecord | None:
    """The export's record, or None: then a worker makes it.

    Raises `NotFound`, `Gone`, `NotRendered` before the batch has succeeded, `InvalidRequest` for a format that its
    labels are not for, `TooLarge`, `ExportFailed`, and `redis.RedisError` when it is not there and Redis is away.
    """
    record = records.read(services.store, keys.export_record(ref), ExportRecord)
    if record is not None:
        return record
    _check(services, ref, read_manifest(services, ref.batch))
    ledger = ExportLedger(services.ledger)
    failure = ledger.failure(ref)
    if failure is not None:
        raise ExportFailed(ref.batch.id, ref.variant, failure.code, failure.detail)
    _queue(services, ledger, ref)
    return None


def _check(services: Services, ref: ExportRef, manifest: BatchManifest) -> None:
    assert manifest.labels is not None
    needs = EXPORT_NEEDS[ref.format]
    if not set(needs) & set(manifest.labels.tasks):
        raise InvalidRequest.at(
            "format",
            f"{ref.format} is for labels of {' or '.join(needs)}; those of '{ref.batch.id}' are of"
            f" {' and '.join(manifest.labels.tasks)}. Ask for another format.",
        )
    if ref.instances and ref.format not in INSTANCE_FORMATS:
        raise InvalidRequest.at(
            "instances",
            f"{ref.format} has no instances. Leave `instances` out, or ask for"
            f" {' or '.join(INSTANCE_FORMATS)}.",
        )
    most = services.settings.max_export_samples
    if manifest.num_samples > most:
        raise TooLarge(
            f"'{ref.batch.id}' has {manifest.num_samples} samples; at most {most} are put into one archive here."
            f" Download its shards and make it on your machine: handsoff export {ref.batch.id} --format {ref.format}"
            f"{' --instances' if ref.instances else ''} --out DIR."
        )


def _queue(services: Services, ledger: ExportLedger, ref: ExportRef) -> None:
    """Queues the export unless somebody has: a claim in Redis keeps two callers from having it made twice."""
    if ledger.is_claimed(ref):
        return
    attempt = services.ledger.next_attempt(ref.batch, f"export-{ref.variant}")
    call = export_call(ref, attempt)
    if not ledger.claim(ref, call.rq_id):
        return
    if services.store.head(keys.export_record(ref)) is not None:  # made since the caller looked
        ledger.release(ref)
    else:
        services.queueing.put(call)
