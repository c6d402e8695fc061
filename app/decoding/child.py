"""The decoding child: `python -m app.decoding.child FOLDER`. Reads `job.json`, limits itself, writes `result.json`.

A fresh interpreter each time, without torch, settings or secrets: what an upload can break, it breaks here.
"""

import errno
import resource
import sys
import warnings
from pathlib import Path

from PIL import Image

from app.decoding.archives.archive import unpack
from app.decoding.archives.names import check_name, composed
from app.decoding.classes import checked_classes
from app.decoding.coco.files import read_coco
from app.decoding.coco.labels import CocoLabels
from app.decoding.coco.regions import Budget
from app.decoding.entries import Entry, Source
from app.decoding.parts import check_images, check_parts, sort_files
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
from app.decoding.upload_schema import place_of_schema, read_schema
from contracts.errors.tree import Flaw

_MAX_FLAWS = 20


def decode(job: DecodeJob, folder: Path) -> DecodeResult:
    """Everything that the job names, as files below `folder`, or every flaw found (the first 20)."""
    try:
        source, flaws = _prepare(job, folder)
        entries = _decode_entries(source, flaws, folder) if source else ()
        if source is None or flaws:
            return DecodeResult(flaws=tuple(flaws[:_MAX_FLAWS]))
        decoded = checked_classes(source, entries)
    except Refused as refused:
        return DecodeResult(flaws=(refused.flaw,))
    return DecodeResult(upload=source.upload, entries=decoded, warnings=source.notices.warnings)


def _prepare(job: DecodeJob, folder: Path) -> tuple[Source | None, list[Flaw]]:
    """The sorted files and what they mean; or what is wrong with them as a whole."""
    notices = Notices()
    files = sort_files(_files(job, folder), notices)
    flaws = check_images(files, job.limits.max_images)
    if flaws:
        return None, flaws
    coco = None
    if files.coco:
        _tell(folder, files.coco.name)
        with reading(files.coco.name, "COCO JSON"):
            coco = read_coco(files.coco, job.limits)
    upload = read_schema(job, files, coco, notices)
    labels = None
    if files.coco and coco:
        budget = Budget(job.limits.max_coco_drawn_pixels)
        labels = CocoLabels(coco, files.coco.name, upload.labels, budget, notices)
    source = Source(files, labels, upload, limits=job.limits, out=folder / OUT, notices=notices)
    place = place_of_schema(job, files)
    return source, check_parts(files, upload.labels, source.annotated, place)


def _decode_entries(source: Source, flaws: list[Flaw], folder: Path) -> tuple[Entry, ...]:
    """Every image with its labels; what is wrong with one is added to `flaws`."""
    entries: list[Entry] = []
    num_pixels = 0
    for stem in sorted(source.files.images):
        if len(flaws) >= _MAX_FLAWS:
            break
        _tell(folder, source.files.images[stem].name)
        try:
            entry = source.decode(stem)
            num_pixels += entry.decoded.height_px * entry.decoded.width_px
            _check_total(num_pixels, source.limits)
            entries.append(entry)
        except Refused as refused:
            flaws.append(refused.flaw)
    return tuple(entries)


def _tell(folder: Path, name: str) -> None:
    """Note which file is being read, for the case that this process is ended while it reads."""
    (folder / READING).write_text(name, encoding="utf-8", errors="backslashreplace")


def _files(job: DecodeJob, folder: Path) -> dict[str, Path]:
    """The upload's files by name."""
    if job.archive is not None:
        return unpack(job.archive, folder / "unpacked", job.limits)
    files: dict[str, Path] = {}
    for file in job.files:
        name = composed(file.name)
        check_name(name)
        if name in files:
            raise Refused(name, "This name was sent twice. Keep one of them.")
        files[name] = file.path
    return files


def _check_total(num_pixels: int, limits: DecodeLimits) -> None:
    if num_pixels > limits.max_labelset_pixels:
        detail = (
            f"The images have more than {limits.max_labelset_pixels} pixels together."
            " Scale them down or send fewer."
        )
        raise Refused(None, detail)


def _limit_self(limits: DecodeLimits) -> None:
    """Bounds this process for good: neither it nor what it may be turned into can go further."""
    for what, most in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_seconds),
        (resource.RLIMIT_FSIZE, limits.max_archive_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    Image.MAX_IMAGE_PIXELS = limits.max_image_pixels
    warnings.simplefilter("ignore")  # of libraries; `images.py` looks at those that matter


def main() -> int:
    """Runs the one job of the folder named on the command line."""
    folder = Path(sys.argv[1])
    job = DecodeJob.model_validate_json((folder / JOB).read_bytes())
    _limit_self(job.limits)
    try:
        (folder / OUT).mkdir()
        (folder / RESULT).write_bytes(_decode(job, folder).model_dump_json().encode())
    except OSError as error:
        if error.errno == errno.ENOSPC:
            return DISK_FULL
        raise
    return 0


def _decode(job: DecodeJob, folder: Path) -> DecodeResult:
    try:
        return decode(job, folder)
    except MemoryError:
        detail = (
            "The upload takes more memory to decode than is allowed. Send fewer or smaller images."
        )
        return DecodeResult(flaws=(Flaw(detail=detail),))


if __name__ == "__main__":
    sys.exit(main())
