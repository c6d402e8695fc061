"""Batches: request n labelled samples of a fit, and download their shards."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from handsoff_client.answers.deliveries import Delivery
from handsoff_client.api.batch_folders import BatchFolder
from handsoff_client.api.jobs import ConditionChoice, Targets, Watch, condition_of, filter_by
from handsoff_client.api.resources import Batch
from handsoff_client.api.sharded import ShardedJobs, ShardOperations
from handsoff_client.http.operations import (
    BATCHES,
    DELIVER_BATCH,
    GET_BATCH_MANIFEST,
    GET_DELIVERY,
    GET_EXPORT_RECORD,
    LIST_SHARDS,
    RESUME_BATCH,
)
from handsoff_client.http.parsing import parse
from handsoff_client.http.transport import Transport


def batch_fields(
    *,
    fit: str,
    n: int,
    drop_share: float | None = None,
    condition: ConditionChoice | None = None,
    targets: Targets = (),
    **more: object,
) -> dict[str, object]:
    """Return the fields of the API for the arguments of `Batches.create`."""
    return {
        "fit": fit,
        "n": n,
        "filter": filter_by(drop_share),
        "condition": condition_of(condition),
        "targets": list(targets) or None,
        **more,
    }


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
        deliver_to: Mapping[str, object] | None = None,
        **more: object,
    ) -> Batch:
        """Queue n samples of a fit, which may still be queued or running.

        `drop_share` drops that share of the most uncertain candidates.

        `condition` chooses classes of a class-conditional generator: one, several with equal shares, or weights.
        `soft_labels` keeps that many most probable classes of each pixel with their probabilities. Masks ignore the
        pixels with an uncertainty above `ignore_above`, in nats from 0 to 1.
        `targets` say which share of the images contains a class, or move the images toward more or less of one:
        `{"kind": "presence", "class_name": "hat", "images": 0.4}`, `{"kind": "distribution", "images": {"hat": 0.3,
        "glasses": 0.3}}`, `{"kind": "more", "class_name": "hair", "strength": 1.5}`.
        `deliver_to` sends the finished batch to presigned URLs, the manifest last: `{"kind": "urls", "shards": [...],
        "manifest": "https://..."}` or `{"kind": "template", "url": "https://host/path/{name}?token=..."}`.
        `more` is sent unchanged: fields of a newer service that this client does not have yet.
        """
        return self.create_from(
            batch_fields(
                fit=fit,
                n=n,
                seed=seed,
                truncation=truncation,
                drop_share=drop_share,
                image_format=image_format,
                shard_size=shard_size,
                condition=condition,
                soft_labels=soft_labels,
                ignore_above=ignore_above,
                targets=targets,
                deliver_to=deliver_to,
                **more,
            )
        )

    def create_from(self, fields: Mapping[str, object]) -> Batch:
        """Queue a batch with these fields of the API, such as those of `batch_fields`."""
        return self._create(**fields)

    def deliver(self, batch_id: str, deliver_to: Mapping[str, object] | None = None) -> Delivery:
        """Deliver a batch that has succeeded: to these addresses, or again to those of the last delivery."""
        body = {} if deliver_to is None else {"deliver_to": deliver_to}
        return parse(Delivery, self._transport.call(DELIVER_BATCH, batch_id, json=body))

    def delivery(self, batch_id: str) -> Delivery:
        """Return the newest delivery of a batch. Raises `NotFound` without one."""
        return parse(Delivery, self._transport.call(GET_DELIVERY, batch_id))

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
