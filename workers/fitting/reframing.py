"""Crops (or pads) all labelled images and their labels alike, to the framing of the generator's samples."""

from dataclasses import replace

import numpy as np
import torch

from models.inversion.framing import (
    Framing,
    reframe_depths,
    reframe_images,
    reframe_masks,
    reframe_points,
)
from models.labels.label_generator import from_bytes, to_bytes
from workers.codecs.images import Pixels
from workers.fitting.pairs import ImageLabels, Pairs


def reframed(pairs: Pairs, framing: Framing) -> Pairs:
    """Return the same part of every image and of its labels; image by image, because there may be a thousand."""
    if framing == Framing():
        return pairs
    return replace(
        pairs,
        images=tuple(_image(pixels, framing) for pixels in pairs.images),
        labels=tuple(_labels(labels, framing, pairs.px) for labels in pairs.labels),
    )


def _image(pixels: Pixels, framing: Framing) -> Pixels:
    moved = reframe_images(from_bytes(torch.tensor(pixels)[None]), framing)
    return np.asarray(to_bytes(moved)[0])


def _labels(labels: ImageLabels, framing: Framing, px: tuple[int, int]) -> ImageLabels:
    mask, points, depth = labels.mask, labels.points, labels.depth
    if mask is not None:
        moved = reframe_masks(torch.tensor(mask)[None].long(), framing)
        mask = np.asarray(moved[0].byte())
    if points is not None:
        points = np.asarray(reframe_points(torch.tensor(points)[None], framing, px)[0])
    if depth is not None:
        depth = np.asarray(reframe_depths(torch.tensor(depth)[None], framing)[0])
    return ImageLabels(mask, points, depth)
