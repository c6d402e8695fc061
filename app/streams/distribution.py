"""How far the samples of a stream have moved from plain samples of its fit. Knows no HTTP."""

from collections.abc import Sequence

from app.services import Services
from app.streams import service
from app.streams.schemas import ClassMovement, Distribution
from contracts.batches import ShardRecord
from contracts.recipes.pilots import PlainShares
from contracts.streams import StreamRef, StreamRequest
from state import keys, records
from state.planning import plain_shares_key

MAX_SHARDS = 64
"""The newest rendered shards that are read."""


def measure(services: Services, ref: StreamRef) -> Distribution:
    """Return the distribution of a stream's newest shards. Raises `NotFound` or `Gone`."""
    request = service.find(services, ref)
    shards = _newest(services, ref)
    plain = records.read_intact(services.store, plain_shares_key(request), PlainShares)
    if plain is not None and plain.fit_digest != request.fit.digest:
        plain = None
    classes = _movements(request, shards, plain)
    return Distribution(
        stream=request.id,
        num_shards=len(shards),
        num_samples=sum(one.num_samples for one in shards),
        num_plain_samples=None if plain is None else plain.num_samples,
        distance=_distance(classes) if shards else None,
        classes=classes,
    )


def _newest(services: Services, ref: StreamRef) -> list[ShardRecord]:
    infos = services.store.list(keys.shards_prefix(ref))
    found = [info for info in infos if info.key.endswith(".json")]
    newest = sorted(found, key=lambda info: info.modified_at, reverse=True)[:MAX_SHARDS]
    read = records.read_all_intact(services.store, [info.key for info in newest], ShardRecord)
    return [one for one in read if one is not None]


def _movements(
    request: StreamRequest, shards: Sequence[ShardRecord], plain: PlainShares | None
) -> tuple[ClassMovement, ...]:
    if not shards:
        return ()
    num_samples = sum(one.num_samples for one in shards)
    num_pixels = max(1, sum(sum(one.class_pixels) for one in shards))
    return tuple(
        ClassMovement(
            name=name,
            pixels=sum(one.class_pixels[index] for one in shards) / num_pixels,
            images=sum(one.class_images[index] for one in shards) / num_samples,
            plain_pixels=None if plain is None else plain.class_pixels[index],
            plain_images=None if plain is None else plain.class_images[index],
        )
        for index, name in enumerate(request.labels.classes)
    )


def _distance(classes: Sequence[ClassMovement]) -> float | None:
    """Return the total variation distance of the pixel shares; None if plain ones are unknown."""
    moved = [abs(one.pixels - one.plain_pixels) for one in classes if one.plain_pixels is not None]
    return sum(moved) / 2 if moved else None
