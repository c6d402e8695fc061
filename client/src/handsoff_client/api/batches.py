"""Batches: request n labelled samples of a fit, and download their shards."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

from handsoff_client.api.batch_folders import BatchFolder
from handsoff_client.api.jobs import ConditionChoice, Jobs, Watch, condition_of, filter_by
from handsoff_client.api.resources import Archive, Batch, Card, Json, Shard, ShardList
from handsoff_client.api.waiting import poll
from handsoff_client.errors import InvalidAnswer
from handsoff_client.http.downloads import check_absent, download_listed
from handsoff_client.http.first_samples import first_samples
from handsoff_client.http.operations import (
    BATCHES,
    GET_BATCH_MANIFEST,
    GET_EXPORT_RECORD,
    LIST_SHARDS,
)
from handsoff_client.http.parsing import parse
from handsoff_client.http.service_errors import ExportNotReady
from handsoff_client.http.transport import Transport
from handsoff_shards.members import Files

PARALLEL_DOWNLOADS = 4
CARD_FILE = "README.md"
"""Hugging Face reads a dataset card from this file."""


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
        condition: ConditionChoice | None = None,
        **more: object,
    ) -> Batch:
        """Queue n samples of a fit. `drop_share` drops that share of the most uncertain candidates.

        `condition` chooses classes of a class-conditional generator: one, several with equal shares, or weights.
        `more` is sent unchanged: fields of a newer service that this client does not have yet.
        """
        return self._create(
            fit=fit,
            n=n,
            seed=seed,
            truncation=truncation,
            filter=filter_by(drop_share),
            image_format=image_format,
            shard_size=shard_size,
            condition=condition_of(condition),
            **more,
        )

    def shards(self, batch_id: str) -> tuple[Shard, ...]:
        """Return every shard with a link that expires. Raises `NotRendered` before the batch has succeeded."""
        return self._list(batch_id).items

    def manifest(self, batch_id: str) -> Json:
        """Return the manifest as stored: digests, class counts, the cost of a filter."""
        manifest: Json = self._transport.call(GET_BATCH_MANIFEST, batch_id)
        return manifest

    def fetch(self, batch_id: str, shard: Shard, target: Path) -> Path:
        """Download one shard to `target` and verify it. An expired link is renewed."""

        def renew() -> str:
            return self.shards(batch_id)[shard.index].url

        return download_listed(self._transport, shard, target, renew=renew)

    def download(
        self, batch_id: str, folder: Path | str, *, watch: Callable[[int, int], None] | None = None
    ) -> BatchFolder:
        """Download a batch to a folder: its shards, `batch.json`, and its dataset card as `README.md`.

        `watch` is called with the number of downloaded shards and of all shards. Existing shards are kept, so an
        interrupted download continues where it stopped.
        """
        batch, listed = self.get(batch_id), self._list(batch_id)
        shards = listed.items
        target = BatchFolder.plan(Path(folder), batch, shards)
        with ThreadPoolExecutor(PARALLEL_DOWNLOADS) as pool:
            paths = [target.path_of(shard.index) for shard in shards]
            fetched = pool.map(
                lambda pair: self.fetch(batch_id, *pair), zip(shards, paths, strict=True)
            )
            for done, _ in enumerate(fetched, start=1):
                if watch:
                    watch(done, len(shards))
        if listed.card is not None:
            self._fetch_card(batch_id, listed.card, target.folder / CARD_FILE)
        target.save()
        return target

    def first_samples(self, batch_id: str, count: int) -> list[tuple[str, Files]]:
        """Return key and files of the first samples for a preview. Only these are downloaded, without a check."""
        samples: list[tuple[str, Files]] = []
        for shard in self.shards(batch_id):
            if len(samples) < count:
                samples += first_samples(self._transport.http, shard.url, count - len(samples))
        return samples

    def to_folder(
        self,
        folder: Path | str,
        *,
        fit: str,
        n: int,
        watch: Watch | None = None,
        **more: Any,  # noqa: ANN401 - the arguments of `create`
    ) -> BatchFolder:
        """Request n samples of a fit, wait, and download them to a folder. `samples()` of the result reads them.

        `watch` is passed to `wait`, `more` to `create`. Raises the errors of `create`, `wait` and `download`.
        """
        batch = self.create(fit=fit, n=n, **more)
        self.wait(batch.id, watch=watch)
        return self.download(batch.id, folder)

    def archive(
        self,
        batch_id: str,
        name: str,
        *,
        instances: bool = False,
        timeout: timedelta | None = None,
    ) -> Archive:
        """Return the digest and a link of the batch as a zip in the format `name`, once the service has written it.

        Raises `ExportFailed`, `TooLarge`, and `ExportNotReady` after `timeout` (default: no timeout).
        """
        params: dict[str, str | int] = {"format": name}
        if instances:
            params["instances"] = "true"

        def ask(wait: int) -> Archive:
            answer = self._transport.call(
                GET_EXPORT_RECORD, batch_id, params=params | {"wait": wait}
            )
            return parse(Archive, answer)

        return poll(ask, ExportNotReady, timeout)

    def export(self, batch_id: str, name: str, out: Path | str, *, instances: bool = False) -> Path:
        """Have the service export the batch in the format `name`, and download the zip to `out`, which must not exist.

        `instances` makes each connected region an object. `handsoff_client.export` exports a downloaded batch locally,
        as a zip or a folder.
        """
        target = Path(out)
        check_absent(target)

        def renew() -> str:
            return self.archive(batch_id, name, instances=instances).url

        archive = self.archive(batch_id, name, instances=instances)
        return download_listed(self._transport, archive, target, renew=renew)

    def _list(self, batch_id: str) -> ShardList:
        listed = parse(ShardList, self._transport.call(LIST_SHARDS, batch_id))
        indices = [shard.index for shard in listed.items]
        if indices != list(range(len(indices))):
            raise InvalidAnswer(
                f"Expected the shards of {batch_id} in order from 0, got {indices[:10]}."
            )
        return listed

    def _fetch_card(self, batch_id: str, card: Card, target: Path) -> None:
        def renew() -> str:
            return (self._list(batch_id).card or card).url

        download_listed(self._transport, card, target, renew=renew)
