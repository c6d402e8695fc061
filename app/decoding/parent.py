"""The app's side of decoding: starts the child, waits for it within limits, and verifies its output."""

import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import structlog

from app.decoding.protocol import (
    DISK_FULL,
    JOB,
    OUT,
    READING,
    RESULT,
    TASKS,
    DecodedFile,
    DecodeJob,
    DecodeLimits,
    DecodeResult,
)
from contracts.digests import sha256_of
from contracts.errors.tree import Flaw, InvalidUpload, Unavailable
from state.settings import Settings

log = structlog.get_logger()

_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""Each NumPy thread takes memory from the child's limit, and the child needs only one."""
_TOO_LONG = "Decoding took longer than is allowed. Send fewer or smaller files."
_UNREADABLE = "The file cannot be read: it crashed the decoder. Save it again, or remove it."
_TIME_SIGNALS = {signal.SIGXCPU, signal.SIGKILL}
"""The kernel's signals at the limits of CPU time: soft, then hard."""


def limits_of(settings: Settings) -> DecodeLimits:
    """Return the child's limits from the settings."""
    return DecodeLimits(
        memory_bytes=settings.decode_memory_bytes,
        cpu_seconds=int(settings.decode_cpu.total_seconds()),
        max_images=settings.max_labelset_images,
        max_image_pixels=settings.max_image_pixels,
        max_labelset_pixels=settings.max_labelset_pixels,
        max_archive_entries=settings.max_archive_entries,
        max_archive_bytes=settings.max_archive_bytes,
        max_archive_ratio=settings.max_archive_ratio,
        max_json_bytes=settings.max_json_bytes,
        max_coco_bytes=settings.max_coco_bytes,
        max_coco_annotations=settings.max_coco_annotations,
        max_coco_vertices=settings.max_coco_vertices,
        max_coco_drawn_pixels=settings.max_coco_drawn_pixels,
    )


class Decoder:
    """Runs decoding children, a few at a time, because each may use its full memory limit.

    `tasks` names the tuple of tasks that the children read.
    """

    def __init__(self, settings: Settings, tasks: str = TASKS) -> None:
        self.tasks = tasks
        self._wall = settings.decode_wall
        self._free = threading.BoundedSemaphore(settings.max_decoders)

    def run(self, job: DecodeJob, folder: Path) -> DecodeResult:
        """Decode `job` in a child process that works in `folder`.

        Raises `InvalidUpload` with all flaws, or `Unavailable` if all children are busy or the disk is full. It does
        not wait for a free child, because that would block a thread that other requests need.
        """
        if not self._free.acquire(blocking=False):
            raise Unavailable("Too many uploads are being decoded. Retry in a few seconds.")
        try:
            return _run_child(job, folder, self._wall)
        finally:
            self._free.release()


def _run_child(job: DecodeJob, folder: Path, wall: timedelta) -> DecodeResult:
    (folder / JOB).write_bytes(job.model_dump_json().encode())
    try:
        child = subprocess.run(  # noqa: S603 - our own module, no shell
            [sys.executable, "-m", "app.decoding.child", str(folder)],
            # No other variable: credentials of the store must not reach the child.
            env={"PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(folder), **_ONE_THREAD},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=wall.total_seconds(),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _undecodable(folder, _TOO_LONG) from error
    if child.returncode == DISK_FULL:
        log.error("disk full while decoding an upload", folder=str(folder))
        raise Unavailable("The server's disk is full. Retry in a few minutes.")
    # A negative status is the signal that killed the child.
    if child.returncode != 0:
        log.warning("decoding child died", status=child.returncode, stderr=child.stderr[-2_000:])
        is_late = -child.returncode in _TIME_SIGNALS
        raise _undecodable(folder, _TOO_LONG if is_late else _UNREADABLE)
    result = DecodeResult.model_validate_json((folder / RESULT).read_bytes())
    if result.flaws:
        raise InvalidUpload(result.flaws[0].detail, flaws=result.flaws)
    return result


def read_decoded(folder: Path, file: DecodedFile) -> bytes:
    """Return the bytes of a file that the child wrote. Raises `InvalidUpload` if they do not match their digest."""
    data = (folder / OUT / file.file_name).read_bytes()
    # A compromised child could write a result that does not match its files.
    if sha256_of(data) != file.sha256:
        raise _undecodable(folder, _UNREADABLE)
    return data


def _undecodable(folder: Path, detail: str) -> InvalidUpload:
    """Return an error that names the file that the child was reading, if any."""
    note = folder / READING
    file = note.read_text(encoding="utf-8")[:200] if note.exists() else None
    return InvalidUpload(detail, flaws=[Flaw(file=file, detail=detail)])
