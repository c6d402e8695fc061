"""The product of a fit: W+ codes in, images with their segmentation masks and uncertainty out."""

from dataclasses import dataclass

import torch
from jaxtyping import UInt8
from torch import Tensor

from models.arrays import (
    ByteImages,
    ByteMasks,
    FeatureMaps,
    Images,
    PixelScores,
    Scores,
    StyleCodes,
    Taps,
)
from models.labels.ensemble import Ensemble
from models.labels.uncertainty import agreement, image_scores
from models.stylegan2.generator import Generator


@dataclass(frozen=True)
class Rendered:
    """Labelled images on the CPU: pixels 0..255, class indices, divergence in nats per pixel, one score per image."""

    images: ByteImages
    masks: ByteMasks
    uncertainty: PixelScores
    scores: Scores

    def __len__(self) -> int:
        return len(self.scores)


class LabelGenerator:
    """A generator and the ensemble that reads labels from its features; labels have `label_px` (height, width)."""

    def __init__(
        self, generator: Generator, ensemble: Ensemble, label_px: tuple[int, int] | None = None
    ) -> None:
        expected, found = generator.config.tap_channels, ensemble.config.tap_channels
        if expected != found:
            raise ValueError(
                f"the ensemble reads taps of {found} channels, the generator gives {expected}; "
                "use the generator that the ensemble was fitted on"
            )
        self.generator, self.ensemble = generator, ensemble
        self.label_px = label_px or generator.config.image_px

    @torch.no_grad()
    def render(self, ws: StyleCodes) -> Rendered:
        """Images and labels of W+ codes [n, num_ws, w_dim]; each sample is independent of the others."""
        synthesis = self.generator.synthesize(ws)
        probabilities, divergence = self.label(synthesis.taps)
        return Rendered(
            images=to_bytes(synthesis.images),
            masks=probabilities.argmax(dim=1).byte().cpu(),
            uncertainty=divergence.cpu(),
            scores=image_scores(divergence).cpu(),
        )

    def label(self, taps: Taps) -> tuple[FeatureMaps, PixelScores]:
        """Mean class probabilities [n, classes, h, w] and divergence [n, h, w] from feature taps."""
        return agreement(self.ensemble.maps(taps, self.label_px))


def to_bytes(images: Images) -> ByteImages:
    """Images in [-1, 1] as bytes on the CPU, clipped and rounded to nearest."""
    scaled = images.clamp(-1, 1).add(1).mul(127.5).round()
    return scaled.to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu()


def from_bytes(images: UInt8[Tensor, "batch height width 3"]) -> Images:
    """Undo `to_bytes`."""
    return images.permute(0, 3, 1, 2).float().div(127.5).sub(1.0)
