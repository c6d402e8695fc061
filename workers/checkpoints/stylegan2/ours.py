"""Our own form: NAME.safetensors beside NAME.json, in a folder or a zip; or one safetensors with JSON in its head."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from models.generators.stylegan2.config import DiscriminatorConfig, GeneratorConfig
from workers.checkpoints.checkpoint import Checkpoint, CheckpointRefused, NetworkWeights
from workers.checkpoints.files import safetensors_files
from workers.checkpoints.files.archives import Archive
from workers.checkpoints.stylegan2.drafts import Draft, Names, read_draft
from workers.checkpoints.wrapped_names import (
    AVERAGED,
    DISCRIMINATOR,
    GENERATOR,
    NEUTRAL,
    bare_name,
    words_of,
)

FORMAT = "handsoff"

MAX_JSON_BYTES = 1_000_000
MAX_UNPACKING = 4
"""Times that weights may be larger than their zip: they shrink by a tenth, rounded ones by half."""

SMALL_ZIP_BYTES = 2**20

MARKS = {"generator": "blocks.0.const", "discriminator": "from_rgb.weight"}
"""A tensor that each network has: what is before it is a prefix."""

CONFIGS: dict[str, type[GeneratorConfig | DiscriminatorConfig]] = {
    "generator": GeneratorConfig,
    "discriminator": DiscriminatorConfig,
}

SAME_NAMES: Names = ((r"(.+)", str),)

Member = Callable[[str, int | None], bytes | None]
"""A file's bytes by its name and a limit of bytes, None where there is none."""


def read_folder(folder: Path) -> Checkpoint:
    """A folder that `write_network` has written, or `convert`."""

    def member(name: str, max_bytes: int | None) -> bytes | None:
        path = folder / name
        if not path.is_file():
            return None
        if max_bytes is not None and path.stat().st_size > max_bytes:
            raise CheckpointRefused(f"{name} has more than {max_bytes} bytes")
        return path.read_bytes()

    return _read_pairs(member)


def read_zip(archive: Archive) -> Checkpoint:
    """Such a folder as a zip; the files may lie in a folder of their own."""
    folder = _folder(archive.members)
    most = MAX_UNPACKING * archive.zip_bytes + SMALL_ZIP_BYTES

    def member(name: str, max_bytes: int | None) -> bytes | None:
        if folder + name not in archive.members:
            return None
        return archive.read(folder + name, most if max_bytes is None else max_bytes)

    return _read_pairs(member)


def holds_ours(archive: Archive) -> bool:
    """Whether a zip is one of ours."""
    return f"{_folder(archive.members)}generator.json" in archive.members


def read_file(
    metadata: Mapping[str, str], tensors: Mapping[str, Tensor], num_bytes: int
) -> Checkpoint:
    """One safetensors file; its metadata holds the JSON of each network, whose tensors bear its name in front."""
    networks = {}
    plain = _without_wrappers(tensors)
    for name in CONFIGS.keys() & metadata.keys():
        own = {
            key.removeprefix(f"{name}."): tensor
            for key, tensor in plain.items()
            if key.startswith(f"{name}.")
        }
        networks[name] = _network(name, metadata[name].encode(), own, num_bytes)
    return _checkpoint(networks)


def _read_pairs(member: Member) -> Checkpoint:
    networks = {}
    for name in CONFIGS:
        described, data = (
            member(f"{name}.json", MAX_JSON_BYTES),
            member(f"{name}.safetensors", None),
        )
        if described is not None and data is not None:
            _, tensors = safetensors_files.read(data)
            networks[name] = _network(name, described, _without_wrappers(tensors), len(data))
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
        own = _without_prefix(name, tensors)
        draft = Draft(config=config, tensors=own, names=SAME_NAMES)
        # Half precision becomes float32: twice the bytes, and the header's worth of room.
        return read_draft(draft, 2 * num_bytes)
    except CheckpointRefused:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise CheckpointRefused(
            f"its {name}.json is not readable as the configuration of a {name} ({_sentence(error)})",
            "Write it with `python -m workers.checkpoints convert`.",
        ) from error


def _without_wrappers(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors, what DataParallel and torch.compile add taken out of their names."""
    bare = {bare_name(name): tensor for name, tensor in tensors.items()}
    if len(bare) < len(tensors):
        raise CheckpointRefused(
            "it holds tensors twice, with and without a wrapper such as 'module.'"
        )
    return bare


def _without_prefix(name: str, tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The tensors, a prefix such as `g_ema.` taken off all of them."""
    mark = MARKS[name]
    prefixes = [key.removesuffix(mark) for key in tensors if key.endswith(f".{mark}")]
    if mark in tensors or not prefixes:
        return tensors
    known = AVERAGED | GENERATOR | DISCRIMINATOR | NEUTRAL
    if len(prefixes) > 1 or not words_of(prefixes[0].split(".")) <= known:
        raise CheckpointRefused(
            f"its {name}'s tensors begin with {prefixes[0][:40]!r}; expected no prefix, or one such as g_ema, module",
            "Save the network's own state_dict().",
        )
    return {
        key.removeprefix(prefixes[0]): tensor
        for key, tensor in tensors.items()
        if key.startswith(prefixes[0])
    }


def _sentence(error: Exception) -> str:
    """What a person can use of an error about JSON or a configuration: no names of Python's."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} in line {error.lineno}"
    return "fields are missing, unknown or of the wrong kind"


def _folder(names: Iterable[str]) -> str:
    """The folder inside of a zip that everything lies in, with its slash; empty without one."""
    found = [name for name in names if name.endswith("generator.json")]
    return found[0].removesuffix("generator.json") if found else ""
