"""The figures of the benchmark of targets, from drawn samples and the masks of the reference segmenter."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.segmenter.network import Segmenter, segment
from benchmarks.segmenter.reference import WORN_PIXELS
from benchmarks.targets.sampling import Drawn, Pilot, Sampler
from examples.portraits.classes import CLASS_NAMES
from models.targets.assignment import Assignment
from models.targets.directions import class_directions

STRENGTHS = (-1.5, -0.75, 0.0, 0.75, 1.5)
Masks = NDArray[np.uint8]


def presence_seen(
    sampler: Sampler, drawn: Drawn, share: float, number: int, segmenter: Segmenter
) -> dict[str, Any]:
    """Return the share of the samples with a class as the fit assigned it, and as the reference segmenter sees it."""
    masks = segment(segmenter, drawn.images.numpy())
    seen = (masks == number).sum(axis=(1, 2)) >= WORN_PIXELS
    assigned = np.array([Assignment(sampler.seed, [[share]]).of(one)[0] for one in drawn.attempts])
    return {
        "samples": len(seen),
        "requested": share,
        "assigned": round(float(assigned.mean()), 4),
        "seen": round(float(seen.mean()), 4),
        "seen_where_assigned": round(float(seen[assigned].mean()), 4),
        "seen_elsewhere": round(float(seen[~assigned].mean()), 4),
        "candidates_per_sample": round(drawn.candidates_per_sample, 2),
        "codes_per_sample": round(drawn.num_codes / len(seen), 1),
        "is_within_3_points": bool(abs(seen.mean() - share) <= 0.03),
    }


def class_shares(masks: Tensor | Masks) -> NDArray[np.float64]:
    """Return the mean share of each class in masks, in percent."""
    array = np.asarray(masks)
    return 100 * np.bincount(array.ravel(), minlength=len(CLASS_NAMES)) / array.size


def steered(
    sampler: Sampler, pilot: Pilot, names: Sequence[str], count: int, segmenter: Segmenter
) -> tuple[dict[str, Any], dict[str, list[Tensor]]]:
    """Return the class shares at each strength of each direction, as both see them, and the moved images."""
    numbers = [CLASS_NAMES.index(name) for name in names]
    directions = class_directions(pilot.vectors, pilot.shares, numbers)
    plain = sampler.moved(count, None)
    figures, pictures = {}, {}
    for name, number, direction in zip(names, numbers, directions, strict=True):
        moved = [
            plain if not strength else sampler.moved(count, (strength * direction).float())
            for strength in STRENGTHS
        ]
        by_fit = [class_shares(_masks(one)) for one in moved]
        seen = [class_shares(segment(segmenter, one.images.numpy())) for one in moved]
        figures[name] = {"fit": row(by_fit, number), "reference": row(seen, number)}
        pictures[name] = [one.images for one in moved]
    return figures, pictures


def row(shares: Sequence[NDArray[np.float64]], number: int) -> dict[str, Any]:
    """Return the shares of one class by strength in percent, and the largest change of another class in points."""
    own = [one[number] for one in shares]
    others = np.delete(np.stack(shares), number, axis=1)
    change = np.abs(others - others[STRENGTHS.index(0.0)])
    return {
        "shares": [round(float(one), 2) for one in own],
        "is_monotone": bool((np.diff(own) > 0).all()),
        "most_of_others": round(float(change.max()), 2),
    }


def _masks(drawn: Drawn) -> Tensor:
    return torch.stack([drawn.samples[index].mask for index in sorted(drawn.samples)])
