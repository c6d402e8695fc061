"""The decoding child: `python -m app.decoding.child FOLDER`. Reads `job.json`, limits itself, writes `result.json`.

Each upload gets a fresh interpreter without torch, settings or secrets, so a malicious upload can only break this
process.
"""

import errno
import resource
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from pkgutil import resolve_name

from PIL import Image

from app.decoding.archives.archive import unpack
from app.decoding.archives.names import check_name
from app.decoding.classes import check_classes
from app.decoding.coco.file import read_coco
from app.decoding.coco.labels import CocoLabels
from app.decoding.coco.regions import Budget
from app.decoding.entries import Entry, EntryDecoder
from app.decoding.parts import check_images, check_parts, find_conditions, sort_files
from app.decoding.protocol import (
    DISK_FULL,
    JOB,
    OUT,
    READING,
    RESULT,
    DecodeJob,
    DecodeLimits,
    DecodeResult,
)
from app.decoding.refusal import Notices, Refused, reading
from app.decoding.task import UploadTask
from app.decoding.upload_schema import read_schema, source_of_schema
from contracts.errors.tree import Flaw
from contracts.schemas import normalized

_MAX_FLAWS = 20
_SKIPPED = "The COCO file has annotations of images that the upload lacks. They were skipped."


def decode(job: DecodeJob, folder: Path) -> DecodeResult:
    """Decode the job's files into files below `folder`; return the entries, or the first 20 flaws."""
    try:
        decoder, flaws = _prepare(job, folder)
        entries = _decode_entries(decoder, flaws, folder) if decoder else ()
        if decoder is None or flaws:
            return DecodeResult(flaws=tuple(flaws[:_MAX_FLAWS]))
        decoded = check_classes(decoder, entries)
    except Refused as refused:
        return DecodeResult(flaws=(refused.flaw,))
    return DecodeResult(upload=decoder.upload, entries=decoded, warnings=decoder.notices.warnings)


def _prepare(job: DecodeJob, folder: Path) -> tuple[EntryDecoder | None, list[Flaw]]:
    """Return the decoder of the upload's entries, and the flaws of the upload as a whole."""
    notices = Notices()
    tasks: Sequence[UploadTask] = resolve_name(job.tasks)
    files = sort_files(_files(job, folder), notices, [task.part for task in tasks])
    flaws = check_images(files, job.limits.max_images)
    if flaws:
        return None, flaws
    coco = None
    if files.coco:
        _note_file(folder, files.coco.name)
        with reading(files.coco.name, "COCO JSON"):
            coco = read_coco(files.coco, job.limits, files.images)
        if absent := coco.absent(files.images):
            notices.add("coco_images_skipped", _SKIPPED, *absent)
    models = {task.part.task: task.schema for task in tasks if task.schema}
    upload = read_schema(job, files, coco, notices, models)
    labels = None
    if files.coco and coco:
        budget = Budget(job.limits.max_coco_drawn_pixels)
        labels = CocoLabels(coco, files.coco.name, upload.labels, budget, notices)
    schema_source = source_of_schema(job, files)
    annotated = coco.conditions if coco else {}
    conditions, flaws = find_conditions(files, upload.conditions, annotated, schema_source)
    decoder = EntryDecoder(
        files,
        labels,
        upload,
        conditions=conditions,
        limits=job.limits,
        out=folder / OUT,
        notices=notices,
        tasks=tasks,
    )
    return decoder, [
        *check_parts(files, upload.labels, decoder.annotated, schema_source),
        *flaws,
    ]


def _decode_entries(decoder: EntryDecoder, flaws: list[Flaw], folder: Path) -> tuple[Entry, ...]:
    """Decode every image with its labels; append the flaws to `flaws`."""
    entries: list[Entry] = []
    num_pixels = 0
    for stem in sorted(decoder.files.images):
        # More flaws would not help a caller, and each further image costs time.
        if len(flaws) >= _MAX_FLAWS:
            break
        _note_file(folder, decoder.files.images[stem].name)
        try:
            entry = decoder.decode(stem)
            num_pixels += entry.decoded.height_px * entry.decoded.width_px
            _check_total(num_pixels, decoder.limits)
            entries.append(entry)
        except Refused as refused:
            flaws.append(refused.flaw)
    return tuple(entries)


def _note_file(folder: Path, name: str) -> None:
    """Write down which file is being read, for an error message if this process is killed."""
    (folder / READING).write_text(name, encoding="utf-8", errors="backslashreplace")


def _files(job: DecodeJob, folder: Path) -> dict[str, Path]:
    """Return the upload's files by name."""
    if job.archive is not None:
        return unpack(job.archive, folder / "unpacked", job.limits)
    files: dict[str, Path] = {}
    for file in job.files:
        name = normalized(file.name)
        check_name(name)
        if name in files:
            raise Refused(
                name, "Expected different file names, got this one twice. Keep one of them."
            )
        files[name] = file.path
    return files


def _check_total(num_pixels: int, limits: DecodeLimits) -> None:
    if num_pixels > limits.max_labelset_pixels:
        detail = (
            f"Expected at most {limits.max_labelset_pixels} pixels in all images together, got more."
            " Scale them down or send fewer."
        )
        raise Refused(None, detail)


def _limit_self(limits: DecodeLimits) -> None:
    """Limit this process permanently: not even injected code could raise hard limits."""
    for kind, limit in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_seconds),
        (resource.RLIMIT_FSIZE, limits.max_archive_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))
    # Pillow raises at twice this limit; `images.py` checks the exact one.
    Image.MAX_IMAGE_PIXELS = limits.max_image_pixels
    warnings.simplefilter("ignore")  # of libraries; `images.py` checks the relevant ones


def main() -> int:
    """Run the job of the folder named on the command line. Return `DISK_FULL` without room to write."""
    folder = Path(sys.argv[1])
    job = DecodeJob.model_validate_json((folder / JOB).read_bytes())
    _limit_self(job.limits)
    try:
        (folder / OUT).mkdir()
        (folder / RESULT).write_bytes(_decode(job, folder).model_dump_json().encode())
    except OSError as error:
        if error.errno == errno.ENOSPC:
            return DISK_FULL  # the parent answers 503 for it, not 422: the upload may be valid
        raise
    return 0


def _decode(job: DecodeJob, folder: Path) -> DecodeResult:
    try:
        return decode(job, folder)
    except MemoryError:  # RLIMIT_AS makes allocations fail instead of killing the process
        detail = (
            "Decoding the upload takes more memory than is allowed. Send fewer or smaller images."
        )
        return DecodeResult(flaws=(Flaw(detail=detail),))


if __name__ == "__main__":
    sys.exit(main())
