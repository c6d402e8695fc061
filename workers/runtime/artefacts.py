"""Networks and other artefacts from the store and into it, checked against their digests; networks stay warm."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

from torch import Tensor, nn

from contracts.base import Artefact
from contracts.digests import sha256_of, sha256_of_file
from contracts.errors.jobs import InputMissing
from contracts.generators import StoredGenerator, StoredInverter, Weights
from models.serialization import unpack
from state import keys, records
from state.settings import Precision
from workers.runtime.machine import Machine

Network = TypeVar("Network", bound=nn.Module)
Suffix = Literal["safetensors", "json"]
Build = Callable[[dict[str, Any], dict[str, Tensor]], Network]


def read_generator(
    machine: Machine, tenant: str, generator_id: str, digest: str
) -> StoredGenerator:
    """The manifest of a pinned generator. Raises `InputMissing` when it is gone or is not the one that was pinned."""
    manifest = records.read_generator(machine.store, tenant, generator_id)
    if manifest is None or manifest.digest != digest:
        raise InputMissing(
            f"The request pins generator '{generator_id}' with digest {digest[:12]}, which is not in the store."
            " Upload it again, or make the request anew."
        )
    return manifest


def read_inverter(machine: Machine, generator: StoredGenerator, digest: str) -> StoredInverter:
    """The manifest of a pinned inverter of a generator."""
    key = keys.inverter(generator.tenant, generator.id, digest)
    manifest = records.read(machine.store, key, StoredInverter)
    if manifest is None:
        raise InputMissing(
            f"The request pins inverter {digest[:12]} of generator '{generator.id}', which is not in the store."
        )
    return manifest


def load_network(
    machine: Machine, weights: Weights, build: Build[Network], precision: Precision = "float32"
) -> Network:
    """A network on this machine's device, built once for each precision that `build` gives it, and then warm."""

    def build_now() -> Network:
        config = json.loads(read_artefact(machine, weights.config))
        tensors = unpack(read_artefact(machine, weights.tensors))
        return build(config, tensors).to(machine.device)

    return machine.networks.get(f"{weights.digest} {precision}", build_now)


def read_artefact(machine: Machine, artefact: Artefact) -> bytes:
    """The bytes of a pinned object. Raises `InputMissing` when they are gone or are others."""
    try:
        data = machine.store.get(artefact.key)
    except FileNotFoundError:
        raise InputMissing(f"The object '{artefact.key}' that the request pins is gone.") from None
    if sha256_of(data) != artefact.sha256:
        raise InputMissing(
            f"The object '{artefact.key}' is not the one that the request pins: its digest differs."
        )
    return data


def fetch_artefact(machine: Machine, artefact: Artefact, path: Path) -> None:
    """Writes a pinned object to a file, piece by piece. Raises `InputMissing` when it is gone or is another."""
    try:
        with path.open("wb") as file:
            for chunk in machine.store.stream(artefact.key):
                file.write(chunk)
    except FileNotFoundError:
        raise InputMissing(f"The object '{artefact.key}' that the request pins is gone.") from None
    if sha256_of_file(path) != artefact.sha256:
        raise InputMissing(
            f"The object '{artefact.key}' is not the one that the request pins: its digest differs."
        )


def write_artefact(machine: Machine, key: str, data: bytes, media_type: str) -> Artefact:
    """Stores bytes under `key` and pins them."""
    machine.store.put(key, data)
    return Artefact(key=key, sha256=sha256_of(data), num_bytes=len(data), media_type=media_type)


def write_weights(
    machine: Machine, tensors: bytes, config: bytes, key_of: Callable[[str, Suffix], str]
) -> Weights:
    """Stores the two halves of a network at rest; `key_of` makes a key of (sha256, suffix)."""
    tensors_key = key_of(sha256_of(tensors), "safetensors")
    config_key = key_of(sha256_of(config), "json")
    return Weights(
        tensors=write_artefact(machine, tensors_key, tensors, "application/octet-stream"),
        config=write_artefact(machine, config_key, config, "application/json"),
    )
