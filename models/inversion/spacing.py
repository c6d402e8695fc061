"""A threshold for reconstructions: the distance between a generator's own samples.

An image counts as expressible when its reconstruction shows enough detail (`detail.py`) and is at most half as far from
it as a sample is from its nearest neighbor among fifteen others. At a larger distance it could show another scene.
The threshold cannot be the PSNR of inverted samples: they reach 43.7 dB, honest images of the same domain 25.6
(decision 0010).
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

# 64 samples; each is compared with the 15 others of its group.
NUM_GROUPS, GROUP_SIZE, SAMPLE_SEED = 4, 16, 0
# Half the distance in root mean square is 20 log10(2) = 6 dB more. First weights: the nearest neighbor at 13.8 dB and a
# distance of 0.164, so the thresholds were 19.8 dB and 0.082 (decision 0010).
HALF_IN_DB = 20.0 * math.log10(2.0)


@dataclass(frozen=True)
class SampleSpacing:
    """The median over samples of the distance to the nearest neighbor; None without a perceptual distance."""

    nearest_db: float  # PSNR between a sample and its nearest neighbor
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

    def expressibility(self, psnr: Scores, distances: Scores | None, detail: Scores) -> Scores:
        """Return how well each image is reconstructed, 0 to 1: 1 is exact, 0.5 the line below which a fit flags it.

        The lower of two measures: the share of the `detail` that is shown (`detail.py`), and the closeness, which is
        1 minus half of distance / largest distance that `expresses` accepts.
        """
        if self.nearest_distance is None or distances is None:
            # PSNR => ratio of root mean square errors: 20 log10(ratio) = difference in decibels
            ratio = 10.0 ** ((self.fails_below_db - psnr) / 20.0)
        else:
            ratio = distances / (0.5 * self.nearest_distance)
        return torch.minimum(1.0 - 0.5 * ratio, detail).clamp(0.0, 1.0)


EXACT_SPACING = SampleSpacing(nearest_db=-math.inf)
"""For exact inversion, without a measurement: every image is expressible and none fails."""


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
            images = torch.cat(pieces)  # [16, 3, h, w], clipped as uploaded images are
            highest_db.append(_nearest_db(images))
            if perceptual is not None:
                taps = zip(*(perceptual.features(piece) for piece in pieces), strict=True)
                distances.append(_nearest_distance(perceptual, [torch.cat(tap) for tap in taps]))
    return SampleSpacing(
        float(torch.cat(highest_db).median()),
        float(torch.cat(distances).median()) if distances else None,
    )


def _nearest_db(images: Images) -> Scores:
    # [group, group], a sample is not its own neighbor: the diagonal never wins
    rows = [psnr_db(image.expand_as(images), images) for image in images]
    return torch.stack(rows).fill_diagonal_(-math.inf).amax(dim=1)


def _nearest_distance(perceptual: PerceptualDistance, taps: Taps) -> Scores:
    # features of one sample against those of all: [group, group]
    rows = [
        perceptual.between([tap[index].expand_as(tap) for tap in taps], taps)
        for index in range(GROUP_SIZE)
    ]
    return torch.stack(rows).fill_diagonal_(math.inf).amin(dim=1)
