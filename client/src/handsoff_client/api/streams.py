"""Streams: endless labelled samples, shard by shard. Each shard is rendered on demand."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from handsoff_client.answers.shards import Shard
from handsoff_client.api.jobs import ConditionChoice, Targets, condition_of, filter_by, without_none
from handsoff_client.api.pages import items_of
from handsoff_client.api.resources import Stream
from handsoff_client.api.waiting import poll
from handsoff_client.http.downloads import download_listed
from handsoff_client.http.operations import (
    CREATE_REPORT,
    CREATE_STREAM,
    DELETE_STREAM,
    GET_DISTRIBUTION,
    GET_SHARD_RECORD,
    GET_STEERING,
    GET_STREAM,
    LIST_STREAMS,
)
from handsoff_client.http.parsing import parse
from handsoff_client.http.service_errors import ShardNotReady
from handsoff_client.http.transport import Transport


@dataclass(frozen=True)
class SteeringState:
    """The state of a stream that answers: smoothed losses, and the weights of weak classes, which add up to 1."""

    version: int
    losses: Mapping[str, float]
    weights: Mapping[str, float]


class Streams:
    """The streams of a service: `client.streams`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(  # noqa: PLR0913 - keyword-only, each with a default beyond the first
        self,
        *,
        fit: str,
        seed: int = 0,
        truncation: float | None = None,
        drop_share: float | None = None,
        image_format: str | None = None,
        shard_size: int | None = None,
        condition: ConditionChoice | None = None,
        soft_labels: int | None = None,
        ignore_above: float | None = None,
        targets: Targets = (),
        steering: Mapping[str, float] | None = None,
        **more: object,
    ) -> Stream:
        """Create a stream of a fit. A shard is rendered when it is requested. The fields are those of a batch.

        With `steering`, such as {} or {"strength": 2, "every": 4}, later shards answer the losses of `report`.
        """
        body = without_none(
            fit=fit,
            seed=seed,
            truncation=truncation,
            filter=filter_by(drop_share),
            image_format=image_format,
            shard_size=shard_size,
            condition=condition_of(condition),
            soft_labels=soft_labels,
            ignore_above=ignore_above,
            targets=list(targets) or None,
            steering=steering,
            **more,
        )
        return parse(Stream, self._transport.call(CREATE_STREAM, json=body))

    def get(self, stream_id: str) -> Stream:
        """Return one stream."""
        return parse(Stream, self._transport.call(GET_STREAM, stream_id))

    def list(self, *, limit: int | None = None) -> Iterator[Stream]:
        """Yield the streams, newest first."""
        return items_of(Stream, self._transport, LIST_STREAMS, limit=limit)

    def delete(self, stream_id: str) -> None:
        """Delete a stream and its shards. A new stream of the same fit, seed and options has the same samples."""
        self._transport.call(DELETE_STREAM, stream_id)

    def report(self, stream_id: str, losses: Mapping[str, float]) -> SteeringState:
        """Report the mean loss of classes since the last report, and return the new state.

        Raises `NotSteered` for a stream without steering.
        """
        body = {"losses": dict(losses)}
        return parse(SteeringState, self._transport.call(CREATE_REPORT, stream_id, json=body))

    def steering(self, stream_id: str) -> SteeringState:
        """Return the state after the latest report. Raises `NotSteered` for a stream without steering."""
        return parse(SteeringState, self._transport.call(GET_STEERING, stream_id))

    def distribution(self, stream_id: str) -> Mapping[str, Any]:
        """Return the classes of the newest rendered shards against plain samples of the fit, as the API does."""
        answer: Mapping[str, Any] = self._transport.call(GET_DISTRIBUTION, stream_id)
        return answer

    def shard(self, stream_id: str, index: int, *, timeout: timedelta | None = None) -> Shard:
        """Return the digest and a link of one shard, once it is rendered.

        Raises `ShardFailed`, and `ShardNotReady` after `timeout` (default: no timeout).
        """

        def ask(wait: int, left: float | None) -> Shard:
            operation = GET_SHARD_RECORD.of_shard(index)
            answer = self._transport.call(operation, stream_id, params={"wait": wait}, within=left)
            return parse(Shard, answer)

        return poll(ask, ShardNotReady, timeout)

    def fetch(self, stream_id: str, shard: Shard, target: Path) -> Path:
        """Download one shard to `target` and verify it. An expired link is renewed."""

        def renew() -> str:
            return self.shard(stream_id, shard.index).url

        return download_listed(self._transport, shard, target, renew=renew)
