"""Convert a decoded sample to tensors, and to the types of torchvision. In: NumPy arrays; out: a dict of tensors."""

from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from handsoff_shards.decoding import SoftLabels
from handsoff_shards.labels import Labels
from handsoff_shards.samples import Sample

TensorSample = dict[str, Any]
SoftAs = Literal["dense", "topk"]
"""Soft labels as the probability of every class, or as the most probable classes with their probabilities."""

_MAPS = {"mask", "depth", "uncertainty", "soft_labels", "soft_classes", "soft_probabilities"}


def to_tensors(sample: Sample, labels: Labels, soft: SoftAs | None = "dense") -> TensorSample:
    """Return a decoded sample as tensors, without soft labels if `soft` is None. `HandsOffDataset` has their shapes."""
    tensors: TensorSample = {"image": torch.from_numpy(sample.image).permute(2, 0, 1).contiguous()}
    if sample.mask is not None:
        tensors["mask"] = torch.from_numpy(sample.mask).to(torch.int64)
    if sample.depth is not None and labels.depth is not None:
        depth = sample.depth.astype(np.float32) * np.float32(labels.depth.scale)
        tensors["depth"] = torch.from_numpy(depth)
        tensors["depth"][torch.from_numpy(sample.depth == labels.depth.unknown)] = torch.nan
    if sample.soft_labels is not None and soft is not None:
        tensors |= _soft(sample.soft_labels, len(labels.classes), soft)
    for name in ("keypoints", "confidence", "uncertainty"):
        if (values := getattr(sample, name)) is not None:
            tensors[name] = torch.from_numpy(values)
    facts = {
        name: sample.facts[name] for name in ("index", "seed", "condition") if name in sample.facts
    }
    return tensors | facts


def _soft(labels: SoftLabels, num_classes: int, soft: SoftAs) -> TensorSample:
    if soft == "dense":
        return {"soft_labels": torch.from_numpy(labels.dense(num_classes))}
    return {
        "soft_classes": torch.from_numpy(labels.classes).to(torch.int64),
        "soft_probabilities": torch.from_numpy(labels.probabilities),
    }


class ClassLosses:
    """Adds up the losses of pixels by class, for `StreamSource.report`."""

    def __init__(self, labels: Labels) -> None:
        self._classes = labels.classes
        self._sums = torch.zeros(2, len(labels.classes), dtype=torch.float64)

    def add(self, losses: Tensor, mask: Tensor) -> None:
        """Add the losses [n, h, w] of some samples, such as `cross_entropy(..., reduction="none")`, by their mask.

        Pixels whose class is ignored, and losses that are not finite, do not count.
        """
        flat, classes = losses.detach().flatten(), mask.flatten()
        counted = (classes >= 0) & (classes < len(self._classes)) & flat.isfinite()
        flat, classes = flat[counted].double(), classes[counted]
        for row, weights in enumerate((flat, torch.ones_like(flat))):
            sums = torch.bincount(classes, weights, minlength=len(self._classes))
            self._sums[row] += sums.cpu()

    def take(self) -> dict[str, float]:
        """Return the mean loss of each class since the last call, without classes that had no pixel."""
        sums, counts = self._sums.tolist()
        self._sums.zero_()
        found = zip(self._classes, sums, counts, strict=True)
        return {name: total / count for name, total, count in found if count}


def to_tv_tensors(sample: TensorSample) -> TensorSample:
    """Return the sample in the types of torchvision (`Image`, `Mask`, `KeyPoints`), so v2 transforms move labels too.

    Only this function needs torchvision. Pass it as `transform`, or call it first in your transform.
    """
    from torchvision import tv_tensors  # type: ignore[import-not-found]  # noqa: PLC0415 - optional, and needed only here

    typed = dict(sample)
    size = tuple(sample["image"].shape[-2:])
    typed["image"] = tv_tensors.Image(sample["image"])
    for name in _MAPS & sample.keys():
        typed[name] = tv_tensors.Mask(sample[name])
    if "keypoints" in sample:
        points = sample["keypoints"]
        typed["keypoints"] = tv_tensors.KeyPoints(points[:, :2], canvas_size=size)
        typed["visibility"] = points[:, 2]
    return typed
