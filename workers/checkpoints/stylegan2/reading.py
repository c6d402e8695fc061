"""Read a StyleGAN2 checkpoint in any published format, without executing anything in it."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from workers.checkpoints.checkpoint import Checkpoint, CheckpointRefused
from workers.checkpoints.files import safetensors_files
from workers.checkpoints.files.archives import Archive, open_archive
from workers.checkpoints.files.budget import Budget
from workers.checkpoints.files.damage import damage_refused
from workers.checkpoints.files.sources import Source, map_file
from workers.checkpoints.files.torch_files import (
    CONSTRUCTORS,
    LEGACY_HEAD,
    pickle_folder,
    read_legacy,
    read_pickle,
    read_zip,
)
from workers.checkpoints.foreign import TENSORS, refusal_of_file, refusal_of_zip, refuse_foreign
from workers.checkpoints.stylegan2 import handsoff, nvidia, rosinality
from workers.checkpoints.stylegan2.candidates import Candidate, find_candidates
from workers.checkpoints.stylegan2.drafts import Draft, Drafts, read_drafts
from workers.checkpoints.stylegan2.nvidia_modules import Module, make_module

PICKLE_CONSTRUCTORS = {
    **CONSTRUCTORS,
    "torch_utils.persistence._reconstruct_persistent_obj": make_module,
}

MAX_GROWTH = 4
"""How many times larger the float32 networks may be than the file: 2 for half precision, the rest for small files."""


def read_checkpoint(path: Path) -> Checkpoint:
    """Read the networks in a file, or in a folder in HandsOff's format.

    Raises:
        CheckpointRefused: it holds no StyleGAN2 generator that HandsOff can read; the message is for the user.
        MemoryError: reading it takes more memory than the process may have.
        OSError: the file cannot be read from the disk.
    """
    try:
        return handsoff.read_folder(path) if path.is_dir() else _read_file(path)
    except CheckpointRefused as refusal:
        raise type(refusal)(refusal.message()) from refusal


def _read_file(path: Path) -> Checkpoint:
    """Read a file with the reader that its first bytes select."""
    with path.open("rb") as file:
        head = file.read(512)
    num_bytes = path.stat().st_size
    if head.startswith(b"PK\x03\x04"):
        with damage_refused("zip"), open_archive(path) as archive:
            return _read_zip(archive, num_bytes)
    if head.startswith(b"\x80"):
        with damage_refused("PyTorch pickle"):
            read = read_legacy if head.startswith(LEGACY_HEAD) else read_pickle
            budget = Budget.for_file(num_bytes)
            return _convert(read(Source(map_file(path)), PICKLE_CONSTRUCTORS, budget), num_bytes)
    if safetensors_files.is_safetensors(head, num_bytes):
        with damage_refused("safetensors file"):
            return _read_safetensors(path, num_bytes)
    raise refusal_of_file(head, num_bytes)


def _read_zip(archive: Archive, num_bytes: int) -> Checkpoint:
    if pickle_folder(archive.members) is not None:
        return _convert(
            read_zip(archive, PICKLE_CONSTRUCTORS, Budget.for_file(num_bytes)), num_bytes
        )
    if handsoff.is_our_zip(archive):
        return handsoff.read_zip(archive)
    raise refusal_of_zip(archive.members)


def _read_safetensors(path: Path, num_bytes: int) -> Checkpoint:
    """Read HandsOff's format if the header has its JSON; otherwise the tensors of another format in safetensors."""
    data = path.read_bytes()
    metadata, tensors = safetensors_files.read(data)
    if "generator" in metadata:
        return handsoff.read_file(metadata, tensors, num_bytes)
    refuse_foreign(tensors, TENSORS)
    stored = {name: safetensors_files.as_stored(t) for name, t in tensors.items()}
    return _convert(stored, num_bytes)


def _convert(top: object, num_bytes: int) -> Checkpoint:
    """Convert the top-level value of a file to HandsOff's format."""
    return read_drafts(find_drafts(top), MAX_GROWTH * num_bytes)


def find_drafts(top: object) -> Drafts:
    """Find the networks in the top-level value of a file. Their numbers are not read yet.

    Raises:
        CheckpointRefused: there is no generator in a supported format, or several match.
    """
    if isinstance(top, Module):  # torch.save(G)
        top = {"G_ema": top}
    if type(top) is not dict:
        raise CheckpointRefused("expected a dictionary at its top level, got another object")
    refuse_foreign(_names(top), TENSORS)
    candidates = find_candidates(top)
    if not candidates.generators and not candidates.by_key:
        names = ", ".join(map(repr, _names(top)[:5])) or "no names"
        raise CheckpointRefused(
            f"expected a generator (G_ema, g_ema) at its top level, got {names}"
        )
    return _drafts(candidates.generator(), candidates.discriminator())


def _drafts(generator: Candidate, discriminator: Candidate | None) -> Drafts:
    warnings: tuple[str, ...] = ()
    if generator.is_in_training:
        name = ".".join(generator.path)[:80]
        warning = f"The file has no averaged generator (G_ema, g_ema): the one in training ({name}) was used."
        warnings = (warning,)
    draft = _discriminator_draft(discriminator) if discriminator else None
    if not isinstance(generator.network, Module) and not _is_nvidia(generator.network):
        return rosinality.draft_networks(generator.network, generator.mean_w, draft, warnings)
    return nvidia.draft_networks(generator.network, draft, warnings)


def _discriminator_draft(candidate: Candidate) -> Callable[[tuple[int, int]], Draft]:
    if isinstance(candidate.network, Module) or "b4.fc.weight" in candidate.network:
        return partial(nvidia.draft_discriminator, candidate.network)
    return partial(rosinality.draft_discriminator, candidate.network)


def _is_nvidia(state: Mapping[str, object]) -> bool:
    return any(name.startswith(("synthesis.", "mapping.")) for name in state)


def _names(top: dict[Any, Any]) -> list[str]:
    """Return the keys at the top level, and those of a `state_dict` there."""
    below = top.get("state_dict")
    return [str(name)[:60] for name in (*top, *(below if type(below) is dict else ()))]
