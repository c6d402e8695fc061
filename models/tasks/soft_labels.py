"""Soft labels: the most probable classes of each pixel with their probabilities in 8 bits.

In: the mean class probabilities of an ensemble, [n, classes, h, w]. Out: bytes [n, kept, h, w], which are small enough
to store. They keep the doubt of the ensemble that a mask loses.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from models.arrays import FeatureMaps

STEPS = 255  # steps of a probability of 1

KeptBytes = UInt8[Tensor, "batch kept height width"]
# Of one image.
ClassMaps = Float[Tensor, "classes height width"]
Planes = Float[Tensor, "kept height width"]
PlaneBytes = UInt8[Tensor, "kept height width"]


@dataclass(frozen=True)
class SoftLabels:
    """The kept classes of each pixel, the most probable one first, and their probabilities in steps of 1/255.

    The steps of a pixel never increase from plane to plane and add up to at most 255; the rest up to 255 belongs to all
    other classes together. `classes[:, 0]` is the mask. Among the others, the lowest class comes first if they have
    the same number of whole steps.
    """

    classes: KeptBytes
    steps: KeptBytes

    @classmethod
    def of(cls, probabilities: FeatureMaps, kept: int) -> "SoftLabels":
        """Return the `kept` most probable classes. Raise ValueError unless 1 <= kept <= classes.

        A step differs from 255 p by less than 1, and the rest by at most 1/2.
        """
        if not 1 <= kept <= probabilities.shape[1]:
            raise ValueError(
                f"expected 1 to {probabilities.shape[1]} kept classes, the number of classes, got {kept}"
            )
        # Image by image: copies of all maps would be 80 MB each for every image of 1024 px with 19 classes.
        parts = [_kept(image, kept) for image in probabilities]
        classes, steps = (torch.stack(each) for each in zip(*parts, strict=True))
        return cls(classes, steps)

    @classmethod
    def in_labels(cls, labels: Mapping[str, Tensor]) -> "SoftLabels":
        """Return the soft labels among the rendered labels of segmentation."""
        return cls(labels["soft_classes"], labels["soft_steps"])

    @property
    def num_kept(self) -> int:
        return self.classes.shape[1]

    @property
    def probabilities(self) -> Float[Tensor, "batch kept height width"]:
        """The probabilities of the kept classes, 0 to 1."""
        return self.steps.float() / STEPS

    def dense(self, num_classes: int) -> FeatureMaps:
        """Return the probability of every class [n, classes, h, w]: the target of a cross-entropy with soft labels.

        The rest is shared evenly among the classes that are not kept. So the probabilities of a pixel add up to 1.
        """
        kept = self.probabilities
        # No other class: the steps add up to 255 already, and the rest is 0.
        rest = (1 - kept.sum(dim=1, keepdim=True)) / max(num_classes - self.num_kept, 1)
        spread = rest.clamp(min=0).repeat(1, num_classes, 1, 1)
        return spread.scatter_(1, self.classes.long(), kept)


def _kept(image: ClassMaps, kept: int) -> tuple[PlaneBytes, PlaneBytes]:
    """Return the kept classes of each pixel of one image in order, and their probabilities in steps."""
    # `max` returns the first of equal values, as the mask does; `topk` and `sort` promise no order among them.
    first = image.max(dim=0, keepdim=True).indices
    # The others are ranked by whole steps: the order of probabilities near 0 is noise, which costs bytes in files.
    left = (image * STEPS).floor_().scatter_(0, first, 2.0 * STEPS)
    # Classes as bytes: with the 8 bytes of an index, all planes together would be larger than the probabilities.
    classes, values = [], []
    for _ in range(kept):
        index = left.max(dim=0, keepdim=True).indices
        left.scatter_(0, index, -1.0)  # below every step
        values.append(image.gather(0, index))
        classes.append(index.byte())
    return torch.cat(classes), _quantized(torch.cat(values))


def _quantized(values: Planes) -> PlaneBytes:
    """Return probabilities in steps, so that rounding never makes the kept classes more probable than 1 together.

    Each probability is rounded down, and the sum of all is rounded to nearest. The steps between both go to the most
    probable classes, one each: so the order remains, and no mass is lost when all classes are kept.
    """
    scaled = values * STEPS
    total = scaled.sum(dim=0).round()
    steps = scaled.floor_()
    planes = torch.arange(len(steps), device=steps.device)[:, None, None]
    return steps.add_(planes < total - steps.sum(dim=0)).clamp_(0, STEPS).byte()
