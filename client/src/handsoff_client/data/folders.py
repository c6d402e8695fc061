"""A batch as a folder: its shards as plain tars, and `batch.json`, which says what they are and their digests."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from handsoff_client.errors import InvalidAnswer
from handsoff_client.http.shapes import parse
from handsoff_client.nouns.resources import Batch, Json, Shard
from handsoff_shards.errors import InvalidInput
from handsoff_shards.labels import Labels
from handsoff_shards.reading import ShardSet, samples_of
from handsoff_shards.samples import Sample

INDEX_FILE = "batch.json"


@dataclass(frozen=True)
class StoredShard:
    """One shard of a folder."""

    file: str
    num_samples: int
    num_bytes: int
    sha256: str


@dataclass(frozen=True)
class BatchIndex:
    """`batch.json`: the batch as the service answered, and its shards in order."""

    batch: Json
    shards: tuple[StoredShard, ...]


@dataclass(frozen=True)
class BatchFolder:
    """A downloaded batch. What has a `batch.json` is whole: it is written last."""

    folder: Path
    index: BatchIndex

    @classmethod
    def plan(cls, folder: Path, batch: Batch, shards: Sequence[Shard]) -> Self:
        """The folder as it will be. Raises `InvalidInput` when another batch is there."""
        there = folder / INDEX_FILE
        if there.exists() and cls.open(folder).batch.id != batch.id:
            raise InvalidInput(f"'{folder}' holds another batch. Name an empty folder.")
        stored = tuple(
            StoredShard(f"shard-{s.index:06d}.tar", s.num_samples, s.num_bytes, s.sha256)
            for s in shards
        )
        return cls(folder, BatchIndex(batch.json, stored))

    @classmethod
    def open(cls, folder: Path | str) -> Self:
        """A folder that was downloaded. Raises `InvalidInput` when it is none."""
        path = Path(folder) / INDEX_FILE
        try:
            index = parse(BatchIndex, json.loads(path.read_text("utf-8")))
            _check_names(index)
            return cls(Path(folder), index)
        except (OSError, ValueError, RecursionError, InvalidAnswer) as error:
            raise InvalidInput(
                f"'{folder}' is not a downloaded batch ({error}). `handsoff download BATCH --out DIR` makes one."
            ) from error

    @property
    def batch(self) -> Batch:
        """The batch as the service answered."""
        return parse(Batch, self.index.batch)

    @property
    def labels(self) -> Labels:
        """What the labels mean."""
        return self.batch.labels

    @property
    def num_samples(self) -> int:
        """How many samples all shards hold."""
        return sum(shard.num_samples for shard in self.index.shards)

    def path_of(self, shard: int) -> Path:
        """Where a shard lies."""
        return self.folder / self.index.shards[shard].file

    @property
    def shards(self) -> ShardSet:
        """The shards as what they are: for `handsoff_shards.formats`, or to be read one after another."""
        paths = [self.path_of(shard) for shard in range(len(self.index.shards))]
        return ShardSet(self.batch.id, self.labels, paths, self.batch.finished_at)

    def samples(self) -> Iterator[Sample]:
        """Every sample as exact arrays, in order, each decoded when it is asked for."""
        return (exported.sample for exported in samples_of(self.shards))

    def save(self) -> None:
        """Writes `batch.json`, whole or not at all."""
        written = {
            "batch": self.index.batch,
            "shards": [shard.__dict__ for shard in self.index.shards],
        }
        part = self.folder / f"{INDEX_FILE}.part"
        part.write_text(json.dumps(written, indent=1), "utf-8")
        part.replace(self.folder / INDEX_FILE)


def _check_names(index: BatchIndex) -> None:
    """Raises `ValueError` for a shard outside the folder: a `batch.json` may come from anywhere."""
    for shard in index.shards:
        if (
            shard.file in ("", ".", "..")
            or Path(shard.file).name != shard.file
            or "\\" in shard.file
        ):
            raise ValueError(f"it names '{shard.file[:100]}', which is not a file in it")
