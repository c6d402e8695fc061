"""The body of `POST /v1/streams`, and the view of a stream."""

from typing import Literal

from pydantic import ConfigDict

from app.http.links import Links
from app.recipes import RecipeCreate
from contracts.base import Model, Seed, Timestamp
from contracts.batches import Filter, ImageFormat, PinnedFit
from contracts.recipes.conditions import ConditionShares
from contracts.recipes.targets import Targets
from contracts.schemas import LabelSchema
from contracts.streams import StreamRequest


class StreamCreate(RecipeCreate):
    """The body of `POST /v1/streams`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "fit": "fit_0192f0c1a5b37c8e9d1f2a3b4c5d6e7f",
                    "seed": 1,
                    "filter": {"drop_share": 0.1},
                    "shard_size": 64,
                }
            ]
        }
    )


class StreamView(Model):
    """A stream of labelled samples. Shard k, for any k below `num_shards`, is rendered when it is requested.

    Shard k has `shard_size` samples from index k x `shard_size`. They are the same each time it is read.
    """

    id: str
    kind: Literal["stream"] = "stream"
    created_at: Timestamp
    fit: PinnedFit
    seed: Seed
    truncation: float
    filter: Filter | None
    image_format: ImageFormat
    shard_size: int
    num_shards: int
    render_version: int
    labels: LabelSchema
    condition: ConditionShares | None
    soft_labels: int | None
    ignore_above: float | None
    targets: Targets
    warnings: tuple[str, ...]
    links: dict[str, str]


def show_stream(request: StreamRequest, links: Links) -> StreamView:
    """Return the view of a stream."""
    fields = request.model_dump(exclude={"tenant", "idempotency", "origin"})
    addresses = {
        "self": links.resource("streams", request.id),
        "shard": links.resource("streams", request.id, "shards", "{k}"),
        "record": links.resource("streams", request.id, "shards", "{k}", "record"),
        "tar": links.resource("streams", request.id, "tar"),
    }
    return StreamView.model_validate(
        {**fields, "num_shards": request.num_shards, "links": addresses}
    )
