"""Settings of small networks that train on labelled images, in evaluations and beside a fit's estimate."""

import torch

from contracts.schemas import LabelSchema
from handsoff_shards.labels import mirrored_names
from models.downstream.options import Precision
from models.precision import has_fast_bfloat16
from models.tasks.keypoints import KeypointTask
from models.tasks.mirroring import Swaps
from models.tasks.segmentation import SegmentationTask

MAX_PX = 256
"""The longer side of the images that downstream networks read: larger ones take hours and change no verdict."""


def mirror_swaps(labels: LabelSchema) -> Swaps | None:
    """Return how the names of a schema change in mirrored images; None when a left or right name has no partner.

    Without partners no image may be mirrored: a mirrored left hand would be a right hand without a name.
    """
    names = {
        SegmentationTask.name: labels.classes,
        KeypointTask.name: labels.keypoints.names if labels.keypoints else (),
    }
    swaps = {task: mirrored_names(parts) for task, parts in names.items() if parts}
    known = {task: swap for task, swap in swaps.items() if swap is not None}
    return known if len(known) == len(swaps) else None


def network_px(image_px: tuple[int, int], max_px: int = MAX_PX) -> tuple[int, int]:
    """Return the height and width at which a network reads images: at most `max_px` on the longer side."""
    scale = min(1.0, max_px / max(image_px))
    return max(round(image_px[0] * scale), 1), max(round(image_px[1] * scale), 1)


def fastest_precision(device: torch.device) -> Precision:
    """Return the precision in which a device trains fastest."""
    return "bfloat16" if has_fast_bfloat16(device) else "float32"
