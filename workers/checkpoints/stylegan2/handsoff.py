"""Read HandsOff's format: NAME.safetensors and NAME.json in a folder or a zip, or one safetensors with the JSON."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from models.generators.stylegan2.config import DiscriminatorConfig, GeneratorConfig
from models.generators.stylegan2.inversion.encoder import EncoderConfig
from workers.checkpoints.checkpoint import Checkpoint, CheckpointRefused, NetworkWeights
from workers.checkpoints.files import safetensors_files
from workers.checkpoints.files.archives import Archive
from workers.checkpoints.files.json_objects import RepeatedField, read_json
from workers.checkpoints.stylegan2.drafts import Config, Draft, NameTable, read_draft
from workers.checkpoints.stylegan2.inverters import check_inverter
from workers.checkpoints.wrapped_names import (
    AVERAGED,
    DISCRIMINATOR,
    GENERATOR,
    NEUTRAL,
    without_wrappers,
    words_of_path,
)

FORMAT = "handsoff"

MAX_JSON_BYTES = 1_000_000
MAX_UNPACKING = 4
"""How many times larger weights may be than their zip. Deflate shrinks them by a tenth, rounded ones by half."""

SMALL_ZIP_BYTES = 2**20

MARKERS = {
    "generator": "blocks.0.const",
    "discriminator": "from_rgb.weight",
    "inverter": "w_deviation",
}
"""A tensor that every such network has. The text before it in a name is a prefix."""

CONFIGS: dict[str, type[Config]] = {
    "generator": GeneratorConfig,
    "discriminator": DiscriminatorConfig,
    "inverter": EncoderConfig,
}

SAME_NAMES: NameTable = ((r"(.+)", str),)

ReadMember = Callable[[str, int | None], bytes | None]
"""Read a file by its name and a limit of bytes; None if the file is missing."""


def read_folder(folder: Path) -> Checkpoint:
    """Read a folder that `write_network` or `convert` wrote."""

    def read_member(name: str, max_bytes: int | None) -> bytes | None:
        path = folder / name
        if not path.is_file():
            return None
        if max_bytes is not None and path.stat().st_size > max_bytes:
            raise CheckpointRefused(f"expected at most {max_bytes} bytes in {name}, got more")
        return path.read_bytes()

    return _read_pairs(read_member)


def read_zip(archive: Archive) -> Checkpoint:
    """Read such a folder as a zip. Its files may be in a folder inside the zip."""
    folders = _folders(archive.members)
    if len(folders) > 1:
        raise CheckpointRefused(
            f"expected one generator.json in its zip, got {len(folders)}", "Pack one generator."
        )
    [folder] = folders
    limit = MAX_UNPACKING * archive.zip_bytes + SMALL_ZIP_BYTES

    def read_member(name: str, max_bytes: int | None) -> bytes | None:
        if folder + name not in archive.members:
            return None
        return archive.read(folder + name, limit if max_bytes is None else max_bytes)

    return _read_pairs(read_member)


def is_our_zip(archive: Archive) -> bool:
    """Return whether a zip is in HandsOff's format."""
    return bool(_folders(archive.members))


def read_file(
    metadata: Mapping[str, str], tensors: Mapping[str, Tensor], num_bytes: int
) -> Checkpoint:
    """Read one safetensors file: the JSON of each network in the metadata, its name before each tensor's name."""
    networks = {}
    unwrapped = _without_wrappers(tensors)
    for name in CONFIGS.keys() & metadata.keys():
        own = {
            key.removeprefix(f"{name}."): tensor
            for key, tensor in unwrapped.items()
            if key.startswith(f"{name}.")
        }
        networks[name] = _network(name, metadata[name].encode(), own, num_bytes)
    for key in unwrapped:
        if key.partition(".")[0] not in networks:
            raise CheckpointRefused(
                f"its tensor {key[:80]!r} belongs to no network of its metadata ({', '.join(sorted(networks))})",
                "Add the network's JSON to the metadata, or remove the tensor.",
            )
    return _checkpoint(networks)


def _read_pairs(read_member: ReadMember) -> Checkpoint:
    networks = {}
    for name in CONFIGS:
        config = read_member(f"{name}.json", MAX_JSON_BYTES)
        data = read_member(f"{name}.safetensors", None)
        _check_pair(name, config, data)
        if config is not None and data is not None:
            _, tensors = safetensors_files.read(data)
            networks[name] = _network(name, config, _without_wrappers(tensors), len(data))
    if "generator" not in networks:
        raise CheckpointRefused(
            "expected generator.safetensors with generator.json, got no such pair"
        )
    return _checkpoint(networks)


def _check_pair(name: str, config: bytes | None, data: bytes | None) -> None:
    """Refuse half a pair of a network beside the generator: it would be left out. That of the generator comes later."""
    if name == "generator" or (config is None) == (data is None):
        return
    present, absent = (".json", ".safetensors") if data is None else (".safetensors", ".json")
    raise CheckpointRefused(
        f"expected {name}{absent} beside its {name}{present}, got no such file",
        f"Add the file, or remove {name}{present}.",
    )


def _checkpoint(networks: Mapping[str, NetworkWeights]) -> Checkpoint:
    discriminator, inverter = networks.get("discriminator"), networks.get("inverter")
    warnings = () if inverter is None else check_inverter(inverter, networks["generator"])
    return Checkpoint(
        format=FORMAT,
        generator=networks["generator"],
        discriminator=discriminator,
        inverter=inverter,
        missing=() if discriminator else ("discriminator",),
        warnings=warnings,
    )


def _network(
    name: str, config_json: bytes, tensors: Mapping[str, Tensor], num_bytes: int
) -> NetworkWeights:
    if len(config_json) > MAX_JSON_BYTES:
        raise CheckpointRefused(
            f"expected at most {MAX_JSON_BYTES} bytes in its {name}.json, got {len(config_json)}"
        )
    try:
        config: Any = CONFIGS[name].from_dict(read_json(config_json))
        own = _without_prefix(name, tensors)
        draft = Draft(config=config, tensors=own, names=SAME_NAMES)
        # Half precision becomes float32, which takes twice the bytes.
        return read_draft(draft, 2 * num_bytes)
    except CheckpointRefused:
        raise
    except RepeatedField as error:
        raise CheckpointRefused(f"its {name}.json {error}", "Keep one of them.") from error
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        article = "an" if name == "inverter" else "a"
        raise CheckpointRefused(
            f"its {name}.json is not readable as the configuration of {article} {name} ({_explain(error)})",
            "Write it with `python -m workers.checkpoints convert`.",
        ) from error


def _without_wrappers(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors under names without the parts that DataParallel and torch.compile add."""
    unwrapped = {without_wrappers(name): tensor for name, tensor in tensors.items()}
    if len(unwrapped) < len(tensors):
        raise CheckpointRefused(
            "it holds tensors twice, with and without a wrapper such as 'module.'"
        )
    return unwrapped


def _without_prefix(name: str, tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Return the tensors under names without a common prefix such as `g_ema.`."""
    marker = MARKERS[name]
    prefixes = [key.removesuffix(marker) for key in tensors if key.endswith(f".{marker}")]
    if marker in tensors or not prefixes:
        return tensors
    allowed = AVERAGED | GENERATOR | DISCRIMINATOR | NEUTRAL
    if len(prefixes) > 1 or not words_of_path(prefixes[0].split(".")) <= allowed:
        raise CheckpointRefused(
            f"its {name}'s tensors begin with {prefixes[0][:40]!r}; expected no prefix, or one such as g_ema, module",
            "Save the network's state_dict().",
        )
    return {
        key.removeprefix(prefixes[0]): tensor
        for key, tensor in tensors.items()
        if key.startswith(prefixes[0])
    }


def _explain(error: Exception) -> str:
    """Return the part of an error about JSON or a configuration that helps a user, without names of Python types."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} in line {error.lineno}"
    return "fields are missing, unknown or of the wrong kind"


def _folders(names: Iterable[str]) -> list[str]:
    """Return the folders inside a zip that have a generator.json, each with its slash; the top one is empty."""
    marker = "generator.json"
    return [
        name.removesuffix(marker) for name in names if name == marker or name.endswith(f"/{marker}")
    ]
