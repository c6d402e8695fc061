"""Batch requests, pilots and manifests."""

import time
from collections.abc import Callable

import pytest
from pydantic import ValidationError

from contracts.base import now
from contracts.batches import BatchRequest, ShardRecord, batch_manifest
from contracts.recipes.conditions import ConditionChoice, resolve_condition
from contracts.recipes.pilots import Pilot


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


@pytest.mark.parametrize(
    ("choice", "shares"),
    [
        (None, None),
        (3, {"3": 1.0}),
        ((10, 2), {"2": 0.5, "10": 0.5}),
        ({"3": 6.0, "0": 2.0}, {"0": 0.25, "3": 0.75}),
    ],
)
def test_a_condition_becomes_shares(
    choice: ConditionChoice | None, shares: dict[str, float] | None
) -> None:
    """One class, a list or weights become shares in the order of the classes, whose sum is 1."""
    resolved = resolve_condition(choice)
    assert resolved == shares
    assert list(resolved or ()) == list(shares or ())


def test_a_class_is_listed_once() -> None:
    """Twice the same class would be a weight that the caller may not have meant."""
    with pytest.raises(ValueError, match="got 3 twice"):
        resolve_condition((3, 1, 3))


def test_a_long_list_with_a_repeated_class_is_refused_quickly() -> None:
    """The longest list that a caller may send, repeated at its end: comparing all pairs took minutes of the app."""
    began = time.process_time()
    with pytest.raises(ValueError, match="got 99998 twice"):
        resolve_condition((*range(99_999), 99_998))
    assert time.process_time() - began < 5


def test_the_manifest_counts_the_samples_of_each_condition(
    batch_request: BatchRequest, shard_record: Callable[[int], ShardRecord]
) -> None:
    """Also those of a class without a sample. Records of earlier versions have no counts, so a batch has none."""
    counts: list[dict[str, int]] = [{"0": 3, "2": 1}, {"2": 4}, {}, {}, {"0": 2}]
    records = {
        k: shard_record(k).model_copy(update={"condition_samples": counts[k]}) for k in range(5)
    }
    shares = {"0": 0.5, "2": 0.25, "7": 0.25}
    manifest = batch_manifest(batch_request.model_copy(update={"condition": shares}), records)
    assert (manifest.condition, manifest.condition_samples) == (shares, {"0": 5, "2": 5, "7": 0})
    earlier = batch_manifest(batch_request, {k: shard_record(k) for k in range(5)})
    assert (earlier.condition, earlier.condition_samples) == (None, {})


def test_records_of_earlier_versions_have_no_options_of_masks(
    batch_request: BatchRequest, shard_record: Callable[[int], ShardRecord]
) -> None:
    """Requests and shard records without the fields are read; the manifest counts no ignored pixel."""
    old = batch_request.model_dump(mode="json", exclude={"soft_labels", "ignore_above"})
    assert BatchRequest.model_validate(old) == batch_request
    parts = [shard_record(k).model_dump(exclude={"ignored_pixels"}) for k in range(5)]
    records = {k: ShardRecord.model_validate(part) for k, part in enumerate(parts)}
    assert batch_manifest(batch_request, records).ignored_pixels == 0


def test_ignored_pixels_add_up(
    batch_request: BatchRequest, shard_record: Callable[[int], ShardRecord]
) -> None:
    """The manifest has the sum over the shards."""
    records = {k: shard_record(k).model_copy(update={"ignored_pixels": 10 + k}) for k in range(5)}
    assert batch_manifest(batch_request, records).ignored_pixels == 60


@pytest.mark.parametrize(
    "options", [{"soft_labels": 9}, {"soft_labels": 0}, {"ignore_above": 1.0}], ids=str
)
def test_a_stored_request_has_options_within_their_limits(
    batch_request: BatchRequest, options: dict[str, float]
) -> None:
    """A worker never sees others."""
    with pytest.raises(ValidationError):
        BatchRequest.model_validate(batch_request.model_dump() | options)
