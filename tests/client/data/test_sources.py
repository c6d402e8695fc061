"""The sources of a dataset's shards."""

from pathlib import Path

import pytest

from handsoff_client import Gone, HandsOff, ShardCache, StreamSource
from tests.app.streams.conftest import Render


def test_a_cached_shard_needs_no_service(
    handsoff: HandsOff,
    finished_fit_id: str,
    render: Render,
    tmp_path: Path,
) -> None:
    """A shard that was read once can be read without the service, also after its stream was deleted."""
    stream = handsoff.streams.create(fit=finished_fit_id, shard_size=2)
    render(stream.id, 0)
    source = StreamSource(handsoff.url, stream.id, cache=ShardCache(tmp_path))
    first = source.path(0)
    handsoff.streams.delete(stream.id)
    assert source.path(0) == first
    first.unlink()
    with pytest.raises(Gone):
        source.path(0)
