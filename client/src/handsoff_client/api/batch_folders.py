"""A downloaded batch or labeling: a folder with shards as plain tars, and `batch.json` with job and digests."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Self

from handsoff_client.answers.shards import Shard
from handsoff_client.api.resources import Batch, Json, Labeling
from handsoff_client.errors import InvalidAnswer
from handsoff_client.http.parsing import parse
from handsoff_shards.errors import InvalidInput
from handsoff_shards.labels import Labels
from handsoff_shards.members import shard_file
from handsoff_shards.notebooks.html import facts_of, table
from handsoff_shards.reading import ShardSet, samples_of
from handsoff_shards.samples import Sample

INDEX_FILE = "batch.json"
_SHOWN_SAMPLES = 4
"""In a notebook."""


@dataclass(frozen=True)
class StoredShard:
    """One shard of a folder."""

    file: str
    num_samples: int
    num_bytes: int
    sha256: str


@dataclass(frozen=True)
class BatchIndex:
    """`batch.json`: the service's answer for the batch or labeling, and its shards in order."""

    batch: Json
    shards: tuple[StoredShard, ...]


@dataclass(frozen=True)
class BatchFolder:
    """A downloaded batch or labeling. A folder with a `batch.json` is complete: the file is written last."""

    folder: Path
    index: BatchIndex

    @classmethod
    def plan(cls, folder: Path, job: Batch | Labeling, shards: Sequence[Shard]) -> Self:
        """Return the folder of a job before the download. Raises `InvalidInput` when it contains another one."""
        index = folder / INDEX_FILE
        if index.exists() and cls.open(folder).job.id != job.id:
            raise InvalidInput(f"'{folder}' contains another batch. Give an empty folder.")
        stored = tuple(
            StoredShard(shard_file(s.index), s.num_samples, s.num_bytes, s.sha256) for s in shards
        )
        return cls(folder, BatchIndex(job.json, stored))

    @classmethod
    def open(cls, folder: Path | str) -> Self:
        """Return a downloaded batch. Raises `InvalidInput` for any other folder."""
        path = Path(folder) / INDEX_FILE
        try:
            index = parse(BatchIndex, json.loads(path.read_text("utf-8")))
            _check_names(index)
            return cls(Path(folder), index)
        except (OSError, ValueError, RecursionError, InvalidAnswer) as error:
            raise InvalidInput(
                f"'{folder}' is not a downloaded batch ({error}). `handsoff download BATCH --out DIR` downloads one."
            ) from error

    @property
    def job(self) -> Batch | Labeling:
        """The service's answer for the batch or labeling."""
        is_labeling = self.index.batch.get("kind") == "labeling"
        return parse(Labeling, self.index.batch) if is_labeling else self.batch

    @property
    def batch(self) -> Batch:
        """The service's answer for the batch. Raises `InvalidAnswer` for a labeling."""
        return parse(Batch, self.index.batch)

    @property
    def labels(self) -> Labels:
        """The schema of the labels."""
        return self.job.labels

    @property
    def num_samples(self) -> int:
        """The number of samples in all shards."""
        return sum(shard.num_samples for shard in self.index.shards)

    def path_of(self, shard: int) -> Path:
        """Return the path of a shard."""
        return self.folder / self.index.shards[shard].file

    @property
    def shards(self) -> ShardSet:
        """The shards as the input of `handsoff_shards.formats` and `handsoff_shards.reading`."""
        paths = [self.path_of(shard) for shard in range(len(self.index.shards))]
        return ShardSet(self.job.id, self.labels, paths, self.job.finished_at)

    def samples(self) -> Iterator[Sample]:
        """Yield every sample as arrays, in order. Each is decoded on demand."""
        return (exported.sample for exported in samples_of(self.shards))

    def _repr_html_(self) -> str:
        rows = [
            ("folder", str(self.folder)),
            ("samples", str(self.num_samples)),
            *facts_of(self.job),
        ]
        first = [sample.pictures() for sample in islice(self.samples(), _SHOWN_SAMPLES)]
        return "".join([table("Batch", rows), *first])

    def save(self) -> None:
        """Write `batch.json` atomically."""
        written = {
            "batch": self.index.batch,
            "shards": [shard.__dict__ for shard in self.index.shards],
        }
        part = self.folder / f"{INDEX_FILE}.part"
        part.write_text(json.dumps(written, indent=1), "utf-8")
        part.replace(self.folder / INDEX_FILE)


def _check_names(index: BatchIndex) -> None:
    """Raise `ValueError` for a shard outside the folder: a `batch.json` may be from an untrusted source."""
    for shard in index.shards:
        if (
            shard.file in ("", ".", "..")
            or Path(shard.file).name != shard.file
            or "\\" in shard.file
        ):
            raise ValueError(f"expected a file name in the folder, got '{shard.file[:100]}'")
