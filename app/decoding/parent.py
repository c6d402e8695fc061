"""The app's side of decoding: starts the child, waits for it within limits, and believes only what it can check."""

import logging
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from app.decoding.protocol import (
    JOB,
    OUT,
    RESULT,
    DecodedPng,
    DecodeJob,
    DecodeLimits,
    DecodeResult,
)
from contracts.digests import sha256_of
from contracts.errors import Flaw, InvalidUpload
from contracts.settings import Settings

_log = logging.getLogger(__name__)

_UNDECODABLE = "The upload could not be decoded within the limits of time and memory. Send fewer or smaller images."


def limits_of(settings: Settings) -> DecodeLimits:
    """The operator's limits, as the child needs them."""
    return DecodeLimits(
        memory_bytes=settings.decode_memory_bytes,
        cpu_seconds=int(settings.decode_cpu.total_seconds()),
        max_images=settings.max_labelset_images,
        max_image_pixels=settings.max_image_pixels,
        max_labelset_pixels=settings.max_labelset_pixels,
        max_archive_entries=settings.max_archive_entries,
        max_archive_bytes=settings.max_archive_bytes,
        max_archive_ratio=settings.max_archive_ratio,
    )


def run_child(job: DecodeJob, folder: Path, wall: timedelta) -> DecodeResult:
    """Decodes `job` in a child process that works in `folder`. Raises `InvalidUpload` with every flaw it found."""
    (folder / JOB).write_text(job.model_dump_json())
    try:
        ended = subprocess.run(  # noqa: S603 - our own module, no shell
            [sys.executable, "-m", "app.decoding.child", str(folder)],
            env={"PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(folder)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=wall.total_seconds(),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _undecodable() from error
    if ended.returncode != 0:
        _log.warning("decoding child ended with %d: %s", ended.returncode, ended.stderr[-2_000:])
        raise _undecodable()
    result = DecodeResult.model_validate_json((folder / RESULT).read_bytes())
    if result.flaws:
        raise InvalidUpload(result.flaws[0].detail, flaws=result.flaws)
    return result


def read_png(folder: Path, png: DecodedPng) -> bytes:
    """The bytes of a PNG that the child wrote, if they are what it said."""
    data = (folder / OUT / f"{png.sha256}.png").read_bytes()
    if sha256_of(data) != png.sha256:
        raise _undecodable()
    return data


def _undecodable() -> InvalidUpload:
    return InvalidUpload(_UNDECODABLE, flaws=[Flaw(detail=_UNDECODABLE)])
