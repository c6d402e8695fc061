"""Batches: ask for n labelled samples of a fit, and fetch their shards."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from handsoff_client.downloads import download
from handsoff_client.folders import BatchFolder
from handsoff_client.jobs import Jobs
from handsoff_client.operations import BATCHES, GET_BATCH_MANIFEST, LIST_SHARDS
from handsoff_client.resources import Batch, Json, Shard, ShardList
from handsoff_client.shapes import parse
from handsoff_client.transport import Transport

PARALLEL_DOWNLOADS = 4


class Batches(Jobs[Batch]):
    """The batches of a service: `client.batches`."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport, BATCHES, Batch)

    def create(
        self,
        *,
        fit: str,
        n: int,
        seed: int = 0,
        truncation: float | None = None,
        drop_share: float | None = None,
        image_format: str | None = None,
        shard_size: int | None = None,
        **more: object,
    ) -> Batch:
        """Queues n samples of a fit. `drop_share` leaves out that share of the most uncertain candidates.

        `more` goes into the request as it is: fields that the service knows and this client does not yet.
        """
        return self._create(
            fit=fit,
            n=n,
            seed=seed,
            truncation=truncation,
            filter=None if drop_share is None else {"drop_share": drop_share},
            image_format=image_format,
            shard_size=shard_size,
            **more,
        )

    def shards(self, batch_id: str) -> tuple[Shard, ...]:
        """Every shard with a link that is good for a while. Raises `NotRendered` before the batch has succeeded."""
        return parse(ShardList, self._transport.call(LIST_SHARDS, batch_id)).items

    def manifest(self, batch_id: str) -> Json:
        """The manifest as it is stored: digests, class counts, what a filter cost."""
        manifest: Json = self._transport.call(GET_BATCH_MANIFEST, batch_id)
        return manifest

    def fetch(self, batch_id: str, shard: Shard, target: Path) -> Path:
        """One shard as a verified file at `target`. A link that has expired is asked for anew."""

        def renew() -> str:
            return self.shards(batch_id)[shard.index].url

        return download(
            self._transport,
            shard.url,
            target,
            sha256=shard.sha256,
            num_bytes=shard.num_bytes,
            renew=renew,
        )

    def download(
        self, batch_id: str, folder: Path | str, *, watch: Callable[[int, int], None] | None = None
    ) -> BatchFolder:
        """The whole batch as a folder of shards and `batch.json`; `watch` is told how many of how many are there.

        What is there already is not fetched again, so a download that was broken off goes on where it stopped.
        """
        batch, shards = self.get(batch_id), self.shards(batch_id)
        made = BatchFolder.plan(Path(folder), batch, shards)
        with ThreadPoolExecutor(PARALLEL_DOWNLOADS) as pool:
            paths = [made.path_of(shard.index) for shard in shards]
            fetched = pool.map(
                lambda pair: self.fetch(batch_id, *pair), zip(shards, paths, strict=True)
            )
            for done, _ in enumerate(fetched, start=1):
                if watch:
                    watch(done, len(shards))
        made.save()
        return made
