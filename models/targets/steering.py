"""Draws samples where a network is weak: of a pool of codes, the one that probably shows most of its weak classes.

As in "Improving the scaling laws of synthetic data with deliberate practice" (Askari-Hemmat et al., arXiv 2502.15588),
samples are drawn from p(x) exp(strength * weakness(x)). There the weakness guides a diffusion sampler. Here it is
predicted from the code, so a sample is one rendering, and a class is only made more frequent, never changed.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from models.arrays import Scores, StyleVectors
from models.sampling import Candidate, Stream, uniforms
from models.targets.constraints import ClassShares
from models.targets.predictor import MIN_POSITIVES
from models.targets.regression import regress

POOL = 16
"""Codes of a pool: a class becomes at most this many times as frequent. A code costs about a hundredth of an image."""
MIN_STD = 1e-9
"""The least standard deviation of predicted shares: below it there is only rounding."""

ClassSlopes = Float[Tensor, "classes w_dim"]
"""Vectors to the share of each class, in standard deviations of the predicted shares."""


def class_slopes(vectors: StyleVectors, shares: ClassShares) -> ClassSlopes:
    """Return the slopes of all classes, by ridge regression on a pilot's samples.

    A class that too few samples contain, or that does not follow from the code, has slopes of 0: it cannot be steered.
    """
    slopes = regress(vectors, shares).slopes  # [w_dim, classes]
    std = (vectors.double() @ slopes).std(dim=0)
    is_seen = ((shares > 0).sum(dim=0) >= MIN_POSITIVES) & (std > MIN_STD)
    scaled = torch.where(is_seen, slopes / std.clamp(min=MIN_STD), torch.zeros_like(slopes))
    return scaled.T.contiguous()


class Pools:
    """Advances candidates to the chosen code of their pool.

    Pool b of a sample is its attempts from b * POOL on. The choice is a function of the seed, the index, the pool and
    `preference` [w_dim] alone. `vectors` maps candidates to vectors.
    """

    def __init__(
        self,
        vectors: Callable[[Sequence[Candidate]], StyleVectors],
        preference: Float[Tensor, " w_dim"],
        seed: int,
    ) -> None:
        self._vectors, self._preference, self._seed = vectors, preference.double(), seed

    def advance(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return for each candidate the chosen one of its pool, or of the next pool, in the same order."""
        flat = [one for candidate in candidates for one in pool_from(candidate)]
        scores = self._vectors(flat).double() @ self._preference + self._gumbel(flat)
        best = scores.view(-1, POOL).argmax(dim=1).tolist()
        return [flat[number * POOL + place] for number, place in enumerate(best)]

    def _gumbel(self, candidates: Sequence[Candidate]) -> Scores:
        """Return Gumbel noise: the largest score plus noise is a draw with probabilities of softmax(scores).

        Gumbel (1954); Maddison, Tarlow and Minka, "A* sampling", NeurIPS 2014, section 2. G = -log(-log u)
        """
        numbers = [float(uniforms(self._seed, one, 1, Stream.STEERING)[0]) for one in candidates]
        uniform = torch.tensor(numbers, dtype=torch.float64)
        return -torch.log(-torch.log(uniform))


def pool_from(candidate: Candidate) -> list[Candidate]:
    """Return the pool that begins at the candidate's attempt or next after it: a rejected pool is never used again."""
    start = -(-candidate.attempt // POOL) * POOL
    return [Candidate(candidate.index, start + place) for place in range(POOL)]


def num_codes(attempt: int) -> int:
    """Return the number of codes that were drawn for a sample whose accepted candidate is `attempt`."""
    return (attempt // POOL + 1) * POOL
