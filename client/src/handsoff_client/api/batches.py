"""Batches: request n labelled samples of a fit, and download their shards."""

from pathlib import Path
from typing import Any

from handsoff_client.api.batch_folders import BatchFolder
from handsoff_client.api.jobs import ConditionChoice, Targets, Watch, condition_of, filter_by
from handsoff_client.api.resources import Batch
from handsoff_client.api.sharded import ShardedJobs, ShardOperations
from handsoff_client.http.operations import (
    BATCHES,
    GET_BATCH_MANIFEST,
    GET_EXPORT_RECORD,
    LIST_SHARDS,
    RESUME_BATCH,
)
from handsoff_client.http.transport import Transport


class Batches(ShardedJobs[Batch]):
    """The batches of a service: `client.batches`."""

    def __init__(self, transport: Transport) -> None:
        of_shards = ShardOperations(LIST_SHARDS, GET_BATCH_MANIFEST, GET_EXPORT_RECORD)
        super().__init__(transport, BATCHES, of_shards, Batch)

    def create(  # noqa: PLR0913 - keyword-only, each with a default beyond the first
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
        soft_labels: int | None = None,
        ignore_above: float | None = None,
        targets: Targets = (),
        **more: object,
    ) -> Batch:
        """Queue n samples of a fit. `drop_share` drops that share of the most uncertain candidates.

        `condition` chooses classes of a class-conditional generator: one, several with equal shares, or weights.
        `soft_labels` keeps that many most probable classes of each pixel with their probabilities. Masks ignore the
        pixels with an uncertainty above `ignore_above`, in nats from 0 to 1.
        `targets` say which share of the images contains a class, or move the images toward more or less of one:
        `{"kind": "presence", "class_name": "hat", "images": 0.4}`, `{"kind": "distribution", "images": {"hat": 0.3,
        "glasses": 0.3}}`, `{"kind": "more", "class_name": "hair", "strength": 1.5}`.
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
            soft_labels=soft_labels,
            ignore_above=ignore_above,
            targets=list(targets) or None,
            **more,
        )

    def resume(self, batch_id: str) -> Batch:
        """Queue a batch that continues one that failed or was cancelled, with the same request; return it.

        It adopts the finished shards and renders the others. The earlier batch does not change, and may be deleted.
        Raises `NotResumable` for a batch that has not ended or that succeeded.
        """
        return self._parse(self._transport.call(RESUME_BATCH, batch_id))

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
