"""Streams in a training loop: PyTorch and webdataset read them from the real app. Fixtures act as workers."""

from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
import webdataset  # type: ignore[import-untyped]  # it has no annotations

from handsoff_client import HandsOff, ShardCache, StreamSource, decode_mask
from handsoff_client.torch import HandsOffDataset
from tests.app.streams.conftest import Render
from tests.client.conftest import mask_of


def test_a_dataset_reads_a_stream_and_resumes(
    handsoff: HandsOff,
    finished_fit_id: str,
    render: Render,
    tmp_path: Path,
) -> None:
    """Every sample is read once, in order. A state fits another stream of the same recipe."""

    def read(source: StreamSource, num_batches: int, state: Any = None) -> tuple[list[int], Any]:
        dataset = HandsOffDataset(source, batch_size=4, seed=1, fields=("index",))
        if state is not None:
            dataset.load_state_dict(state)
        batches = iter(dataset.loader())
        read = [int(index) for _ in range(num_batches) for index in next(batches)["index"]]
        return read, dataset.state_dict()

    streams = [handsoff.streams.create(fit=finished_fit_id, shard_size=4) for _ in range(2)]
    for stream in streams:
        for shard in range(7):
            render(stream.id, shard)
    sources = [StreamSource(handsoff.url, s.id, cache=ShardCache(tmp_path)) for s in streams]
    first, state = read(sources[0], 2)
    rest, _ = read(sources[1], 2, state)
    assert [index // 4 for index in first + rest] == [k for k in range(4) for _ in range(4)]
    assert sorted(first + rest) == list(range(16))


@pytest.mark.timeout(60)
def test_webdataset_reads_a_stream_through_a_pipe(
    client: httpx2.Client,
    stream_id: str,
    render: Render,
) -> None:
    """The pipe of docs/13 is one tar of several shards. Labels stay exact."""
    for shard in (3, 4):
        render(stream_id, shard)
    url = f"{client.base_url}/v1/streams/{stream_id}/tar?start=3&shards=2"
    samples = list(webdataset.WebDataset(f"pipe:curl -sSN '{url}'", shardshuffle=False))
    assert [sample["__key__"] for sample in samples] == [f"{index:09d}" for index in range(12, 20)]
    assert np.array_equal(decode_mask(samples[5]["mask.png"]), mask_of(17))
