"""Crops (or pads) all labelled images and their labels alike, to the framing of the generator's samples."""

from dataclasses import replace

import numpy as np
import torch

from models.inversion.framing import Framing, reframe_images
from models.labels.label_generator import from_bytes, to_bytes
from workers.codecs.images import Pixels
from workers.fitting.pairs import Pairs


def reframed(pairs: Pairs, framing: Framing) -> Pairs:
    """Return the same part of every image and of its labels; image by image, because there may be a thousand."""
    if framing == Framing():
        return pairs
    return replace(
        pairs,
        images=tuple(reframed_image(pixels, framing) for pixels in pairs.images),
        labels=tuple(
            {
                codec.name: codec.reframed(labels[codec.name], framing, pairs.px)
                for codec in pairs.codecs
            }
            for labels in pairs.labels
        ),
    )


def reframed_image(pixels: Pixels, framing: Framing) -> Pixels:
    """Return the framed part of one image, at the size of the image."""
    if framing == Framing():
        return pixels
    moved = reframe_images(from_bytes(torch.tensor(pixels)[None]), framing)
    return np.asarray(to_bytes(moved)[0])
