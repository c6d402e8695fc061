"""Batches: ask for n labelled samples of a fit, and fetch their shards."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

from handsoff_client.data.folders import BatchFolder
from handsoff_client.data.peeking import first_samples
from handsoff_client.errors import InvalidAnswer
from handsoff_client.http.downloads import download_listed
from handsoff_client.http.operations import (
    BATCHES,
    GET_BATCH_MANIFEST,
    GET_EXPORT_RECORD,
    LIST_SHARDS,
)
from handsoff_client.http.service_errors import ExportNotReady
from handsoff_client.http.shapes import parse
from handsoff_client.http.transport import Transport
from handsoff_client.nouns.jobs import Jobs, Watch
from handsoff_client.nouns.resources import Archive, Batch, Card, Json, Shard, ShardList
from handsoff_client.nouns.waiting import ask_until_there
from handsoff_shards.errors import InvalidInput
from handsoff_shards.members import Files

PARALLEL_DOWNLOADS = 4
CARD_FILE = "README.md"
"""Where Hugging Face looks for a dataset card."""


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
        return self._list(batch_id).items

    def manifest(self, batch_id: str) -> Json:
        """The manifest as it is stored: digests, class counts, what a filter cost."""
        manifest: Json = self._transport.call(GET_BATCH_MANIFEST, batch_id)
        return manifest

    def fetch(self, batch_id: str, shard: Shard, target: Path) -> Path:
        """One shard as a verified file at `target`. A link that has expired is asked for anew."""

        def renew() -> str:
            return self.shards(batch_id)[shard.index].url

        return download_listed(self._transport, shard, target, renew=renew)

    def download(
        self, batch_id: str, folder: Path | str, *, watch: Callable[[int, int], None] | None = None
    ) -> BatchFolder:
        """The whole batch as a folder: its shards, `batch.json`, and its dataset card as `README.md`.

        `watch` is told how many of how many shards are there. What is there already is not fetched again, so a download
        that was broken off goes on where it stopped.
        """
        batch, listed = self.get(batch_id), self._list(batch_id)
        shards = listed.items
        made = BatchFolder.plan(Path(folder), batch, shards)
        with ThreadPoolExecutor(PARALLEL_DOWNLOADS) as pool:
            paths = [made.path_of(shard.index) for shard in shards]
            fetched = pool.map(
                lambda pair: self.fetch(batch_id, *pair), zip(shards, paths, strict=True)
            )
            for done, _ in enumerate(fetched, start=1):
                if watch:
                    watch(done, len(shards))
        if listed.card is not None:
            self._fetch_card(batch_id, listed.card, made.folder / CARD_FILE)
        made.save()
        return made

    def first_samples(self, batch_id: str, count: int) -> list[tuple[str, Files]]:
        """Key and files of the first samples, for a look: only so much of the shards is fetched, and not verified."""
        found: list[tuple[str, Files]] = []
        for shard in self.shards(batch_id):
            if len(found) < count:
                found += first_samples(self._transport.http, shard.url, count - len(found))
        return found

    def to_folder(
        self,
        folder: Path | str,
        *,
        fit: str,
        n: int,
        watch: Watch | None = None,
        **more: Any,  # noqa: ANN401 - the arguments of `create`
    ) -> BatchFolder:
        """Ask for n samples of a fit, wait for them, and download them into a folder; `samples()` of it reads them.

        `watch` and `more` are those of `wait` and `create`. Raises what `create`, `wait` and `download` raise.
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
        """The batch in the format `name` as one zip, with its digest and a link, once the service has made it.

        Raises `ExportFailed`, `TooLarge`, and `ExportNotReady` when it is not there after `timeout` (without one, it
        waits).
        """
        params: dict[str, str | int] = {"format": name}
        if instances:
            params["instances"] = "true"

        def ask(wait: int) -> Archive:
            found = self._transport.call(
                GET_EXPORT_RECORD, batch_id, params=params | {"wait": wait}
            )
            return parse(Archive, found)

        return ask_until_there(ask, ExportNotReady, timeout)

    def export(self, batch_id: str, name: str, out: Path | str, *, instances: bool = False) -> Path:
        """The batch in the format `name` as a verified zip at `out`, which must not be there yet: made by the service.

        `instances` makes each connected region an object. `handsoff_client.export` makes it of a downloaded batch, as
        a zip or a folder.
        """
        target = Path(out)
        if target.exists():
            raise InvalidInput(f"'{target}' is there already. Name a path that is not.")

        def renew() -> str:
            return self.archive(batch_id, name, instances=instances).url

        archive = self.archive(batch_id, name, instances=instances)
        return download_listed(self._transport, archive, target, renew=renew)

    def _list(self, batch_id: str) -> ShardList:
        found = parse(ShardList, self._transport.call(LIST_SHARDS, batch_id))
        if [shard.index for shard in found.items] != list(range(len(found.items))):
            raise InvalidAnswer(f"The shards of {batch_id} are not listed in order, from 0 on.")
        return found

    def _fetch_card(self, batch_id: str, card: Card, target: Path) -> None:
        def renew() -> str:
            return (self._list(batch_id).card or card).url

        download_listed(self._transport, card, target, renew=renew)
