"""Streams with the real app over real HTTP. Fixtures act as workers."""

from datetime import timedelta
from pathlib import Path

import pytest

from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobError
from contracts.kinds import RETENTION
from contracts.streams import StreamRef, StreamShardRef
from handsoff_client import (
    Gone,
    HandsOff,
    ShardFailed,
    ShardNotReady,
    ShardReader,
)
from state.ledger import Ledger
from state.on_demand.kinds import STREAM_SHARDS
from state.on_demand.ledger import OnDemandLedger
from tests.app.streams.conftest import Render


def test_a_stream_is_created_read_listed_and_deleted(
    handsoff: HandsOff,
    finished_fit_id: str,
    render: Render,
    tmp_path: Path,
) -> None:
    """`shard` waits until the timeout, without the pauses of retries."""
    stream = handsoff.streams.create(fit=finished_fit_id, seed=3, drop_share=0.1, shard_size=2)
    assert handsoff.streams.get(stream.id) == stream
    assert [item.id for item in handsoff.streams.list()] == [stream.id]
    with pytest.raises(ShardNotReady):
        handsoff.streams.shard(stream.id, 9, timeout=timedelta(0))
    render(stream.id, 9)
    shard = handsoff.streams.shard(stream.id, 9)
    reader = ShardReader(handsoff.streams.fetch(stream.id, shard, tmp_path / "shard.tar"))
    assert [entry.key for entry in reader.entries] == ["000000018", "000000019"]
    reader.close()
    handsoff.streams.delete(stream.id)
    with pytest.raises(Gone):
        handsoff.streams.shard(stream.id, 9)


def test_a_failed_shard_raises(
    handsoff: HandsOff,
    ledger: Ledger,
    stream_id: str,
) -> None:
    """The message is that of the worker. There is no wait."""
    ref = StreamRef(tenant=DEFAULT_TENANT, id=stream_id)
    item = STREAM_SHARDS.item(StreamShardRef(stream=ref, index=0))
    error = JobError(code="input_missing", detail="The fit is gone.")
    OnDemandLedger(ledger).fail(item, error, RETENTION)
    with pytest.raises(ShardFailed, match="The fit is gone"):
        handsoff.streams.shard(stream_id, 0)
