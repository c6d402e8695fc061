"""95% intervals of scores over images: the percentile bootstrap (Efron and Tibshirani 1993, chapter 13).

A draw takes as many images as there are, with replacement, adds up their counts, and computes the score from the sum,
as the score itself does. The spread of the draws shows how much a score depends on which images were labelled. It does
not show how much it depends on the training.
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

NUM_DRAWS = 1_000
TAILS = (0.025, 0.975)
MIN_IMAGES = 3
"""With fewer images the draws repeat one or two values. A few images give narrow intervals: on simulated images of one
class they contain the true IoU in 74% of the cases with 3 images, 86% with 8, 89% with 16 and 94% with 48."""

Counts = Int[Tensor, " features"]
ScoreOfCounts = Callable[[Float[Tensor, "draws features"]], Float[Tensor, "draws scores"]]


class ImageCounts:
    """The counts of each image, from which follows how far scores depend on the images.

    `score` returns the scores of summed counts: first that of the whole, then those of `num_parts` classes or points.
    """

    def __init__(self, num_parts: int, score: ScoreOfCounts) -> None:
        self._score, self._num_parts = score, num_parts
        self._counts: list[Counts] = []
        self._present: list[Bool[Tensor, " parts"]] = []

    def add(self, counts: Counts, present: Bool[Tensor, " parts"]) -> None:
        """Add an image, with the parts that its labels contain."""
        self._counts.append(counts.cpu())
        self._present.append(present.cpu())

    @property
    def num_images(self) -> Int[Tensor, " parts"]:
        """The number of images that contain each part."""
        if not self._present:
            return torch.zeros(self._num_parts, dtype=torch.int64)
        return torch.stack(self._present).sum(dim=0)

    @property
    def bounds(self) -> Float[Tensor, "scores 2"]:
        """The 95% intervals of the whole and of each part; NaN with fewer than three images."""
        unknown = torch.full((1 + self._num_parts, 2), torch.nan, dtype=torch.float64)
        if not self._counts:
            return unknown
        labelled = torch.stack(self._present).any(dim=1).sum(dim=0, keepdim=True)
        is_known = torch.cat([labelled, self.num_images]) >= MIN_IMAGES
        found = intervals(torch.stack(self._counts), self._score) if is_known.any() else unknown
        return torch.where(is_known[:, None], found, unknown)


def intervals(
    counts: Int[Tensor, "images features"], score: ScoreOfCounts
) -> Float[Tensor, "scores 2"]:
    """Return the bounds of each score of the summed counts of images; NaN for a score without a value.

    Also NaN if no draw differs: from images that all agree, the bootstrap learns nothing about other images. The seed
    is fixed, so equal counts have equal intervals.
    """
    rng = torch.Generator().manual_seed(0)
    num_images = len(counts)
    rows = torch.randint(num_images, (NUM_DRAWS, num_images), generator=rng)
    # [draws, images]: how often a draw has an image. One product instead of a gather of [draws, images, features].
    times = torch.zeros(NUM_DRAWS, num_images, dtype=torch.float64)
    times.scatter_add_(1, rows, torch.ones_like(times))
    scores = score(times @ counts.double())
    tails = torch.tensor(TAILS, dtype=torch.float64)
    bounds = scores.nanquantile(tails, dim=0).T
    return bounds.where(bounds[:, 1:] > bounds[:, :1], torch.nan)
