"""Fixtures: batch requests and shard records."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from contracts.base import Artefact
from contracts.batches import BatchRequest, ShardRecord
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.recipes.recipe import Filter, PinnedFit
from contracts.schemas import LabelSchema

CREATED_AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def batch_request() -> BatchRequest:
    """Return a request for 70 samples in five shards of 16; the last shard has six."""
    return BatchRequest(
        tenant=DEFAULT_TENANT,
        id=new_id("batch"),
        created_at=CREATED_AT,
        fit=PinnedFit(id=new_id("fit"), digest="0" * 64),
        n=70,
        seed=1,
        truncation=0.7,
        filter=None,
        image_format="png",
        shard_size=16,
        render_version=1,
        labels=LabelSchema(classes=("background", "skin")),
    )


@pytest.fixture
def filtered_request(batch_request: BatchRequest) -> BatchRequest:
    """Return the same request with a filter that drops the most uncertain 10%."""
    return batch_request.model_copy(update={"filter": Filter(drop_share=0.1)})


@pytest.fixture
def shard_record(batch_request: BatchRequest) -> Callable[[int], ShardRecord]:
    """Return a function that returns the record of one shard."""

    def make(index: int) -> ShardRecord:
        num_samples = len(batch_request.samples(index))
        return ShardRecord(
            index=index,
            tar=Artefact(key=f"shard-{index}", sha256=f"{index:064x}", num_bytes=100),
            num_samples=num_samples,
            num_candidates=num_samples + index,
            class_pixels=(10, index),
            class_images=(num_samples, 1),
            candidate_class_images=(num_samples, 2),
            mean_score=float(index),
            threshold=None,
            started_at=CREATED_AT,
            finished_at=CREATED_AT,
            render_seconds=1.0,
        )

    return make
