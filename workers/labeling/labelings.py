"""Labels a caller's real images by a fit: the job of `POST /v1/labelings`.

The archive is unpacked once in each attempt; then the images are read and labelled shard by shard. A shard with a
record is not labelled again, so an attempt after a crash continues where the last one stopped.
"""

import os
from collections.abc import Iterable
from functools import partial
from math import floor
from pathlib import Path

from contracts.errors.jobs import InvalidImages
from contracts.jobs import JobRef
from contracts.labelings import (
    LabelingManifest,
    LabelingRequest,
    LabelingShardRecord,
    labeling_manifest,
)
from state import keys, records
from state.process.spooling import spool_folder
from state.uploads import delete_upload
from workers.importing.uploads import fetch
from workers.labeling.labeler import Labeler
from workers.labeling.reading import read_images, unpack_images
from workers.labeling.reading_tasks import UnpackResult
from workers.labeling.shards import label_shard, read_records, store_record
from workers.runtime import jobs
from workers.runtime.jobs import Run
from workers.runtime.machine import Machine

ARCHIVE = "archive"
STAGE = "labelling"
MAX_NAMED = 3
"""How many unreadable images an error names."""


def run(machine: Machine, argument: str, attempt: int) -> None:
    """Run the labeling that `argument` names, and delete the uploaded archive once it has ended."""
    ref = JobRef.parse(argument)
    jobs.perform(machine, ref, attempt, _label)
    request = records.read_request(machine.store, ref, LabelingRequest)
    if records.has_ended(machine.store, ref) and request is not None:
        upload_id = keys.parse_upload_content(request.original.key)
        delete_upload(machine.store, request.tenant, upload_id)


def _label(run: Run) -> LabelingManifest:
    """Label every shard that has no record, and return the manifest, which the caller stores last."""
    request = run.read_request(LabelingRequest)
    with spool_folder() as folder:
        fetch(run, request.original, folder / ARCHIVE)
        unpacked = unpack_images(
            folder / ARCHIVE,
            run.machine.settings,
            lambda: run.report_progress("unpacking", 0, 1),
        )
        _label_shards(run, request, folder, unpacked)
    found = read_records(run.machine.store, request)
    if not any(record.images for record in found.values()):
        raise _unreadable(found[index] for index in sorted(found))
    return labeling_manifest(request, found, num_other_files=unpacked.num_other_files)


def _label_shards(run: Run, request: LabelingRequest, folder: Path, unpacked: UnpackResult) -> None:
    store, size, total = run.machine.store, request.shard_size, len(unpacked.names)
    finished = records.finished_shards(store, request.ref)
    missing = [index for index in range(-(-total // size)) if index not in finished]
    if not missing:
        return
    labeler = Labeler.open(run.machine, request.tenant, request.fit)
    num_done = total - sum(len(unpacked.names[k * size : (k + 1) * size]) for k in missing)
    for index in missing:
        os.utime(folder)  # no other process sweeps the folder of a job that runs
        names = unpacked.names[index * size : (index + 1) * size]

        def report(share: float, before: int = num_done, count: int = len(names)) -> None:
            run.step(STAGE, before + floor(share * count), total)

        images = read_images(
            folder,
            names,
            first=index * size,
            px=labeler.px,
            aspect=request.aspect,
            settings=run.machine.settings,
            on_wait=partial(report, 0.0),
        )
        record = label_shard(store, request, labeler, index, images, on_share=report)
        store_record(store, request, record)  # before the next step, where the worker may stop
        run.machine.ledger.record_saved_work(run.ref)
        run.check_ended()
        num_done += len(names)


def _unreadable(found: Iterable[LabelingShardRecord]) -> InvalidImages:
    unreadable = [image for record in found for image in record.unreadable]
    named = "; ".join(f"{image.name}: {image.reason}" for image in unreadable[:MAX_NAMED])
    more = f"; {len(unreadable) - MAX_NAMED} more" if len(unreadable) > MAX_NAMED else ""
    return InvalidImages(
        f"None of the {len(unreadable)} images can be labelled: {named}{more}. Correct them and send them again."
    )
