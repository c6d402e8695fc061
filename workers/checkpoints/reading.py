"""Reads a StyleGAN2 checkpoint, of whatever published format, without executing anything in it."""

import errno
import mmap
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from workers.checkpoints import nvidia, ours, rosinality
from workers.checkpoints.checkpoint import SUPPORTED, Checkpoint, CheckpointRefused
from workers.checkpoints.drafts import Drafts, read_drafts
from workers.checkpoints.foreign import TENSORS, not_a_checkpoint, refuse_named
from workers.checkpoints.nvidia_modules import Module, module
from workers.checkpoints.torch_files import (
    LEGACY_HEAD,
    NAMES,
    pickle_folder,
    read_legacy,
    read_pickle,
    read_zip,
)

PICKLE_NAMES = {**NAMES, "torch_utils.persistence._reconstruct_persistent_obj": module}

ENCRYPTED = 1
"""The flag of a zip's member."""

MAX_GROWTH = 4
"""Times that our float32 networks may be larger than the file: twice for half precision, and room for small files."""


def read_checkpoint(path: Path) -> Checkpoint:
    """The networks in a file, or in one of our folders.

    Raises:
        CheckpointRefused: it holds no StyleGAN2 generator that we can read; the message is for the user.
        FileNotFoundError: there is nothing at `path`.
    """
    try:
        return ours.read_folder(path) if path.is_dir() else _read_file(path)
    except CheckpointRefused as refusal:
        raise CheckpointRefused(f"This checkpoint was refused: {refusal}. {SUPPORTED}") from refusal
    except MemoryError as error:
        raise CheckpointRefused("This checkpoint needs more memory than there is here.") from error


def _read_file(path: Path) -> Checkpoint:
    """Which reader a file is for, by its first bytes."""
    with path.open("rb") as file:
        head = file.read(32)
    num_bytes = path.stat().st_size
    if head.startswith(b"PK\x03\x04"):
        return _read_zip(path, num_bytes)
    if head.startswith(b"\x80"):
        return _convert(_read_stream(path, legacy=head.startswith(LEGACY_HEAD)), num_bytes)
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < num_bytes:
        return ours.read_file(path.read_bytes())
    raise not_a_checkpoint(head, num_bytes)


def _read_stream(path: Path, *, legacy: bool) -> object:
    """The value of a pickle file. A map never reads more than there is, whatever length the stream claims."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as stream:
        return (read_legacy if legacy else read_pickle)(stream, PICKLE_NAMES)


def _read_zip(path: Path, num_bytes: int) -> Checkpoint:
    with _zip_trouble(), zipfile.ZipFile(path) as archive:
        if any(member.flag_bits & ENCRYPTED for member in archive.infolist()):
            raise CheckpointRefused("its zip has a password")
        if pickle_folder(archive) is not None:
            return _convert(read_zip(archive, PICKLE_NAMES), num_bytes)
        if ours.holds_ours(archive):
            return ours.read_zip(archive, num_bytes)
    raise CheckpointRefused(
        "it is a zip with neither torch's data.pkl nor a generator.safetensors and generator.json in it; "
        "bring the checkpoint itself"
    )


# A RuntimeError is not among them: it may be torch's word for too little memory.
ZIP_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, struct.error),
    *(EOFError, NotImplementedError, ValueError),
)


@contextmanager
def _zip_trouble() -> Iterator[None]:
    """What `zipfile` raises over damaged and exotic archives, as a refusal."""
    try:
        yield
    except CheckpointRefused:
        raise
    except ZIP_ERRORS as error:
        raise CheckpointRefused(f"its zip cannot be read ({str(error)[:200]})") from error
    except OSError as error:
        # Of these only a seek to where no file can reach is the zip's fault.
        if error.errno != errno.EINVAL:
            raise
        raise CheckpointRefused("its zip points to places outside of itself") from error


def _convert(top: object, num_bytes: int) -> Checkpoint:
    """Our form of what a file holds at its top."""
    if isinstance(top, Module):  # torch.save(G)
        top = {"G_ema": top}
    if type(top) is not dict:
        raise CheckpointRefused(f"at its top is {type(top).__name__} and no networks")
    refuse_named(_names(top), TENSORS)
    drafts = _drafts_of(top)
    if drafts is None:
        raise CheckpointRefused(
            f"it has no generator (G_ema, g_ema): at its top are {', '.join(map(repr, _names(top)[:8]))}"
        )
    return read_drafts(drafts, MAX_GROWTH * num_bytes)


def _drafts_of(top: dict[Any, Any]) -> Drafts | None:
    if isinstance(top.get("G_ema", top.get("G")), Module):
        return nvidia.drafts_of(top)
    if "synthesis.b4.const" in top:  # torch.save(G.state_dict())
        return nvidia.drafts_of({"G_ema": top})
    return rosinality.drafts_of(top)


def _names(top: dict[Any, Any]) -> list[str]:
    """The keys at the top, and those of a state dictionary under it."""
    below = top.get("state_dict")
    return [str(name)[:80] for name in (*top, *(below if type(below) is dict else ()))]
