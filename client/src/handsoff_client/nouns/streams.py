"""Streams: labelled samples without an end, shard by shard, each rendered when it is asked for."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from handsoff_client.http.downloads import download_listed
from handsoff_client.http.operations import (
    CREATE_STREAM,
    DELETE_STREAM,
    GET_SHARD_RECORD,
    GET_STREAM,
    LIST_STREAMS,
)
from handsoff_client.http.service_errors import ShardNotReady
from handsoff_client.http.shapes import parse
from handsoff_client.http.transport import Transport
from handsoff_client.nouns.jobs import page_of, walk
from handsoff_client.nouns.resources import Page, Shard, Stream
from handsoff_client.nouns.waiting import ask_until_there


class Streams:
    """The streams of a service: `client.streams`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        *,
        fit: str,
        seed: int = 0,
        truncation: float | None = None,
        drop_share: float | None = None,
        image_format: str | None = None,
        shard_size: int | None = None,
        **more: object,
    ) -> Stream:
        """A stream of a fit. Nothing is rendered before a shard is asked for. The fields are those of a batch."""
        body = {
            "fit": fit,
            "seed": seed,
            "truncation": truncation,
            "filter": None if drop_share is None else {"drop_share": drop_share},
            "image_format": image_format,
            "shard_size": shard_size,
            **more,
        }
        given = {name: value for name, value in body.items() if value is not None}
        return parse(Stream, self._transport.call(CREATE_STREAM, json=given))

    def get(self, stream_id: str) -> Stream:
        """One stream."""
        return parse(Stream, self._transport.call(GET_STREAM, stream_id))

    def list(self, *, limit: int | None = None) -> Iterator[Stream]:
        """The streams, newest first."""

        def ask(params: dict[str, Any]) -> Page[Stream]:
            return page_of(Stream, self._transport.call(LIST_STREAMS, params=params))

        return walk(ask, limit)

    def delete(self, stream_id: str) -> None:
        """Erases a stream and its shards. One of the same fit, seed and options has the same samples."""
        self._transport.call(DELETE_STREAM, stream_id)

    def shard(self, stream_id: str, index: int, *, timeout: timedelta | None = None) -> Shard:
        """One shard with its digest and a link, once it is rendered.

        Raises `ShardFailed`, and `ShardNotReady` when it is not there after `timeout` (without one, it waits).
        """

        def ask(wait: int) -> Shard:
            operation = GET_SHARD_RECORD.of_shard(index)
            return parse(Shard, self._transport.call(operation, stream_id, params={"wait": wait}))

        return ask_until_there(ask, ShardNotReady, timeout)

    def fetch(self, stream_id: str, shard: Shard, target: Path) -> Path:
        """One shard as a verified file at `target`. A link that has expired is asked for anew."""

        def renew() -> str:
            return self.shard(stream_id, shard.index).url

        return download_listed(self._transport, shard, target, renew=renew)
