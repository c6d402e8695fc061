"""Prepares the images of a training in a limited child process: an uploaded archive in, one array of pixels out."""

import signal
from collections.abc import Callable
from pathlib import Path

import structlog

from contracts.base import Model
from contracts.errors.jobs import InvalidImages
from contracts.errors.tree import Unavailable
from contracts.generators.training import ImageFit, TrainingOptions
from state.settings import MiB, Settings
from workers.runtime.limited_child import DISK_FULL, OUTPUT, Limits, TooSlow, run_limited

log = structlog.get_logger()

ARRAY = "images.npy"
RESULT = "result.json"
PROGRESS = "progress"

# Two passes over every image. A photograph of 12 megapixels takes 0.1 to 0.2 s and about 4 MiB.
BASE_CPU_SECONDS = 120
CPU_SECONDS_PER_MIB = 2


class PreparingTask(Model):
    """What the child does, within which limits."""

    archive: str
    folder: str
    px: tuple[int, ...]
    size_factor: int
    fit: ImageFit
    augment: bool | None
    max_images: int
    max_bytes: int
    max_pixels: int
    memory_bytes: int
    cpu_seconds: int


class Prepared(Model):
    """The child's report: the reason of a refusal, or the facts about the array."""

    refusal: str | None = None
    num_images: int = 0
    height_px: int = 0
    width_px: int = 0
    is_grey: bool = False
    facts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def prepare(
    archive: Path,
    options: TrainingOptions,
    settings: Settings,
    *,
    size_factor: int,
    on_progress: Callable[[str, int, int], object],
) -> Prepared:
    """Write `ARRAY` beside the archive and delete the archive. `on_progress` gets (stage, done, total).

    Raises:
        InvalidImages: the archive or an image is refused, or decoding exceeds a limit.
        Unavailable: the machine has too little disk or memory; the images may be valid.
    """
    folder = archive.parent
    cpu_seconds = BASE_CPU_SECONDS + CPU_SECONDS_PER_MIB * archive.stat().st_size // MiB
    limits = Limits(
        settings.decode_memory_bytes,
        min(cpu_seconds, int(settings.training_decode_cpu.total_seconds())),
        2 * settings.training_decode_cpu.total_seconds(),
    )
    task = PreparingTask(
        archive=str(archive.absolute()),
        folder=str(folder.absolute()),
        px=options.px if isinstance(options.px, tuple) else (options.px,),
        size_factor=size_factor,
        fit=options.fit,
        augment=options.augment,
        max_images=settings.max_training_images,
        max_bytes=settings.max_training_bytes,
        max_pixels=settings.max_image_pixels,
        memory_bytes=limits.memory_bytes,
        cpu_seconds=limits.cpu_seconds,
    )
    command = ["workers.training.images.preparing_child", task.model_dump_json()]
    try:
        status = run_limited(command, folder, limits, lambda: on_progress(*_progress(folder)))
    except TooSlow:
        raise InvalidImages(_too_slow(limits)) from None
    return _result(folder, status, limits)


def _progress(folder: Path) -> tuple[str, int, int]:
    """Return the child's progress."""
    try:
        stage, done, total = (folder / PROGRESS).read_text().split()
    except (FileNotFoundError, ValueError):  # not written yet, or being written
        return "checking", 0, 1
    return stage, int(done), int(total)


def _result(folder: Path, status: int, limits: Limits) -> Prepared:
    if status == DISK_FULL:
        raise Unavailable("The worker's disk is too full to prepare the images.")
    if status == -signal.SIGXCPU:
        raise InvalidImages(_too_slow(limits))
    if status != 0:
        output = (folder / OUTPUT).read_bytes()[-2_000:]
        log.error("preparing child failed", status=status, output=output)
    if status == -signal.SIGKILL:
        raise Unavailable(
            "The process that prepares the images was killed; check the worker's free memory."
        )
    if status != 0:
        raise InvalidImages(
            f"The images could not be prepared: the reader failed with status {status}. This is an error of the reader,"
            " not a limit. Report it with the worker's log."
        )
    prepared = Prepared.model_validate_json((folder / RESULT).read_bytes())
    if prepared.refusal is not None:
        raise InvalidImages(f"The images cannot be used: {prepared.refusal}.")
    return prepared


def _too_slow(limits: Limits) -> str:
    return (
        f"Decoding the images takes more than {limits.cpu_seconds} s of CPU time, the limit for an archive of this"
        " size. Send smaller or fewer images, or ask the operator for more time (HANDSOFF_TRAINING_DECODE_CPU)."
    )
