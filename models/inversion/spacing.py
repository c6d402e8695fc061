"""The yardstick for reconstructions: how far a generator's own samples lie apart.

An image counts as expressible when it shows enough detail (`detail.py`) and its reconstruction is at most half as far
from it as a sample's nearest neighbour among fifteen others is from that sample: farther, and it may as well show
another scene.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor

from models.arrays import Images, Scores, Taps
from models.generators.generator import Generator
from models.inversion.perceptual import PerceptualDistance
from models.inversion.psnr import psnr_db
from models.sampling import RandomDraws

NUM_GROUPS, GROUP_SIZE, SAMPLE_SEED = 4, 16, 0
HALF_IN_DB = 20.0 * math.log10(2.0)
"""Half the distance in root mean square is 20 log10(2) = 6 dB more."""


@dataclass(frozen=True)
class SampleSpacing:
    """The median over samples of the distance to the nearest neighbour; None without a perceptual port."""

    nearest_db: float
    nearest_distance: float | None = None

    @property
    def fails_below_db(self) -> float:
        """The PSNR below which an inversion tries other starts."""
        return self.nearest_db + HALF_IN_DB

    def expresses(self, psnr: Scores, distances: Scores | None) -> Bool[Tensor, " batch"]:
        """Return whether each reconstruction is close enough, by the perceptual distance where there is one."""
        if self.nearest_distance is None or distances is None:
            return psnr >= self.fails_below_db
        return distances <= 0.5 * self.nearest_distance


def measure_spacing(
    generator: Generator,
    perceptual: PerceptualDistance | None = None,
    micro_batch: int = GROUP_SIZE,
) -> SampleSpacing:
    """Measure 64 samples of a fixed seed, in groups of 16, `micro_batch` images at a time."""
    highest_db, distances = [], []
    with torch.no_grad():
        for group in RandomDraws.seeded(SAMPLE_SEED, NUM_GROUPS * GROUP_SIZE).split(GROUP_SIZE):
            pieces = [
                generator.synthesize(generator.sample(draws)).images.clamp(-1, 1)
                for draws in group.split(micro_batch)
            ]
            images = torch.cat(pieces)
            highest_db.append(_nearest_db(images))
            if perceptual is not None:
                taps = zip(*(perceptual.features(piece) for piece in pieces), strict=True)
                distances.append(_nearest_distance(perceptual, [torch.cat(tap) for tap in taps]))
    return SampleSpacing(
        float(torch.cat(highest_db).median()),
        float(torch.cat(distances).median()) if distances else None,
    )


def _nearest_db(images: Images) -> Scores:
    rows = [psnr_db(image.expand_as(images), images) for image in images]
    return torch.stack(rows).fill_diagonal_(-math.inf).amax(dim=1)


def _nearest_distance(perceptual: PerceptualDistance, taps: Taps) -> Scores:
    rows = [
        perceptual.between([tap[index].expand_as(tap) for tap in taps], taps)
        for index in range(GROUP_SIZE)
    ]
    return torch.stack(rows).fill_diagonal_(math.inf).amin(dim=1)
