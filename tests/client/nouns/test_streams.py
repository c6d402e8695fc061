"""Streams by the client, on the real app over real HTTP; the worker is played."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from structlog.testing import capture_logs

from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobError
from contracts.streams import StreamRef, StreamShardRef
from handsoff_client import (
    Gone,
    HandsOff,
    ShardCache,
    ShardFailed,
    ShardNotReady,
    ShardReader,
    StreamSource,
)
from handsoff_client.cli.commands import main
from state.ledger import Ledger
from state.on_demand.kinds import STREAM_SHARDS
from state.on_demand.ledger import OnDemandLedger
from state.queues import RETENTION
from tests.app.streams.conftest import Render, render, stream_id  # noqa: F401 - fixtures
from tests.client.conftest import tar_of


@pytest.fixture
def write_shard() -> Callable[[range], bytes]:
    """Samples with every kind of label."""
    return tar_of


@pytest.fixture
def handsoff(client: httpx2.Client) -> Iterator[HandsOff]:
    """Our client of the app under test."""
    with HandsOff(str(client.base_url)) as handsoff:
        yield handsoff


def test_a_stream_is_made_read_listed_and_erased(
    handsoff: HandsOff,
    finished_fit_id: str,
    render: Render,  # noqa: F811 - a fixture
    tmp_path: Path,
) -> None:
    """A shard that is not there is waited for as long as is said, without the pauses of a failure."""
    stream = handsoff.streams.create(fit=finished_fit_id, seed=3, drop_share=0.1, shard_size=2)
    assert handsoff.streams.get(stream.id) == stream
    assert [found.id for found in handsoff.streams.list()] == [stream.id]
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


def test_a_shard_that_failed_raises(
    handsoff: HandsOff,
    ledger: Ledger,
    stream_id: str,  # noqa: F811 - a fixture
) -> None:
    """With what the worker met; nobody waits for it."""
    ref = StreamRef(tenant=DEFAULT_TENANT, id=stream_id)
    item = STREAM_SHARDS.item(StreamShardRef(stream=ref, index=0))
    error = JobError(code="input_missing", detail="The fit is gone.")
    OnDemandLedger(ledger).fail(item, error, RETENTION)
    with pytest.raises(ShardFailed, match="The fit is gone"):
        handsoff.streams.shard(stream_id, 0)


def test_a_shard_in_the_cache_needs_no_service(
    handsoff: HandsOff,
    finished_fit_id: str,
    render: Render,  # noqa: F811 - a fixture
    tmp_path: Path,
) -> None:
    """What was read once is read again while the service is away, also of a stream that is gone there."""
    stream = handsoff.streams.create(fit=finished_fit_id, shard_size=2)
    render(stream.id, 0)
    source = StreamSource(handsoff.url, stream.id, cache=ShardCache(tmp_path))
    first = source.path(0)
    handsoff.streams.delete(stream.id)
    assert source.path(0) == first
    first.unlink()
    with pytest.raises(Gone):
        source.path(0)


def test_the_command_line_makes_and_fetches_streams(
    client: httpx2.Client,
    finished_fit_id: str,
    render: Render,  # noqa: F811 - a fixture
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The id to use in the next command, shards as plain tars, and how it is described."""

    def command(*words: str) -> str:
        with capture_logs():
            assert main(["--url", str(client.base_url), *words]) == 0
        return capsys.readouterr().out

    made = command("stream", finished_fit_id, "--shard-size", "2", "--seed", "5").strip()
    for shard in (3, 4):
        render(made, shard)
    command("stream", made, "--out", str(tmp_path), "--start", "3", "--shards", "2")
    assert sorted(path.name for path in tmp_path.glob("*.tar")) == [
        "shard-000003.tar",
        "shard-000004.tar",
    ]
    assert made in command("streams")
    assert "shard_size  2" in command("show", made)
