"""Our own form: NAME.safetensors beside NAME.json, in a folder or a zip; or one safetensors with JSON in its head."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from models.stylegan2.config import DiscriminatorConfig, GeneratorConfig
from workers.checkpoints.checkpoint import Checkpoint, CheckpointRefused, NetworkWeights
from workers.checkpoints.drafts import Draft, Names, read_draft
from workers.checkpoints.foreign import TENSORS, refuse_named

FORMAT = "handsoff"

MAX_JSON_BYTES = 1_000_000
MAX_UNPACKING = 20
"""Times that a zip's members may be larger than the zip: weights hardly shrink, bombs do."""

CONFIGS: dict[str, type[GeneratorConfig | DiscriminatorConfig]] = {
    "generator": GeneratorConfig,
    "discriminator": DiscriminatorConfig,
}

SAME_NAMES: Names = ((r"(.+)", str),)

Member = Callable[[str], bytes | None]
"""A file's bytes by its name, None where there is none."""


def read_folder(folder: Path) -> Checkpoint:
    """A folder that `write_network` has written, or `convert`."""

    def member(name: str) -> bytes | None:
        path = folder / name
        return path.read_bytes() if path.is_file() else None

    return _read_pairs(member)


def read_zip(archive: ZipFile, zip_bytes: int) -> Checkpoint:
    """Such a folder as a zip; the files may lie in a folder of their own."""
    folder = _folder(archive)

    def member(name: str) -> bytes | None:
        if folder + name not in archive.namelist():
            return None
        if archive.getinfo(folder + name).file_size > MAX_UNPACKING * zip_bytes:
            raise CheckpointRefused(
                f"{name} would unpack to more than {MAX_UNPACKING} times the zip"
            )
        return archive.read(folder + name)

    return _read_pairs(member)


def holds_ours(archive: ZipFile) -> bool:
    """Whether a zip is one of ours."""
    return f"{_folder(archive)}generator.json" in archive.namelist()


def read_file(data: bytes) -> Checkpoint:
    """One safetensors file; its metadata holds the JSON of each network, whose tensors bear its name in front."""
    tensors = _tensors(data)
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    metadata = header.get("__metadata__", {})
    refuse_named(tensors, TENSORS)
    if "generator" not in metadata:
        raise CheckpointRefused(
            "it is a safetensors file without a 'generator' in its metadata, so nothing tells what network this is"
        )
    networks = {}
    for name in CONFIGS.keys() & metadata.keys():
        own = {
            key.removeprefix(f"{name}."): tensor
            for key, tensor in tensors.items()
            if key.startswith(f"{name}.")
        }
        networks[name] = _network(name, metadata[name].encode(), own, len(data))
    return _checkpoint(networks)


def _read_pairs(member: Member) -> Checkpoint:
    networks = {}
    for name in CONFIGS:
        described, data = member(f"{name}.json"), member(f"{name}.safetensors")
        if described is not None and data is not None:
            networks[name] = _network(name, described, _tensors(data), len(data))
    if "generator" not in networks:
        raise CheckpointRefused("it holds no generator.safetensors beside a generator.json")
    return _checkpoint(networks)


def _checkpoint(networks: Mapping[str, NetworkWeights]) -> Checkpoint:
    discriminator = networks.get("discriminator")
    return Checkpoint(
        format=FORMAT,
        generator=networks["generator"],
        discriminator=discriminator,
        missing=() if discriminator else ("discriminator",),
    )


def _network(
    name: str, described: bytes, tensors: Mapping[str, Tensor], num_bytes: int
) -> NetworkWeights:
    if len(described) > MAX_JSON_BYTES:
        raise CheckpointRefused(f"its {name}.json has {len(described)} bytes")
    try:
        config: Any = CONFIGS[name].from_dict(json.loads(described))
        draft = Draft(config=config, tensors=tensors, names=SAME_NAMES)
        # Half precision becomes float32: twice the bytes, and the header's worth of room.
        return read_draft(draft, 2 * num_bytes)
    except CheckpointRefused:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise CheckpointRefused(f"its {name}.json is none of ours ({str(error)[:200]})") from error


def _tensors(data: bytes) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise CheckpointRefused(f"its safetensors are damaged ({str(error)[:200]})") from error


def _folder(archive: ZipFile) -> str:
    """The folder inside of a zip that everything lies in, with its slash; empty without one."""
    found = [name for name in archive.namelist() if name.endswith("generator.json")]
    return found[0].removesuffix("generator.json") if found else ""
