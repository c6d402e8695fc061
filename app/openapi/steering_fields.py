"""Descriptions of streams that answer: the option, reports, the state, and the distribution of a stream."""

from app.openapi.described import MOMENT, Described, Table, example_id

_WEIGHTS = "The weak classes: how far the loss is above the mean of all, adding up to 1. Empty: none is weaker."

STEERING_FIELDS: Table = {
    "StreamCreate.steering": Described(
        "Answer the reported losses: later shards show more of weak classes. Null: the samples are fixed.",
        {"strength": 3.0, "every": 4},
    ),
    "StreamView.steering": Described("How the stream answers reported losses; null if its samples are fixed."),
    "Steering.strength": Described(
        "How strongly weak classes are preferred: a sample is drawn in proportion to exp(strength x weakness).", 3.0
    ),
    "Steering.every": Described("Consecutive shards that share a version of the steering state.", 4),
    "LossReport.losses": Described(
        "The mean loss or entropy over the pixels of each class since the last report. Classes may be missing.",
        {"skin": 0.1, "glasses": 0.8},
    ),
    "SteeringView.stream": Described("The stream.", example_id("stream")),
    "SteeringView.version": Described("The number of reports so far; 0 before the first.", 12),
    "SteeringView.losses": Described("The smoothed loss of each reported class.", {"skin": 0.12, "glasses": 0.71}),
    "SteeringView.weights": Described(_WEIGHTS, {"glasses": 1.0}),
    "SteeringView.created_at": Described("When the latest report was received; null before the first.", MOMENT),
    "steering_version": Described("The steering version that decided the shard; null without steering.", 12),
    "Distribution.stream": Described("The stream.", example_id("stream")),
    "Distribution.num_shards": Described("The newest rendered shards that were counted, at most 64.", 12),
    "Distribution.num_samples": Described("Samples in these shards.", 3_072),
    "Distribution.num_plain_samples": Described("Plain samples of the pilot; null if there was none.", 2_000),
    "Distribution.distance": Described(
        "Half of the sum of the differences of the pixel shares, from 0 to 1; null without shards or pilot.", 0.04
    ),
    "Distribution.classes": Described("Each class of the masks; empty without shards."),
    "ClassMovement.name": Described("The class.", "glasses"),
    "ClassMovement.pixels": Described("Share of the pixels of the shards.", 0.012),
    "ClassMovement.images": Described("Share of the samples of the shards with at least one pixel of it.", 0.31),
    "ClassMovement.plain_pixels": Described("The same share in plain samples; null if unknown.", 0.003),
    "ClassMovement.plain_images": Described("The same share in plain samples; null if unknown.", 0.12),
}  # fmt: skip
