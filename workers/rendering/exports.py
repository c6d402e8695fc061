"""Makes an export: the shards of a batch as one zip in a format that other tools read, stored with the batch.

`handsoff_shards` writes the formats. The key of the archive contains its digest. With the operator's key, generated
images are signed (C2PA); images of a labeling are real and are not.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from contracts.accounts.usage import Usage
from contracts.base import Artefact, now
from contracts.batches import BatchManifest, ShardRecord
from contracts.digests import sha256_of_file
from contracts.errors.jobs import InputMissing
from contracts.exports import ExportRecord, ExportRef
from contracts.labelings import LabelingManifest, LabelledShard
from contracts.schemas import LabelSchema
from handsoff_shards.formats import files_of, write_zip
from handsoff_shards.labels import DepthLabels, KeypointLabels, Labels
from handsoff_shards.reading import Entry, ShardSet
from state import records
from state.batches.pages import shards_of
from state.on_demand import paths
from state.on_demand.kinds import EXPORTS
from workers.codecs.content_credentials import open_signer, signed
from workers.runtime import on_demand
from workers.runtime.artefacts import fetched
from workers.runtime.machine import Machine

ZIP_TYPE = "application/zip"


def run(machine: Machine, argument: str, attempt: int) -> None:
    """Make one export, unless it exists."""
    on_demand.make(machine, EXPORTS, argument, attempt, partial(_write_archive, machine))


def fail_for_good(machine: Machine, argument: str, error: BaseException) -> None:
    """Report an export whose last retry has failed."""
    on_demand.fail_for_good(machine, EXPORTS, argument, error)


def _write_archive(machine: Machine, export: ExportRef) -> ExportRecord:
    """Write and store one export, and return its record.

    Raises:
        InputMissing: the batch or one of its shards is gone.
        SigningFailed: its images cannot be signed, as the operator requires.
        Drained: the worker is stopping.
    """
    kind = machine.kinds.of(export.batch)
    manifest = records.read_manifest(machine.store, export.batch, kind.manifest)
    if not isinstance(manifest, BatchManifest | LabelingManifest) or manifest.labels is None:
        raise InputMissing(
            f"'{export.batch.id}' was deleted or has not succeeded. Export a succeeded {kind.name}."
        )
    with TemporaryDirectory(prefix="handsoff-") as folder:
        path = Path(folder) / "export.zip"
        shards = fetched(machine.store, _tars(machine, manifest), Path(folder))
        labels = labels_of(manifest.labels)
        shard_set = ShardSet(export.batch.id, labels, shards, manifest.finished_at)
        files = files_of(shard_set, export.format, instances=export.instances)
        signer = open_signer(machine.settings) if isinstance(manifest, BatchManifest) else None
        counter = _Counter(machine, files if signer is None else signed(files, signer))
        write_zip(counter, path)
        return ExportRecord(
            format=export.format,
            instances=export.instances,
            archive=_store_archive(machine, export, path),
            num_files=counter.num_files,
            is_signed=signer is not None,
            finished_at=now(),
        )


def _store_archive(machine: Machine, export: ExportRef, path: Path) -> Artefact:
    sha256 = sha256_of_file(path)
    archive = Artefact(
        key=paths.export_zip(export, sha256),
        sha256=sha256,
        num_bytes=path.stat().st_size,
        media_type=ZIP_TYPE,
    )
    machine.store.put(archive.key, path)
    machine.usage.add(export.batch.tenant, Usage(written_bytes=archive.num_bytes))
    return archive


def labels_of(schema: LabelSchema) -> Labels:
    """Convert a label schema to the labels of `handsoff_shards`."""
    points, depth = schema.keypoints, schema.depth
    return Labels(
        classes=schema.classes,
        ignore_index=schema.ignore_index,
        keypoints=KeypointLabels(points.names, points.skeleton) if points else None,
        depth=DepthLabels(depth.scale, depth.unit, depth.unknown) if depth else None,
        json=schema.model_dump(mode="json"),
    )


def _tars(machine: Machine, manifest: BatchManifest | LabelingManifest) -> Iterator[Artefact]:
    shards: Iterable[ShardRecord | LabelledShard] = manifest.shards
    if isinstance(manifest, BatchManifest):
        shards = shards_of(machine.store, manifest)
    return (shard.tar for shard in shards)


class _Counter:
    """Counts the files that go into an archive, and marks each as a step of the worker."""

    def __init__(self, machine: Machine, files: Iterator[Entry]) -> None:
        self._machine = machine
        self._files = files
        self.num_files = 0

    def __iter__(self) -> Iterator[Entry]:
        for entry in self._files:
            self._machine.pulse.beat()
            self.num_files += 1
            yield entry
