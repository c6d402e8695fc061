"""The estimated mIoU with classes in too few labelled images for cross-validation to score."""

from collections.abc import Mapping
from statistics import fmean
from typing import Any

from workers.codecs.task import FEW_IMAGES

MIN_SCORED_IMAGES = 2
"""A class in a single image is never in training when that image is scored."""
LONE_SHARE = 0.5
"""The IoU of a class with a single labelled image, as a share of the scored classes' mean IoU.

Measured on portraits: .67 to .75 with a diffusion generator; with StyleGAN2 .30 and .39 for classes in two images.
"""


def without_unscored(metrics: Mapping[str, Any], class_images: Mapping[str, int]) -> dict[str, Any]:
    """Return the measures without the IoU of classes in fewer than two images, which cross-validation cannot score.

    In the mean, a class without images counts as 0, because nothing teaches it; one with a single image counts like the
    rare classes that are scored, or as `LONE_SHARE` of the scored classes' mean if none of them is rare. A mean with
    such a class has no interval.
    """
    scored = {
        name: metrics["class_iou"][name] or 0.0
        for name, count in class_images.items()
        if count >= MIN_SCORED_IMAGES
    }
    lone = _lone_iou(scored, class_images)
    counted = [scored.get(name, lone if count else 0.0) for name, count in class_images.items()]
    class_iou = {
        name: metrics["class_iou"][name] if name in scored else None for name in class_images
    }
    measures = {**metrics, "class_iou": class_iou, "miou": fmean(counted)}
    if len(scored) < len(class_images):
        measures["miou_interval"] = None
    return measures


def _lone_iou(scored: Mapping[str, float], class_images: Mapping[str, int]) -> float:
    """Return the expected IoU of a class in a single image."""
    if not scored:
        return 0.0
    rare = [iou for name, iou in scored.items() if class_images[name] < FEW_IMAGES]
    return fmean(rare) if rare else LONE_SHARE * fmean(scored.values())
