"""The files of a delivery in their order: shards, documents, and the manifest last."""

from collections.abc import Iterator
from typing import NamedTuple

from contracts.accounts.delivery import DeliveredFile, DeliveryManifest, Destination
from contracts.base import Artefact
from contracts.batches import BatchManifest
from handsoff_shards.members import shard_file
from state.batches.pages import shards_of
from state.store import Store

MANIFEST_FILE = "manifest.json"
CARD_FILE = "README.md"
CROISSANT_FILE = "croissant.json"


class File(NamedTuple):
    """A file: its name, the stored object, and the shard's place, if it is one."""

    name: str
    artefact: Artefact
    shard: int | None


def files_of(
    store: Store, manifest: BatchManifest, destination: Destination, start: int = 0
) -> Iterator[File]:
    """Yield the files of a batch that go to a destination, from the one at `start`, without the manifest."""
    for place, shard in enumerate(shards_of(store, manifest, start), start):
        yield File(shard_file(shard.index), shard.tar, place)
    documents = _documents(manifest, destination)
    yield from documents[max(0, start - manifest.num_shards) :]


def count_files(manifest: BatchManifest, destination: Destination) -> int:
    """Return the number of files, the manifest included."""
    return manifest.num_shards + len(_documents(manifest, destination)) + 1


def manifest_of(
    store: Store, batch_id: str, manifest: BatchManifest, destination: Destination
) -> bytes:
    """Return the manifest of a delivery: every file with its size and digest."""
    files = tuple(
        DeliveredFile(
            name=file.name, num_bytes=file.artefact.num_bytes, sha256=file.artefact.sha256
        )
        for file in files_of(store, manifest, destination)
    )
    made = DeliveryManifest(batch=batch_id, num_samples=manifest.num_samples, files=files)
    return made.model_dump_json(indent=1).encode()


def _documents(manifest: BatchManifest, destination: Destination) -> list[File]:
    named = ((CARD_FILE, manifest.card), (CROISSANT_FILE, manifest.croissant))
    return [
        File(name, artefact, None)
        for name, artefact in named
        if artefact is not None and destination.url_of(name, None) is not None
    ]
