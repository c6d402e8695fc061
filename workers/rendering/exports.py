"""An export: the shards of a batch as one zip in a format that other tools read, made once, kept with the batch.

The formats are those of the client (`handsoff_shards`). Doing it twice changes nothing: the archive lies under its own
digest, and the first record stands.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from contracts.base import Artefact, now
from contracts.batches import BatchManifest
from contracts.digests import sha256_of_file
from contracts.errors.jobs import InputMissing, JobFailed
from contracts.exports import ExportRecord, ExportRef
from contracts.schemas import LabelSchema
from handsoff_shards.formats import files_of, write_zip
from handsoff_shards.labels import DepthLabels, KeypointLabels, Labels
from handsoff_shards.reading import Entry, ShardSet
from state import keys, records
from state.export_ledger import ExportLedger
from workers.runtime.artefacts import fetch_artefact
from workers.runtime.jobs import reason_of
from workers.runtime.machine import Machine

log = structlog.get_logger()

ZIP_TYPE = "application/zip"


def run(machine: Machine, argument: str, attempt: int) -> None:
    """Makes one export, unless it is there, and tells whoever waits why it cannot be made."""
    export = ExportRef.parse(argument)
    ledger = ExportLedger(machine.ledger)
    log.info("export begun", export=argument, attempt=attempt)
    try:
        _make(machine, export)
    except JobFailed as error:
        ledger.fail(export, reason_of(error))
        log.warning("export failed", export=argument, code=error.code, detail=error.detail)
    ledger.release(export)


def fail_for_good(machine: Machine, argument: str, error: BaseException) -> None:
    """Tells whoever waits that the last retry has failed with trouble of the machine."""
    export = ExportRef.parse(argument)
    ledger = ExportLedger(machine.ledger)
    log.error("export failed for good", export=argument, error=repr(error))
    ledger.fail(export, reason_of(error))
    ledger.release(export)


def free_lost_claims(machine: Machine, queued: Mapping[str, set[str]]) -> None:
    """Frees exports that no queue knows of: whoever asks again queues them. `queued` has the RQ ids of each batch."""
    ledger = ExportLedger(machine.ledger)
    for export, claim in ledger.claims().items():
        is_old = now() - claim.at > machine.settings.heartbeat_interval
        if is_old and claim.rq_id not in queued.get(export.batch.id, set()):
            log.warning("claim freed", export=str(export))
            ledger.release(export)


def _make(machine: Machine, export: ExportRef) -> None:
    """Raises `InputMissing` when the batch or a shard of it is gone, `Drained` when the worker stops."""
    key = keys.export_record(export)
    if machine.store.head(key) is not None:
        return
    manifest = records.read_manifest(machine.store, export.batch)
    if not isinstance(manifest, BatchManifest) or manifest.labels is None:
        raise InputMissing(f"Batch '{export.batch.id}' is gone, or has not succeeded.")
    with TemporaryDirectory(prefix="handsoff-") as folder:
        path = Path(folder) / "export.zip"
        shards = _fetched(machine, manifest, Path(folder))
        labels = labels_of(manifest.labels)
        shard_set = ShardSet(export.batch.id, labels, shards, manifest.finished_at)
        files = files_of(shard_set, export.format, instances=export.instances)
        counted = _Counted(machine, files)
        write_zip(counted, path)
        sha256 = sha256_of_file(path)
        archive = Artefact(
            key=keys.export_zip(export, sha256),
            sha256=sha256,
            num_bytes=path.stat().st_size,
            media_type=ZIP_TYPE,
        )
        machine.store.put(archive.key, path)
    made = ExportRecord(
        format=export.format,
        instances=export.instances,
        archive=archive,
        num_files=counted.num_files,
        finished_at=now(),
    )
    records.create(machine.store, key, made)
    if records.is_deleted(machine.store, export.batch):  # meanwhile: nothing of it may stay
        for left in (key, archive.key):
            machine.store.delete(left)


def labels_of(schema: LabelSchema) -> Labels:
    """A label schema as readers of shards have it."""
    points, depth = schema.keypoints, schema.depth
    return Labels(
        classes=schema.classes,
        ignore_index=schema.ignore_index,
        keypoints=KeypointLabels(points.names, points.skeleton) if points else None,
        depth=DepthLabels(depth.scale, depth.unit, depth.unknown) if depth else None,
        json=schema.model_dump(mode="json"),
    )


def _fetched(machine: Machine, manifest: BatchManifest, folder: Path) -> Iterator[Path]:
    """The batch's shards as files, one at a time: each is gone when the next is asked for."""
    for shard in manifest.shards:
        path = folder / f"{shard.index:06d}.tar"
        fetch_artefact(machine.store, shard.tar, path)
        yield path
        path.unlink()


class _Counted:
    """Files on their way into an archive. Each is a step of the worker's."""

    def __init__(self, machine: Machine, files: Iterator[Entry]) -> None:
        self._machine = machine
        self._files = files
        self.num_files = 0

    def __iter__(self) -> Iterator[Entry]:
        for entry in self._files:
            self._machine.pulse.beat()
            self.num_files += 1
            yield entry
