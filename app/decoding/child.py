"""The decoding child: `python -m app.decoding.child FOLDER`. Reads `job.json`, limits itself, writes `result.json`.

A fresh interpreter each time, without torch, settings or secrets: what an upload can break, it breaks here.
"""

import errno
import resource
import sys
import warnings
from pathlib import Path

from PIL import Image

from app.decoding.archive import check_name, unpack
from app.decoding.coco import read_coco
from app.decoding.entries import Source
from app.decoding.parts import check_images, check_parts, sort_files
from app.decoding.protocol import (
    DISK_FULL,
    JOB,
    OUT,
    RESULT,
    DecodedEntry,
    DecodeJob,
    DecodeLimits,
    DecodeResult,
)
from app.decoding.refusal import Refused
from app.decoding.upload_schema import read_schema
from contracts.errors import Flaw

_MAX_FLAWS = 20


def decode(job: DecodeJob, folder: Path) -> DecodeResult:
    """Everything that the job names, as files below `folder`, or every flaw found (the first 20)."""
    try:
        found = sort_files(_files(job, folder))
        coco = read_coco(found.coco, job.limits) if found.coco else None
        flaws = check_images(found, job.limits.max_images)
        if flaws:
            return DecodeResult(flaws=tuple(flaws))
        upload = read_schema(job, found, coco)
    except Refused as refused:
        return DecodeResult(flaws=(refused.flaw,))
    source = Source(found, coco, upload, limits=job.limits, out=folder / OUT)
    flaws = check_parts(found, upload.labels, source.annotated)
    entries = _decode_entries(source, flaws)
    if flaws:
        return DecodeResult(flaws=tuple(flaws[:_MAX_FLAWS]))
    return DecodeResult(upload=upload, entries=entries)


def _decode_entries(source: Source, flaws: list[Flaw]) -> tuple[DecodedEntry, ...]:
    """Every image with its labels; what is wrong with one is added to `flaws`."""
    entries: list[DecodedEntry] = []
    num_pixels = 0
    for stem in sorted(source.found.images):
        if len(flaws) >= _MAX_FLAWS:
            break
        try:
            entry = source.decode(stem)
            num_pixels += entry.height_px * entry.width_px
            _check_total(num_pixels, source.limits)
            entries.append(entry)
        except Refused as refused:
            flaws.append(refused.flaw)
    return tuple(entries)


def _files(job: DecodeJob, folder: Path) -> dict[str, Path]:
    """The upload's files by name."""
    if job.archive is not None:
        return unpack(job.archive, folder / "unpacked", job.limits)
    files: dict[str, Path] = {}
    for file in job.files:
        check_name(file.name)
        if file.name in files:
            raise Refused(file.name, "This name was sent twice. Keep one of them.")
        files[file.name] = file.path
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
    warnings.simplefilter("ignore")


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
        detail = "The upload needs more memory to decode than is allowed. Send smaller images."
        return DecodeResult(flaws=(Flaw(detail=detail),))


if __name__ == "__main__":
    sys.exit(main())
