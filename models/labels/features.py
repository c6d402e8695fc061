"""Labelled images as training data: feature taps kept at native resolution, read with their labels at drawn pixels."""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.arrays import StyleCodes, Taps
from models.labels.drawing import heat, pixel_centres
from models.labels.hypercolumns import gather
from models.labels.tasks import ABSENT, VISIBLE, Labels, TaskSet
from models.stylegan2.generator import Generator

SYNTHESIS_BATCH = 8

PixelWeights = Float[Tensor, "images pixels"]


@dataclass(frozen=True, kw_only=True)
class DrawnPixels:
    """Hypercolumns [..., channels] with their labels; None for a task that is not learnt.

    classes: [...], 255 = ignore. heat: [..., points], NaN where the keypoint is not labelled. visible: [..., points], 1
    where the keypoint can be seen. depth: [...], NaN = unknown.
    """

    columns: Tensor
    classes: Tensor | None = None
    heat: Tensor | None = None
    visible: Tensor | None = None
    depth: Tensor | None = None

    def each(self, change: Callable[[Tensor], Tensor]) -> "DrawnPixels":
        """The same with every tensor changed."""
        changed = {
            field.name: change(tensor)
            for field in fields(self)
            if (tensor := getattr(self, field.name)) is not None
        }
        return DrawnPixels(**changed)


class LabelledFeatures:
    """The labelled images, from which pixels are drawn with the chances that `weights` gives them.

    Taps stay in memory while they fit into `cache_bytes`; beyond that they are synthesised again for every round.
    """

    def __init__(
        self,
        generator: Generator,
        ws: StyleCodes,
        labels: Labels,
        tasks: TaskSet,
        *,
        weights: PixelWeights,
        cache_bytes: int,
        synthesis_batch: int = SYNTHESIS_BATCH,
    ) -> None:
        self.generator, self.ws, self._synthesis_batch = generator, ws, synthesis_batch
        self._labels, self._tasks, self._weights = labels, tasks, weights
        self._centres = pixel_centres(labels.label_px, labels.device)
        shapes = zip(generator.config.tap_channels, generator.config.tap_px, strict=True)
        image_bytes = 4 * sum(channels * math.prod(px) for channels, px in shapes)
        fits = image_bytes * len(ws) <= cache_bytes
        self._cache = self._synthesize(torch.arange(len(ws))) if fits else None

    def __len__(self) -> int:
        return len(self.ws)

    def draw(self, images: Int[Tensor, " chosen"], pixels_per_image: int) -> DrawnPixels:
        """Random pixels of some images, shuffled over all of them."""
        pixels = self._weights[images].multinomial(pixels_per_image, replacement=True)
        columns = gather(self._taps(images), pixels, self._labels.label_px)
        drawn = DrawnPixels(columns=columns, **self._labels_at(images, pixels))
        order = torch.randperm(pixels.numel(), device=pixels.device)
        return drawn.each(lambda values: values.flatten(0, 1)[order])

    def _labels_at(
        self, images: Int[Tensor, " chosen"], pixels: Int[Tensor, "chosen count"]
    ) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        labels = self._labels
        if labels.masks is not None:
            found["classes"] = labels.masks[images].flatten(1).gather(1, pixels)
        if labels.keypoints is not None and self._tasks.keypoints is not None:
            points = labels.keypoints[images]
            sigma_px = self._tasks.keypoints.sigma_px(labels.label_px)
            unlabelled = (points[:, None, :, 2] == ABSENT).expand(-1, pixels.shape[1], -1)
            around = heat(points, self._centres[pixels], sigma_px)
            found["heat"] = around.masked_fill(unlabelled, math.nan)
            found["visible"] = (points[:, None, :, 2] == VISIBLE).float().expand_as(around)
        if labels.depth is not None:
            found["depth"] = labels.depth[images].flatten(1).gather(1, pixels)
        return found

    def _taps(self, images: Int[Tensor, " chosen"]) -> Taps:
        if self._cache is None:
            return self._synthesize(images)
        return [tap[images.to(tap.device)] for tap in self._cache]

    def _synthesize(self, images: Int[Tensor, " chosen"]) -> Taps:
        with torch.no_grad():
            parts = [
                self.generator.synthesize(self.ws[part.to(self.ws.device)]).taps
                for part in images.split(self._synthesis_batch)
            ]
        return [torch.cat(taps) for taps in zip(*parts, strict=True)]
