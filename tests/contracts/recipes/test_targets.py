"""Targets in requests and records."""

from collections.abc import Callable

from contracts.batches import BatchRequest, ShardRecord, batch_manifest
from contracts.recipes.targets import (
    DirectionTarget,
    DistributionTarget,
    PresenceTarget,
    Target,
    class_targets,
    groups_of,
)

LEAST = {"hat": 0.02, "glasses": 0.01}
HAT = PresenceTarget(kind="presence", class_name="hat", images=0.4)
EITHER = DistributionTarget(kind="distribution", images={"hat": 0.3, "glasses": 0.2})
MORE = DirectionTarget(kind="more", class_name="hat", strength=2)


def numbers(target: Target) -> list[tuple[str, float, float]]:
    """Return name, least share of pixels and share of images of each class."""
    return [(one.class_name, one.min_pixels, one.images) for one in target.group]


def test_a_default_is_that_of_the_class() -> None:
    """A number of the request is kept; one number holds for all classes of a distribution."""
    assert numbers(HAT.resolved(LEAST)) == [("hat", 0.02, 0.4)]
    own = HAT.model_copy(update={"min_pixels": 0.5})
    assert numbers(own.resolved(LEAST)) == [("hat", 0.5, 0.4)]
    assert numbers(EITHER.resolved(LEAST)) == [("hat", 0.02, 0.3), ("glasses", 0.01, 0.2)]
    for given, expected in ((0.5, [0.5, 0.5]), ({"glasses": 0.5}, [0.02, 0.5])):
        part = EITHER.model_copy(update={"min_pixels": given}).resolved(LEAST)
        assert [least for _, least, _ in numbers(part)] == expected


def test_directions_have_no_classes_to_assign() -> None:
    """They move every sample, so samples are assigned only to the other targets."""
    targets: list[Target] = [MORE, EITHER.resolved(LEAST)]
    assert [len(group) for group in groups_of(targets)] == [2]
    assert [one.class_name for one in class_targets(targets)] == ["hat", "glasses"]


def test_only_directions_change_a_pilot(batch_request: BatchRequest) -> None:
    """A presence chooses among the samples, a direction moves them: then the filter is measured again."""
    with_presence = batch_request.model_copy(update={"targets": (HAT.resolved(LEAST),)})
    assert with_presence.pilot_digest == batch_request.pilot_digest is None
    with_direction = batch_request.model_copy(update={"targets": (MORE,)})
    stronger = MORE.model_copy(update={"strength": 3.0})
    other = batch_request.model_copy(update={"targets": (stronger,)})
    assert len({one.pilot_digest for one in (batch_request, with_direction, other)}) == 3


def test_the_manifest_counts_the_samples_of_each_target(
    batch_request: BatchRequest, shard_record: Callable[[int], ShardRecord]
) -> None:
    """Samples and codes are sums over the shards; records without targets have neither."""
    request = batch_request.model_copy(update={"targets": (EITHER.resolved(LEAST),)})
    counted = {"target_images": (5, 3), "num_codes": 100}
    records = {k: shard_record(k).model_copy(update=counted) for k in range(5)}
    manifest = batch_manifest(request, records)
    assert [(one.class_name, one.num_images) for one in manifest.targets] == [
        ("hat", 25),
        ("glasses", 15),
    ]
    assert manifest.num_codes == 500
    plain = batch_manifest(batch_request, {k: shard_record(k) for k in range(5)})
    assert (plain.targets, plain.num_codes) == ((), None)


def test_an_earlier_record_has_no_targets(
    batch_request: BatchRequest, shard_record: Callable[[int], ShardRecord]
) -> None:
    """Requests and records that were stored before this version are read."""
    request = batch_request.model_dump_json(exclude={"targets"})
    assert BatchRequest.from_stored(request).targets == ()
    record = ShardRecord.from_stored(
        shard_record(0).model_dump_json(exclude={"target_images", "num_codes"})
    )
    assert (record.target_images, record.num_codes) == ((), None)
