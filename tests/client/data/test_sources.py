"""The sources of a dataset's shards."""

from pathlib import Path
from typing import Any

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


@pytest.mark.usefixtures("conditional")
def test_a_stream_of_another_condition_has_other_samples(
    handsoff: HandsOff, finished_fit_id: str, tmp_path: Path
) -> None:
    """So neither its cached shards nor its states are shared; equal conditions in another form share both."""
    choices: tuple[int | list[int] | dict[int, float] | None, ...] = (None, 0, [0, 1], {0: 2, 1: 2})
    sources = [
        StreamSource(
            handsoff.url,
            handsoff.streams.create(fit=finished_fit_id, shard_size=2, condition=choice).id,
            cache=ShardCache(tmp_path),
        )
        for choice in choices
    ]
    first, second, third, fourth = (source.identity for source in sources)
    assert len({first, second, third}) == 3
    assert third == fourth


def test_a_stream_with_options_of_masks_has_other_samples(
    handsoff: HandsOff, finished_fit_id: str, tmp_path: Path
) -> None:
    """Each option changes the identity, a limit of 0 too; equal options in another stream do not."""
    options: tuple[dict[str, Any], ...] = (
        {},
        {"soft_labels": 1},
        {"soft_labels": 2},
        {"ignore_above": 0.0},
        {"ignore_above": 0.5},
        {"soft_labels": 2, "ignore_above": 0.5},
    )
    identities = [
        StreamSource(
            handsoff.url,
            handsoff.streams.create(fit=finished_fit_id, shard_size=2, **each).id,
            cache=ShardCache(tmp_path),
        ).identity
        for each in (*options, *options)
    ]
    assert len(set(identities)) == len(options)
    assert identities[: len(options)] == identities[len(options) :]
