"""The operations of jobs with shards, which are batches and labelings: list, download and export the shards."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple, TypeVar

from handsoff_client.answers.shards import Archive, Card, Shard, ShardList
from handsoff_client.api.batch_folders import BatchFolder
from handsoff_client.api.jobs import Jobs
from handsoff_client.api.resources import Batch, Json, Labeling
from handsoff_client.api.waiting import poll
from handsoff_client.errors import InvalidAnswer
from handsoff_client.http.downloads import check_absent, download_listed
from handsoff_client.http.first_samples import first_samples
from handsoff_client.http.operations import JobOperations, Operation
from handsoff_client.http.parsing import parse
from handsoff_client.http.service_errors import ExportNotReady
from handsoff_client.http.transport import Transport
from handsoff_shards.members import Files

PARALLEL_DOWNLOADS = 4
SHARDS_PER_PAGE = 1_000
"""Each shard of a list has a signed link of 500 bytes. Labelings and older services answer all shards at once."""
CARD_FILE = "README.md"
"""Hugging Face reads a dataset card from this file."""
CROISSANT_FILE = "croissant.json"

S_co = TypeVar("S_co", bound=Batch | Labeling, covariant=True)


class ShardOperations(NamedTuple):
    """The operations on the shards of one kind of job."""

    shards: Operation
    manifest: Operation
    export: Operation


class ShardedJobs(Jobs[S_co]):
    """The jobs of one kind with shards."""

    def __init__(
        self,
        transport: Transport,
        operations: JobOperations,
        of_shards: ShardOperations,
        kind: type[S_co],
    ) -> None:
        super().__init__(transport, operations, kind)
        self._of_shards = of_shards

    def shards(self, job_id: str) -> tuple[Shard, ...]:
        """Return every shard with a link that expires, in order.

        A batch that failed or was cancelled has the shards that were finished then; their indices have gaps. Raises
        `NotRendered` before the job has ended, and without a shard.
        """
        return self._list(job_id).items

    def manifest(self, job_id: str) -> Json:
        """Return the manifest as stored: digests, class counts, and more by the kind of job."""
        manifest: Json = self._transport.call(self._of_shards.manifest, job_id)
        return manifest

    def fetch(self, job_id: str, shard: Shard, target: Path) -> Path:
        """Download one shard to `target` and verify it. An expired link is renewed."""

        def renew() -> str:
            listed = self._page(job_id, shard.index).items
            return next(one.url for one in listed if one.index == shard.index)

        return download_listed(self._transport, shard, target, renew=renew)

    def download(
        self, job_id: str, folder: Path | str, *, watch: Callable[[int, int], None] | None = None
    ) -> BatchFolder:
        """Download a job to a folder: its shards, `batch.json`, and `README.md` and `croissant.json`, if it has them.

        `watch` is called with the number of downloaded shards and of all shards. Existing shards are kept, so an
        interrupted download continues where it stopped.
        """
        job, listed = self.get(job_id), self._list(job_id)
        shards = listed.items
        target = BatchFolder.plan(Path(folder), job, shards)
        with ThreadPoolExecutor(PARALLEL_DOWNLOADS) as pool:
            paths = [target.path_of(place) for place in range(len(shards))]
            fetched = pool.map(
                lambda pair: self.fetch(job_id, *pair), zip(shards, paths, strict=True)
            )
            for done, _ in enumerate(fetched, start=1):
                if watch:
                    watch(done, len(shards))
        self._fetch_documents(job_id, listed, target.folder)
        target.save()
        return target

    def first_samples(self, job_id: str, count: int) -> list[tuple[str, Files]]:
        """Return key and files of the first samples for a preview. Only these are downloaded, without a check."""
        samples: list[tuple[str, Files]] = []
        for page in self._pages(job_id):
            for shard in page.items:
                if len(samples) >= count:
                    return samples
                samples += first_samples(self._transport.http, shard.url, count - len(samples))
        return samples

    def archive(
        self,
        job_id: str,
        name: str,
        *,
        instances: bool = False,
        timeout: timedelta | None = None,
    ) -> Archive:
        """Return digest and link of the samples as a zip in the format `name`, once the service has written it.

        Raises `ExportFailed`, `TooLarge`, and `ExportNotReady` after `timeout` (default: no timeout).
        """
        params: dict[str, str | int] = {"format": name}
        if instances:
            params["instances"] = "true"

        def ask(wait: int, left: float | None) -> Archive:
            query = params | {"wait": wait}
            answer = self._transport.call(self._of_shards.export, job_id, params=query, within=left)
            return parse(Archive, answer)

        return poll(ask, ExportNotReady, timeout)

    def export(self, job_id: str, name: str, out: Path | str, *, instances: bool = False) -> Path:
        """Have the service export the samples as `name`, and download the zip to `out`, which must not exist.

        `instances` makes each connected region an object. `handsoff_client.export` exports a downloaded batch locally,
        as a zip or a folder.
        """
        target = Path(out)
        check_absent(target)

        def renew() -> str:
            return self.archive(job_id, name, instances=instances).url

        archive = self.archive(job_id, name, instances=instances)
        return download_listed(self._transport, archive, target, renew=renew)

    def _list(self, job_id: str) -> ShardList:
        """Return all shards."""
        *_, last = pages = list(self._pages(job_id))
        return replace(last, items=tuple(shard for page in pages for shard in page.items))

    def _pages(self, job_id: str) -> Iterator[ShardList]:
        """Yield the shards page by page."""
        page = self._page(job_id, 0)
        yield page
        while page.has_more:
            page = self._page(job_id, page.items[-1].index + 1)
            yield page

    def _page(self, job_id: str, first: int) -> ShardList:
        """Return the page that starts with the shard `first`, or with the next one that exists.

        A service without pages answers all shards.
        """
        params = {"limit": SHARDS_PER_PAGE} | ({"after": first - 1} if first else {})
        answer = self._transport.call(self._of_shards.shards, job_id, params=params)
        page = parse(ShardList, answer)
        items = tuple(shard for shard in page.items if shard.index >= first)
        indices = [shard.index for shard in items]
        gapless = list(range(first, first + len(indices)))
        expected = sorted(set(indices)) if page.is_partial else gapless
        if indices != expected or (page.has_more and not items):
            raise InvalidAnswer(
                f"Expected the shards of {job_id} in order from {first}, got {indices[:10]}."
            )
        return replace(page, items=items)

    def _fetch_documents(self, job_id: str, listed: ShardList, folder: Path) -> None:
        """Download the documents about the whole batch. Expired links are renewed."""

        def fetch(document: Card, file: str, renewed: Callable[[ShardList], Card | None]) -> None:
            def renew() -> str:
                return (renewed(self._page(job_id, 0)) or document).url

            download_listed(self._transport, document, folder / file, renew=renew)

        if listed.card is not None:
            fetch(listed.card, CARD_FILE, lambda page: page.card)
        if listed.croissant is not None:
            fetch(listed.croissant, CROISSANT_FILE, lambda page: page.croissant)
