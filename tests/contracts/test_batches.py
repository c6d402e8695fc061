"""Batch requests, pilots and manifests."""

from collections.abc import Callable

import pytest

from contracts.base import now
from contracts.batches import BatchRequest, Pilot, ShardRecord, batch_manifest


def test_shards_divide_the_samples(batch_request: BatchRequest) -> None:
    """Every sample is in exactly one shard, in order."""
    shards = [batch_request.samples(k) for k in range(batch_request.num_shards)]
    assert [i for shard in shards for i in shard] == list(range(70))
    assert len(shards[-1]) == 6


def test_there_is_no_shard_after_the_last(batch_request: BatchRequest) -> None:
    """A shard past the last one is an error, not an empty range."""
    with pytest.raises(IndexError, match="from 0 to 4"):
        batch_request.samples(5)


def test_the_manifest_is_a_pure_function(
    batch_request: BatchRequest, shard_record: Callable[[int], ShardRecord]
) -> None:
    """The same request and records give the same bytes, in any order of the records."""
    records = {k: shard_record(k) for k in range(5)}
    reversed_records = {k: records[k] for k in reversed(range(5))}
    first = batch_manifest(batch_request, records).model_dump_json()
    assert first == batch_manifest(batch_request, reversed_records).model_dump_json()


def test_the_manifest_adds_up(
    batch_request: BatchRequest, shard_record: Callable[[int], ShardRecord]
) -> None:
    """Counts are sums over the shards; the mean score is weighted by samples."""
    manifest = batch_manifest(batch_request, {k: shard_record(k) for k in range(5)})
    assert (manifest.num_samples, manifest.num_candidates, manifest.num_bytes) == (70, 80, 500)
    assert manifest.class_pixels == (50, 10)
    assert manifest.mean_score == pytest.approx((16 * (0 + 1 + 2 + 3) + 6 * 4) / 70)


def test_a_manifest_needs_every_record(
    batch_request: BatchRequest, shard_record: Callable[[int], ShardRecord]
) -> None:
    """The error lists the shards without a record."""
    with pytest.raises(ValueError, match=r"shards \[3\]"):
        batch_manifest(batch_request, {k: shard_record(k) for k in range(5) if k != 3})


def test_a_pilot_converts_a_share_to_a_threshold() -> None:
    """A filter that drops 10% keeps scores up to the 90% quantile."""
    quantiles = tuple(k / 1_000 for k in range(1_001))
    pilot = Pilot(
        fit_digest="0" * 64,
        truncation=0.7,
        num_samples=2_000,
        quantiles=quantiles,
        measured_at=now(),
    )
    assert pilot.threshold(0.1) == 0.9
