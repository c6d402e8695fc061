"""The decoding child: `python -m app.decoding.child FOLDER`. Reads `job.json`, limits itself, writes `result.json`.

A fresh interpreter each time, without torch, settings or secrets: what an upload can break, it breaks here.
"""

import errno
import hashlib
import resource
import sys
import warnings
from pathlib import Path

from PIL import Image
from pydantic import ValidationError

from app.decoding.archive import check_name, unpack
from app.decoding.images import count_classes, encode_png, read_image, read_mask
from app.decoding.pairs import SCHEMA, Sorted, check_pairs, sort_files
from app.decoding.protocol import (
    DISK_FULL,
    JOB,
    OUT,
    RESULT,
    DecodedEntry,
    DecodedPng,
    DecodeJob,
    DecodeLimits,
    DecodeResult,
    UploadSchema,
)
from app.decoding.refusal import Refused
from app.flaws import in_words
from contracts.errors import Flaw
from contracts.labelsets import LabelSchema

_MAX_FLAWS = 20


def decode(job: DecodeJob, folder: Path) -> DecodeResult:
    """Everything that the job names, as PNGs below `folder`, or every flaw found (the first 20)."""
    try:
        found = sort_files(_files(job, folder))
        upload = _read_schema(job, found)
    except Refused as refused:
        return DecodeResult(flaws=(refused.flaw,))
    flaws = check_pairs(found, job.limits.max_images)
    entries: list[DecodedEntry] = []
    num_pixels = 0
    for stem in sorted(found.images.keys() & found.masks.keys()):
        if len(flaws) >= _MAX_FLAWS:
            break
        try:
            entry = _decode_pair(stem, found, upload.labels, job.limits, folder / OUT)
            num_pixels += entry.height_px * entry.width_px
            _check_total(num_pixels, job.limits)
            entries.append(entry)
        except Refused as refused:
            flaws.append(refused.flaw)
    if flaws:
        return DecodeResult(flaws=tuple(flaws[:_MAX_FLAWS]))
    return DecodeResult(upload=upload, entries=tuple(entries))


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


def _read_schema(job: DecodeJob, found: Sorted) -> UploadSchema:
    text = _schema_text(job, found)
    if text is None:
        detail = (
            'The schema is missing. Add labelset.json, or the form field "schema", such as'
            ' {"name": "faces", "classes": ["background", "skin"], "ignore_index": 255}.'
        )
        raise Refused(SCHEMA, detail)
    try:
        return UploadSchema.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise Refused(SCHEMA, f"{where}: {in_words(first)} Correct the schema.") from error


def _schema_text(job: DecodeJob, found: Sorted) -> str | None:
    if job.schema_text is not None or found.schema is None:
        return job.schema_text
    try:
        return found.schema.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(SCHEMA, f"This is not UTF-8 text ({error}). Save it as UTF-8.") from error


def _decode_pair(
    stem: str, found: Sorted, labels: LabelSchema, limits: DecodeLimits, out: Path
) -> DecodedEntry:
    source, target = found.images[stem], found.masks[stem]
    image = read_image(source.path, source.name, limits.max_image_pixels)
    mask = read_mask(target.path, target.name, limits.max_image_pixels)
    if mask.size != image.size:
        detail = (
            f"The mask is {mask.width} x {mask.height}, its image {source.name} (upright)"
            f" {image.width} x {image.height}. Make them the same size, the mask by nearest neighbour."
        )
        raise Refused(target.name, detail)
    class_pixels, ignored_pixels = count_classes(mask, target.name, labels)
    return DecodedEntry(
        name=stem,
        image=_save(encode_png(image), out),
        mask=_save(encode_png(mask), out),
        height_px=image.height,
        width_px=image.width,
        class_pixels=class_pixels,
        ignored_pixels=ignored_pixels,
    )


def _check_total(num_pixels: int, limits: DecodeLimits) -> None:
    if num_pixels > limits.max_labelset_pixels:
        detail = (
            f"The images have more than {limits.max_labelset_pixels} pixels together."
            " Scale them down or send fewer."
        )
        raise Refused(None, detail)


def _save(data: bytes, out: Path) -> DecodedPng:
    sha256 = hashlib.sha256(data).hexdigest()
    (out / f"{sha256}.png").write_bytes(data)
    return DecodedPng(sha256=sha256, num_bytes=len(data))


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
