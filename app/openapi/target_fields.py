"""Descriptions of the targets of batches and streams, and of what a batch has achieved."""

from app.openapi.described import Described, Table

_PRESENCE = {"kind": "presence", "class_name": "hat", "images": 0.4, "min_pixels": 0.02}
_RESULT = {"class_name": "hat", "images": 0.4, "min_pixels": 0.02, "num_images": 4_001}
_KIND = "The kind of target: presence, distribution, more or less."
_MIN_PIXELS = "A sample contains the class from this share of its pixels on; null for half of the labelled median."
_WARNINGS = "The classes of the targets that the fit labels badly, one sentence each."
_WARNING = "The fit labels class 'hat' badly: its estimated IoU is 0.31, below 0.5."

TARGET_FIELDS: Table = {
    "targets": Described("What the samples must show; an empty list without targets.", [_PRESENCE]),
    "BatchManifest.targets": Described(
        "Each class of the targets with the number of samples that contain it.", [_RESULT]
    ),
    "BatchMetrics.targets": Described(
        "Each class of the targets, with its requested and its achieved share.",
        [_RESULT | {"achieved": 0.4001}],
    ),
    "BatchView.warnings": Described(_WARNINGS, [_WARNING]),
    "StreamView.warnings": Described(_WARNINGS, [_WARNING]),
    "PresenceTarget.kind": Described(_KIND, "presence"),
    "DistributionTarget.kind": Described(_KIND, "distribution"),
    "DirectionTarget.kind": Described(_KIND, "more"),
    "class_name": Described("A class of the fit's masks.", "hat"),
    "images": Described("Share of the samples that contains the class; the others do not.", 0.4),
    "DistributionTarget.images": Described(
        "Share of the samples of each class; a sample contains at most one of them.",
        {"hat": 0.3, "glasses": 0.3},
    ),
    "min_pixels": Described(_MIN_PIXELS, 0.02),
    "DistributionTarget.min_pixels": Described(
        "As for a presence: one number for all classes, or one for each.", {"hat": 0.02}
    ),
    "strength": Described("How far codes are moved, in standard deviations of the samples.", 1.5),
    "TargetResult.num_images": Described("Samples that contain the class.", 4_001),
    "AchievedTarget.num_images": Described("Samples that contain the class.", 4_001),
    "achieved": Described("Share of the samples that contains the class.", 0.4001),
    "num_codes": Described("Codes that were drawn for targets or steering; null without.", 52_000),
    "target_images": Described(
        "Samples that contain each class of the targets, in their order; empty without targets.",
        [102],
    ),
    "codes_per_sample": Described("Drawn codes for each sample; null without targets.", 5.2),
    "candidates_per_sample": Described(
        "Rendered candidates for each sample; null without targets.", 1.7
    ),
}
