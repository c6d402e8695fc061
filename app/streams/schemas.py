"""The bodies of `POST /v1/streams` and of reports, and the views of a stream, its steering and its distribution."""

from typing import Literal

from pydantic import ConfigDict

from app.http.links import Links
from app.recipes import RecipeCreate
from contracts.base import Model, Seed, Timestamp
from contracts.recipes.conditions import ConditionShares
from contracts.recipes.recipe import Filter, ImageFormat, PinnedFit
from contracts.recipes.steering import PLAIN, Losses, Steering, SteeringVersion
from contracts.recipes.targets import Targets
from contracts.schemas import LabelSchema
from contracts.streams import StreamRef, StreamRequest


class StreamCreate(RecipeCreate):
    """The body of `POST /v1/streams`. With `steering`, the stream answers the losses that its readers report."""

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

    steering: Steering | None = None


class StreamView(Model):
    """A stream of labelled samples. Shard k, for any k below `num_shards`, is rendered when it is requested.

    Shard k has `shard_size` samples from index k x `shard_size`. They are the same each time it is read. Those of a
    stream with `steering` depend on the losses that were reported before its first rendering.
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
    steering: Steering | None
    links: dict[str, str]


class LossReport(Model):
    """The body of `POST /v1/streams/{id}/reports`: the mean loss of each class since the reader's last report.

    The mean is that over the pixels of the class. Loss or entropy, in any unit: the classes of one stream are compared.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"losses": {"skin": 0.1, "glasses": 0.8}}]}
    )

    losses: Losses


class SteeringView(Model):
    """The steering state of a stream after the latest report. Version 0 is the state before the first one."""

    stream: str
    version: int
    losses: dict[str, float]
    weights: dict[str, float]
    created_at: Timestamp | None
    links: dict[str, str]


class ClassMovement(Model):
    """A class in rendered shards and in plain samples of the fit: shares of the pixels, and of the images with it."""

    name: str
    pixels: float
    images: float
    plain_pixels: float | None
    plain_images: float | None


class Distribution(Model):
    """The classes in the newest rendered shards of a stream, against plain samples of its fit.

    Plain samples have no filter, targets and steering. They were measured by the pilot; without one they are null.
    `distance` is half of the sum of the differences of the pixel shares: 0 for equal distributions, at most 1.
    """

    stream: str
    num_shards: int
    num_samples: int
    num_plain_samples: int | None
    distance: float | None
    classes: tuple[ClassMovement, ...]


def show_steering(stream: StreamRef, version: SteeringVersion | None, links: Links) -> SteeringView:
    """Return the view of the steering state; None is the state before the first report."""
    return SteeringView(
        stream=stream.id,
        version=PLAIN if version is None else version.version,
        losses={} if version is None else version.losses,
        weights={} if version is None else version.weights,
        created_at=None if version is None else version.created_at,
        links={"self": links.resource("streams", stream.id, "steering")},
    )


def show_stream(request: StreamRequest, links: Links) -> StreamView:
    """Return the view of a stream."""
    fields = request.model_dump(exclude={"tenant", "idempotency", "origin"})
    addresses = {
        "self": links.resource("streams", request.id),
        "shard": links.resource("streams", request.id, "shards", "{k}"),
        "record": links.resource("streams", request.id, "shards", "{k}", "record"),
        "tar": links.resource("streams", request.id, "tar"),
        "distribution": links.resource("streams", request.id, "distribution"),
    }
    if request.steering is not None:
        addresses["steering"] = links.resource("streams", request.id, "steering")
        addresses["reports"] = links.resource("streams", request.id, "reports")
    return StreamView.model_validate(
        {**fields, "num_shards": request.num_shards, "links": addresses}
    )
