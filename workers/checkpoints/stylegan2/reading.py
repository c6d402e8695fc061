"""Reads a StyleGAN2 checkpoint of any published format, without executing anything in it."""

import errno
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from workers.checkpoints.checkpoint import Checkpoint, CheckpointRefused
from workers.checkpoints.files import safetensors_files
from workers.checkpoints.files.archives import Archive, open_archive
from workers.checkpoints.files.budget import Budget
from workers.checkpoints.files.sources import Source, mapped
from workers.checkpoints.files.torch_files import (
    LEGACY_HEAD,
    NAMES,
    pickle_folder,
    read_legacy,
    read_pickle,
    read_zip,
)
from workers.checkpoints.foreign import TENSORS, not_a_checkpoint, not_our_zip, refuse_named
from workers.checkpoints.stylegan2 import nvidia, ours, rosinality
from workers.checkpoints.stylegan2.candidates import Candidate, candidates_in
from workers.checkpoints.stylegan2.drafts import Draft, Drafts, read_drafts
from workers.checkpoints.stylegan2.nvidia_modules import Module, module

PICKLE_NAMES = {**NAMES, "torch_utils.persistence._reconstruct_persistent_obj": module}

MAX_GROWTH = 4
"""Times that our float32 networks may be larger than the file: twice for half precision, and room for small files."""


def read_checkpoint(path: Path) -> Checkpoint:
    """Read the networks in a file, or in one of our folders.

    Raises:
        CheckpointRefused: it holds no StyleGAN2 generator that we can read; the message is for the user.
        MemoryError: reading it takes more memory than the process may have.
        OSError: the file cannot be read from the disk.
    """
    try:
        return ours.read_folder(path) if path.is_dir() else _read_file(path)
    except CheckpointRefused as refusal:
        raise CheckpointRefused(refusal.message()) from refusal


def _read_file(path: Path) -> Checkpoint:
    """Choose the reader by the first bytes of the file."""
    with path.open("rb") as file:
        head = file.read(512)
    num_bytes = path.stat().st_size
    if head.startswith(b"PK\x03\x04"):
        with _readable("zip"), open_archive(path) as archive:
            return _read_zip(archive, num_bytes)
    if head.startswith(b"\x80"):
        with _readable("PyTorch pickle"):
            read = read_legacy if head.startswith(LEGACY_HEAD) else read_pickle
            budget = Budget.for_file(num_bytes)
            return _convert(read(Source(mapped(path)), PICKLE_NAMES, budget), num_bytes)
    if safetensors_files.is_one(head, num_bytes):
        with _readable("safetensors file"):
            return _read_safetensors(path, num_bytes)
    raise not_a_checkpoint(head, num_bytes)


def _read_zip(archive: Archive, num_bytes: int) -> Checkpoint:
    if pickle_folder(archive.members) is not None:
        return _convert(read_zip(archive, PICKLE_NAMES, Budget.for_file(num_bytes)), num_bytes)
    if ours.holds_ours(archive):
        return ours.read_zip(archive)
    raise not_our_zip(archive.members)


def _read_safetensors(path: Path, num_bytes: int) -> Checkpoint:
    """Read our own form, by the JSON in its header; or another format's tensors that were saved as safetensors."""
    data = path.read_bytes()
    metadata, tensors = safetensors_files.read(data)
    if "generator" in metadata:
        return ours.read_file(metadata, tensors, num_bytes)
    refuse_named(tensors, TENSORS)
    return _convert({name: safetensors_files.stored(t) for name, t in tensors.items()}, num_bytes)


# The errors of libraries on damaged and exotic files. A RuntimeError is not one: torch also raises it for no memory.
DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error),
    *(EOFError, NotImplementedError, ValueError, TypeError, LookupError),
    *(AttributeError, ArithmeticError, RecursionError),
)


@contextmanager
def _readable(kind: str) -> Iterator[None]:
    """Turn a library's error on one file into a refusal that says what the file was read as."""
    try:
        yield
    except CheckpointRefused:
        raise
    except DAMAGE as error:
        raise CheckpointRefused(
            f"it is not readable as {kind}: {str(error)[:120] or 'it is damaged'}",
            "Download or save the file again.",
        ) from error
    except OSError as error:
        # Of these only a seek beyond any possible file is caused by the file.
        if error.errno != errno.EINVAL:
            raise
        raise CheckpointRefused(
            f"it is not readable as {kind}: it points outside itself"
        ) from error


def _convert(top: object, num_bytes: int) -> Checkpoint:
    """Convert the object at the top of a file into our form."""
    return read_drafts(drafts_of(top), MAX_GROWTH * num_bytes)


def drafts_of(top: object) -> Drafts:
    """Return the networks in the object at the top of a file, their numbers not yet read.

    Raises:
        CheckpointRefused: there is no generator of a known format, or it is unclear which one is meant.
    """
    if isinstance(top, Module):  # torch.save(G)
        top = {"G_ema": top}
    if type(top) is not dict:
        raise CheckpointRefused("it holds no networks: expected a dictionary at its top")
    refuse_named(_names(top), TENSORS)
    found = candidates_in(top)
    if not found.generators and not found.by_key:
        names = ", ".join(map(repr, _names(top)[:5])) or "no names"
        raise CheckpointRefused(f"it has no generator (G_ema, g_ema): at its top are {names}")
    return _drafts(found.generator(), found.discriminator())


def _drafts(generator: Candidate, discriminator: Candidate | None) -> Drafts:
    warnings: tuple[str, ...] = ()
    if generator.is_trained:
        name = ".".join(generator.path)[:80]
        warning = f"The file has no averaged generator (G_ema, g_ema): the one in training ({name}) was taken."
        warnings = (warning,)
    draft = _discriminator_draft(discriminator) if discriminator else None
    if not isinstance(generator.network, Module) and not _is_nvidia(generator.network):
        return rosinality.drafts_of(generator.network, generator.mean_w, draft, warnings)
    return nvidia.drafts_of(generator.network, draft, warnings)


def _discriminator_draft(found: Candidate) -> Callable[[tuple[int, int]], Draft]:
    if isinstance(found.network, Module) or "b4.fc.weight" in found.network:
        return partial(nvidia.draft_discriminator, found.network)
    return partial(rosinality.draft_discriminator, found.network)


def _is_nvidia(state: Mapping[str, object]) -> bool:
    return any(name.startswith(("synthesis.", "mapping.")) for name in state)


def _names(top: dict[Any, Any]) -> list[str]:
    """Return the keys at the top, and those of a state dictionary under it."""
    below = top.get("state_dict")
    return [str(name)[:60] for name in (*top, *(below if type(below) is dict else ()))]
