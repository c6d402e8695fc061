"""Reads and writes stored artefacts, each checked against its digest."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal

from contracts.base import Artefact, now
from contracts.digests import sha256_of, sha256_of_file
from contracts.errors.jobs import InputMissing
from contracts.generators.generator import StoredGenerator, StoredInverter, Weights
from state import keys, records
from state.store import Store

Suffix = Literal["safetensors", "json"]


def read_generator(store: Store, tenant: str, generator_id: str, digest: str) -> StoredGenerator:
    """Return the manifest of a pinned generator. Raises `InputMissing` when it is gone or has another digest."""
    manifest = records.read_generator(store, tenant, generator_id)
    if manifest is None or manifest.digest != digest:
        raise InputMissing(
            f"The request pins generator '{generator_id}' with digest {digest[:12]}, which is not in the store."
            " Upload it again, or send a new request with another generator."
        )
    return manifest


def read_inverter(
    store: Store, tenant: str, generator: StoredGenerator, digest: str
) -> StoredInverter:
    """Return the manifest of a pinned inverter that the tenant may use. Raises `InputMissing` when it is gone."""
    for inverter in records.read_inverters(store, tenant, generator.id):
        if inverter.digest == digest:
            return inverter
    raise InputMissing(
        f"The request pins inverter {digest[:12]} of generator '{generator.id}', which is not in the store."
        " Send a new request."
    )


def read_artefact(store: Store, artefact: Artefact) -> bytes:
    """Return the bytes of a pinned object. Raises `InputMissing` when they are gone or differ."""
    try:
        data = store.get(artefact.key)
    except FileNotFoundError:
        raise _missing(artefact) from None
    if sha256_of(data) != artefact.sha256:
        raise _differs(artefact)
    return data


def fetch_artefact(store: Store, artefact: Artefact, path: Path) -> None:
    """Write a pinned object to a file, piece by piece. Raises `InputMissing` when it is gone or differs."""
    try:
        with path.open("wb") as file:
            for chunk in store.stream(artefact.key):
                file.write(chunk)
    except FileNotFoundError:
        raise _missing(artefact) from None
    if sha256_of_file(path) != artefact.sha256:
        raise _differs(artefact)


def fetched(store: Store, artefacts: Iterable[Artefact], folder: Path) -> Iterator[Path]:
    """Yield pinned objects as files of a folder. Each is deleted before the next is fetched.

    Raises `InputMissing` when one is gone or differs.
    """
    for number, artefact in enumerate(artefacts):
        path = folder / f"{number:06d}{Path(artefact.key).suffix}"
        fetch_artefact(store, artefact, path)
        yield path
        path.unlink()


def write_artefact(store: Store, key: str, data: bytes, media_type: str) -> Artefact:
    """Store bytes under `key`; return the artefact that pins them."""
    store.put(key, data)
    return Artefact(key=key, sha256=sha256_of(data), num_bytes=len(data), media_type=media_type)


def write_weights(
    store: Store, tensors: bytes, config: bytes, key_of: Callable[[str, Suffix], str]
) -> Weights:
    """Store weights and configuration of a network; `key_of` returns the key for (sha256, suffix)."""
    tensors_key = key_of(sha256_of(tensors), "safetensors")
    config_key = key_of(sha256_of(config), "json")
    return Weights(
        tensors=write_artefact(store, tensors_key, tensors, "application/octet-stream"),
        config=write_artefact(store, config_key, config, "application/json"),
    )


def store_inverter(
    store: Store, tenant: str, generator: StoredGenerator, tensors: bytes, config: bytes
) -> StoredInverter:
    """Store an inverter where the tenant's fits find it. If it exists already, the first manifest stays.

    That of a built-in generator belongs to the tenant that trained it; no other tenant uses it.
    """
    weights = write_weights(
        store,
        tensors,
        config,
        lambda sha256, suffix: keys.weights(tenant, generator.id, sha256, suffix),
    )
    inverter = StoredInverter(
        generator_digest=generator.digest,
        digest=weights.digest,
        created_at=now(),
        weights=weights,
    )
    key = keys.inverter(tenant, generator.id, inverter.digest)
    return records.create(store, key, inverter)


def _missing(artefact: Artefact) -> InputMissing:
    return InputMissing(f"The pinned object '{artefact.key}' is gone. Send a new request.")


def _differs(artefact: Artefact) -> InputMissing:
    return InputMissing(
        f"The pinned object '{artefact.key}' has changed: its digest differs. Send a new request."
    )
