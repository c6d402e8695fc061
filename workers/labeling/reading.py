"""Reads the images of an uploaded archive in limited child processes: names first, then the pixels of one shard.

The files are untrusted. An image that cannot be read is reported with its reason and costs no other image anything,
even if it ends the child.
"""

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog

from contracts.errors.jobs import InvalidImages
from contracts.errors.tree import Unavailable
from contracts.generators.training import ImageFit
from contracts.labelings import UnreadableImage
from state.settings import MiB, Settings
from workers.children.limited_child import DISK_FULL, OUTPUT, Limits, TooSlow, run_limited
from workers.codecs.images import Pixels
from workers.labeling.originals import Box
from workers.labeling.reading_tasks import (
    PIXELS,
    RESULTS,
    TASK,
    ImageResult,
    ReadTask,
    UnpackResult,
    UnpackTask,
)

log = structlog.get_logger()

CHILD = "workers.labeling.reading_child"

UNPACK_CPU_SECONDS = 120
UNPACK_CPU_SECONDS_PER_100_MIB = 10
# A photograph of 12 megapixels takes 0.1 to 0.2 s.
CPU_SECONDS_PER_IMAGE = 30
BASE_CPU_SECONDS = 60

OnWait = Callable[[], object]
"""Called about once a second while a child works; if it raises, the child ends."""


@dataclass(frozen=True)
class Original:
    """A readable image: its position in the archive, its name, and the part that is labelled. `size` is (w, h)."""

    index: int
    name: str
    size: tuple[int, int]
    box: Box


@dataclass(frozen=True)
class ReadImages:
    """Images uint8 [h, w, 3] with their originals, in order, and those that cannot be read."""

    pixels: Sequence[Pixels]
    originals: tuple[Original, ...]
    unreadable: tuple[UnreadableImage, ...]


def unpack_images(archive: Path, settings: Settings, on_wait: OnWait) -> UnpackResult:
    """Unpack an archive beside it, delete it, and return the names of its images, sorted.

    Raises:
        InvalidImages: the archive is damaged, has no image, or exceeds a limit.
        Unavailable: the machine has too little disk or memory; the archive may be valid.
    """
    folder = archive.parent
    cpu_seconds = UNPACK_CPU_SECONDS + (
        UNPACK_CPU_SECONDS_PER_100_MIB * archive.stat().st_size // (100 * MiB)
    )
    task = UnpackTask(
        folder=str(folder.absolute()),
        archive=str(archive.absolute()),
        max_images=settings.max_labeling_images,
        memory_bytes=settings.decode_memory_bytes,
        cpu_seconds=cpu_seconds,
        file_bytes=settings.max_labeling_bytes,
    )
    status = _run(task, folder, on_wait)
    if status is None or status != 0:
        raise InvalidImages(
            f"The archive cannot be read: unpacking ended with status {status} after at most {cpu_seconds} s. Send"
            " fewer images, and report it with the worker's log if it happens again."
        )
    result = UnpackResult.model_validate_json((folder / RESULTS).read_bytes())
    if result.refusal is not None:
        raise InvalidImages(f"The images cannot be used: {_without(folder, result.refusal)}.")
    archive.unlink()
    return result


def read_images(
    folder: Path,
    names: Sequence[str],
    *,
    first: int,
    px: tuple[int, int],
    aspect: ImageFit,
    settings: Settings,
    on_wait: OnWait,
) -> ReadImages:
    """Decode some of the unpacked images at `px`. `first` is the position of the first one in the archive.

    Raises `Unavailable` when the machine has too little disk or memory.
    """
    for stale in (PIXELS, RESULTS):
        (folder / stale).unlink(missing_ok=True)
    results: list[ImageResult] = []
    while len(results) < len(names):
        task = ReadTask(
            folder=str(folder.absolute()),
            names=tuple(names[len(results) :]),
            px=px,
            aspect=aspect,
            max_pixels=settings.max_image_pixels,
            memory_bytes=settings.decode_memory_bytes,
            cpu_seconds=BASE_CPU_SECONDS + CPU_SECONDS_PER_IMAGE * len(names),
            cpu_seconds_per_image=CPU_SECONDS_PER_IMAGE,
            file_bytes=len(names) * px[0] * px[1] * 3 + MiB,
        )
        status = _run(task, folder, on_wait)
        results = _results(folder)
        if len(results) < len(names):
            results.append(ImageResult(reason=_cause(status)))
            _resume_after(folder, results, num_image_bytes=px[0] * px[1] * 3)
    return _collect(folder, names, results, first=first, px=px)


def _resume_after(folder: Path, results: Sequence[ImageResult], *, num_image_bytes: int) -> None:
    """Keep the results and the whole images: the child may have ended while it wrote one."""
    (folder / RESULTS).write_text("".join(f"{one.model_dump_json()}\n" for one in results))
    with (folder / PIXELS).open("ab") as pixels:
        pixels.truncate(num_image_bytes * sum(one.reason is None for one in results))


def _collect(
    folder: Path,
    names: Sequence[str],
    results: Sequence[ImageResult],
    *,
    first: int,
    px: tuple[int, int],
) -> ReadImages:
    originals, unreadable = [], []
    for index, (name, result) in enumerate(zip(names, results, strict=True), start=first):
        if result.size is not None and result.box is not None:
            originals.append(Original(index, name, result.size, result.box))
        else:
            reason = result.reason or "unknown"
            unreadable.append(UnreadableImage(index=index, name=name, reason=reason))
    pixels: Sequence[Pixels] = ()
    if originals:
        shape = (len(originals), *px, 3)
        pixels = list(np.memmap(folder / PIXELS, dtype=np.uint8, mode="r", shape=shape))
    return ReadImages(pixels, tuple(originals), tuple(unreadable))


def _results(folder: Path) -> list[ImageResult]:
    """Return the results so far; the last line may be incomplete."""
    path = folder / RESULTS
    if not path.exists():
        return []
    complete, _, _ = path.read_text().rpartition("\n")
    return [ImageResult.model_validate_json(line) for line in complete.splitlines()]


def _run(task: UnpackTask | ReadTask, folder: Path, on_wait: OnWait) -> int | None:
    """Run the child and return its exit status, None if it was too slow. Raises `Unavailable`."""
    (folder / TASK).write_text(task.model_dump_json())
    limits = Limits(task.memory_bytes, task.cpu_seconds, 2.0 * task.cpu_seconds)
    try:
        status = run_limited([CHILD, str(folder / TASK)], folder, limits, on_wait)
    except TooSlow:
        return None
    if status == DISK_FULL:
        raise Unavailable("The worker's disk is too full to decode the images.")
    if status == -signal.SIGKILL:
        raise Unavailable(
            "The process that decodes the images was killed; check the worker's free memory."
        )
    if status != 0:
        output = (folder / OUTPUT).read_bytes()[-2_000:]
        log.error("reading child failed", status=status, output=output)
    return status


def _cause(status: int | None) -> str:
    """Return the reason of an image at which the child ended."""
    if status in (None, -signal.SIGXCPU):
        return f"decoding takes more than {CPU_SECONDS_PER_IMAGE} s; send a smaller image, or save it again"
    return f"the decoder ended with status {status} at this image; save it again"


def _without(folder: Path, message: str) -> str:
    """Return a message of the child without the path of its folder."""
    unpacked = f"{folder.absolute()}/unpacked"
    return message.replace(f"{unpacked}/", "").replace(unpacked, "the archive")
