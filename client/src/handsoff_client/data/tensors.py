"""A decoded sample as tensors, and as what torchvision's transforms take. In: NumPy arrays; out: a dict of tensors."""

from typing import Any

import numpy as np
import torch

from handsoff_shards.labels import Labels
from handsoff_shards.samples import Sample

TensorSample = dict[str, Any]


def to_tensors(sample: Sample, labels: Labels) -> TensorSample:
    """A decoded sample as tensors; see `HandsOffDataset` for their shapes."""
    found: TensorSample = {"image": torch.from_numpy(sample.image).permute(2, 0, 1).contiguous()}
    if sample.mask is not None:
        found["mask"] = torch.from_numpy(sample.mask).to(torch.int64)
    if sample.depth is not None and labels.depth is not None:
        depth = sample.depth.astype(np.float32) * np.float32(labels.depth.scale)
        found["depth"] = torch.from_numpy(depth)
        found["depth"][torch.from_numpy(sample.depth == labels.depth.unknown)] = torch.nan
    for name in ("keypoints", "confidence", "uncertainty"):
        if (values := getattr(sample, name)) is not None:
            found[name] = torch.from_numpy(values)
    return found | {name: sample.facts[name] for name in ("index", "seed") if name in sample.facts}


def to_tv_tensors(sample: TensorSample) -> TensorSample:
    """The sample with torchvision's types (`Image`, `Mask`, `KeyPoints`), so that its v2 transforms move labels along.

    Needs torchvision; everything else here does without. Give it as `transform`, or as the first of several.
    """
    from torchvision import tv_tensors  # type: ignore[import-not-found]  # noqa: PLC0415 - optional, and wanted here alone

    typed = dict(sample)
    size = tuple(sample["image"].shape[-2:])
    typed["image"] = tv_tensors.Image(sample["image"])
    for name in {"mask", "depth", "uncertainty"} & sample.keys():
        typed[name] = tv_tensors.Mask(sample[name])
    if "keypoints" in sample:
        points = sample["keypoints"]
        typed["keypoints"] = tv_tensors.KeyPoints(points[:, :2], canvas_size=size)
        typed["visibility"] = points[:, 2]
    return typed
