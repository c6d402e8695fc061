"""Promises of `models.targets.steering`: the choice of a code is pure, and prefers what it should."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from models.sampling import Candidate, latents
from models.targets.steering import POOL, Pools, class_slopes, num_codes

W_DIM = 4
TOWARD = torch.tensor([1.0, 0.0, 0.0, 0.0])


def vectors(candidates: Sequence[Candidate]) -> Tensor:
    """Return normal vectors, each a function of its candidate."""
    return latents(3, candidates, W_DIM)


def chosen(strength: float, indices: Sequence[int]) -> list[Candidate]:
    """Return the candidates that are chosen for some samples."""
    pools = Pools(vectors, strength * TOWARD, seed=5)
    return pools.advance([Candidate(index) for index in indices])


def test_a_choice_does_not_depend_on_the_others() -> None:
    """In any order and company a sample gets the same code of its first pool."""
    together = chosen(1.0, range(6))
    assert [chosen(1.0, [index])[0] for index in range(6)] == together
    assert all(one.attempt < POOL for one in together)
    assert len({one.attempt for one in together}) > 1


def test_a_rejected_sample_goes_on_with_the_next_pool() -> None:
    """Any attempt within a pool leads to the whole next one, so no code is used twice."""
    pools = Pools(vectors, TOWARD, seed=5)
    first, last = pools.advance([Candidate(0, 1), Candidate(0, POOL)])
    assert first == last
    assert POOL <= first.attempt < 2 * POOL
    assert (num_codes(0), num_codes(POOL - 1), num_codes(POOL)) == (POOL, POOL, 2 * POOL)


@pytest.mark.parametrize(("strength", "mean"), [(0.0, 0.0), (1.0, 0.9)], ids=["none", "one"])
def test_samples_are_drawn_toward_the_preference(strength: float, mean: float) -> None:
    """exp(x) times a normal density is a normal density around 1; a pool of 16 reaches most of that."""
    drawn = vectors(chosen(strength, range(800)))
    assert float(drawn[:, 0].mean()) == pytest.approx(mean, abs=0.12)
    assert float(drawn[:, 1:].mean()) == pytest.approx(0.0, abs=0.12)


def test_slopes_predict_shares_in_standard_deviations() -> None:
    """The predicted shares of the pilot have a standard deviation of 1; a class that is hardly seen has no slope."""
    points = torch.randn(200, W_DIM, generator=torch.Generator().manual_seed(0))
    share = 0.2 + 0.01 * points[:, 0]
    rare = torch.zeros(200)
    rare[:9] = 0.5
    slopes = class_slopes(points, torch.stack([share, 1 - share - rare, rare], dim=1))
    assert float((points.double() @ slopes[0]).std()) == pytest.approx(1.0, abs=1e-6)
    assert float(slopes[0, 0]) > 0.9
    assert not slopes[2].any()
