"""Read HandsOff's own format of a diffusion generator: generator.json and generator.safetensors in a folder or a zip.

`python -m workers.checkpoints convert` and trainings write it.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from models.generators.diffusion.config import NEWER_FIELDS, DiffusionConfig
from workers.checkpoints.checkpoint import Checkpoint, CheckpointRefused, NetworkWeights, Recognized
from workers.checkpoints.diffusion.building import build_checked, check_shapes, check_values
from workers.checkpoints.diffusion.configs import (
    NETWORK,
    NETWORK_VALUES,
    OWN_VALUES,
    SCHEDULE_VALUES,
    SCHEDULERS,
    check_own,
    read_config,
)
from workers.checkpoints.files import safetensors_files
from workers.checkpoints.files.archives import Archive, open_archive
from workers.checkpoints.files.damage import damage_refused
from workers.checkpoints.files.json_objects import RepeatedField, read_json

FORMAT = "handsoff"

CONFIG, WEIGHTS = "generator.json", "generator.safetensors"
MARKER = "down_block_types"
"""A field that the configurations of other families do not have."""

MAX_JSON_BYTES = 100_000
MAX_UNPACKING = 4
"""How many times larger the weights may be than their zip, as for diffusers pipelines."""

SMALL_ZIP_BYTES = 2**20

PREFIX = "unet."

UNUSED = ("discriminator", "inverter")
"""Networks that other families have beside their generator."""

ReadMember = Callable[[str, int], bytes]


def read_checkpoint(path: Path) -> Checkpoint:
    """Read the generator of a folder or a zip.

    Raises:
        CheckpointRefused: it holds no diffusion generator in this format.
        Recognized: it holds one that HandsOff cannot read; the message is for the user.
    """
    try:
        return _read_folder(path) if path.is_dir() else _read_file(path)
    except CheckpointRefused as refusal:
        raise type(refusal)(refusal.message()) from refusal


def _read_folder(folder: Path) -> Checkpoint:
    def read(name: str, max_bytes: int) -> bytes:
        path = folder / name
        if not path.is_file() or path.stat().st_size > max_bytes:
            raise CheckpointRefused(f"expected {name} of at most {max_bytes} bytes")
        return path.read_bytes()

    sizes = {path.name: path.stat().st_size for path in folder.iterdir() if path.is_file()}
    return _read(read, sizes, sum(sizes.values()))


def _read_file(path: Path) -> Checkpoint:
    with path.open("rb") as file:
        head = file.read(4)
    if not head.startswith(b"PK\x03\x04"):
        raise CheckpointRefused("it is no zip")
    with damage_refused("zip"), open_archive(path) as archive:
        return _read_zip(archive)


def _read_zip(archive: Archive) -> Checkpoint:
    found = [name for name in archive.members if name == CONFIG or name.endswith(f"/{CONFIG}")]
    if len(found) != 1:
        raise CheckpointRefused(f"expected one {CONFIG} in its zip, got {len(found)}")
    folder = found[0].removesuffix(CONFIG)

    def read(name: str, max_bytes: int) -> bytes:
        if folder + name not in archive.members:
            raise CheckpointRefused(f"expected {name} beside its {CONFIG}")
        return archive.read(folder + name, max_bytes)

    names = [name.removeprefix(folder) for name in archive.members if name.startswith(folder)]
    return _read(read, names, archive.zip_bytes)


def _read(read: ReadMember, names: Collection[str], num_bytes: int) -> Checkpoint:
    values = _read_values(read(CONFIG, MAX_JSON_BYTES))
    config = _config(values)
    unet = build_checked(config)
    expected = {
        f"{PREFIX}{name}": tuple(tensor.shape) for name, tensor in unet.state_dict().items()
    }
    try:
        data = read(WEIGHTS, MAX_UNPACKING * num_bytes + SMALL_ZIP_BYTES)
        check_shapes(expected, safetensors_files.shapes(data))
        _, tensors = safetensors_files.read(data)
    except Recognized:
        raise
    except CheckpointRefused as refusal:
        raise Recognized(str(refusal), refusal.remedy) from refusal
    weights: dict[str, Tensor] = {name: tensor.float() for name, tensor in tensors.items()}
    check_values(weights)
    return Checkpoint(
        format=FORMAT,
        generator=NetworkWeights(config.to_dict(), weights),
        warnings=_unused_warnings(names),
    )


def _unused_warnings(names: Collection[str]) -> tuple[str, ...]:
    """Return a warning if there are files of networks that a diffusion generator does not have."""
    unused = sorted(
        {f"{network}{suffix}" for network in UNUSED for suffix in (".json", ".safetensors")}
        & set(names)
    )
    if not unused:
        return ()
    warning = (
        f"{', '.join(unused)} beside the generator are not used: a diffusion generator has no inverter and no"
        " discriminator. Check that they belong to this generator, or leave them out."
    )
    return (warning,)


def _read_values(data: bytes) -> Mapping[str, Any]:
    """Return the fields of a configuration. Raises `CheckpointRefused` for that of another family."""
    try:
        values = read_json(data)
    except RepeatedField as error:
        raise CheckpointRefused(f"its {CONFIG} {error}", "Keep one of them.") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointRefused(f"its {CONFIG} is not readable as JSON") from error
    if not isinstance(values, dict) or MARKER not in values:
        raise CheckpointRefused(f"its {CONFIG} is not of a diffusion model")
    return values


def _config(values: Mapping[str, Any]) -> DiffusionConfig:
    """Return the configuration, under the limits of diffusers pipelines."""
    check_own(values)
    clip = values.get("clip_sample_range", 1.0)
    network = {key: value for key, value in values.items() if key in NETWORK_VALUES}
    schedule = {key: value for key, value in values.items() if key in SCHEDULE_VALUES}
    config = read_config(
        {
            "_class_name": NETWORK,
            **network,
            "sample_size": values.get("image_px"),
            "num_class_embeds": values.get("num_classes") or None,
        },
        {
            "_class_name": SCHEDULERS[0],
            **schedule,
            "clip_sample": clip is not None,
            **({} if clip is None else {"clip_sample_range": clip}),
        },
    )
    own = {name: values[name] for name in OWN_VALUES if name in values}
    if "sampling_steps" in own:  # they are those of its sampler
        own.setdefault("sampler", NEWER_FIELDS["sampler"])
    levels = {"noise_levels": tuple(own["noise_levels"])} if "noise_levels" in own else {}
    result = replace(config, **(own | levels))
    steps, taken = result.num_train_timesteps, result.sampling_steps
    # DDIM's steps are even only if they divide those of the training: the scheduler rounds them and their distance.
    fits = steps % taken == 0 if result.sampler == "ddim" else taken <= steps
    if not fits or max(result.noise_levels) >= steps:
        kind = "that divide" if result.sampler == "ddim" else "of at most"
        raise Recognized(
            f"expected sampling_steps {kind} its {steps} num_train_timesteps, and noise_levels below them, got"
            f" {taken} and {list(result.noise_levels)}"
        )
    return result
