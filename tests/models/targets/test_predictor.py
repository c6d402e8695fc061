"""Promises of predictors, directions and costs, on vectors whose images are known by a formula."""

import pytest
import torch
from torch import Tensor

from models.targets.constraints import Constraint, are_met
from models.targets.costs import costs_of
from models.targets.directions import NoDirection, class_directions
from models.targets.predictor import RECALL, Fitted, fit_predictor

DIMENSIONS, RARE = 12, Constraint(1, 0.1)


def vectors_of(seed: int, count: int = 2_000) -> Tensor:
    """Return correlated vectors, as those of a mapping network are."""
    rng = torch.Generator().manual_seed(seed)
    mixing = torch.randn(DIMENSIONS, DIMENSIONS, generator=torch.Generator().manual_seed(99))
    return torch.randn(count, DIMENSIONS, generator=rng) @ mixing


def shares_of(vectors: Tensor) -> Tensor:
    """Return shares of three classes: the second one is rare, with noise that no code explains."""
    scores = vectors @ torch.linspace(-1, 1, DIMENSIONS) / 4
    noise = torch.randn(len(vectors), generator=torch.Generator().manual_seed(7))
    rare = ((scores + 0.5 * noise - 1.25) / 10).clamp(0, 0.5)
    other = (0.3 + 0.02 * vectors[:, 0]).clamp(0, 0.5)
    return torch.stack([1 - rare - other, rare, other], dim=1)


def test_a_rare_class_gets_cheap() -> None:
    """On new vectors the passing ones contain it at least 5 times as often, and nearly `RECALL` of it passes."""
    fitted = fit_predictor(vectors_of(0), shares_of(vectors_of(0)), RARE)
    assert 0.01 < fitted.frequency < 0.06
    new = vectors_of(1, 6_000)
    present = RARE.is_met(shares_of(new))
    assert fitted.predictor is not None
    passing = fitted.predictor.passes(new, torch.ones(len(new), dtype=torch.bool))
    gained = float(present[passing].double().mean())
    assert gained > 5 * fitted.frequency
    assert abs(gained - fitted.present_yield) < 0.12
    assert abs(float(passing[present].double().mean()) - RECALL) < 0.15


def test_a_sample_without_the_class_is_not_thinned() -> None:
    """Most codes are such, and choosing among them would only narrow their variety."""
    predictor = fit_predictor(vectors_of(0), shares_of(vectors_of(0)), RARE).predictor
    assert predictor is not None
    expected = torch.zeros(2_000, dtype=torch.bool)
    assert predictor.passes(vectors_of(0), expected).all()


def test_a_rare_absence_gets_cheap_too() -> None:
    """Where nearly all images contain a class, those without it are predicted."""
    shares = shares_of(vectors_of(0))
    common = fit_predictor(vectors_of(0), 0.2 - shares, Constraint(1, 0.1))
    assert common.frequency > 0.9
    assert common.absent_yield > 5 * (1 - common.frequency)
    assert common.predictor is not None
    assert common.predictor.present_from is None


@pytest.mark.parametrize("case", ["no vectors", "too few"])
def test_without_evidence_all_candidates_are_rendered(case: str) -> None:
    """A generator whose codes are as dear as images has no vectors; few samples with the class teach nothing."""
    vectors, shares = vectors_of(0), shares_of(vectors_of(0))
    least = 0.1 if case == "no vectors" else float(shares[:, 1].topk(5).values[-1])
    fitted = fit_predictor(None if case == "no vectors" else vectors, shares, Constraint(1, least))
    assert fitted.predictor is None
    assert fitted.present_yield == fitted.frequency


def test_a_class_at_its_least_share_is_contained() -> None:
    """`at least` includes it; below it the class is absent."""
    shares = torch.tensor([[0.9, 0.1], [0.91, 0.09]])
    assert are_met([RARE], [True], shares).tolist() == [True, False]
    assert are_met([RARE], [False], shares).tolist() == [False, True]


def test_a_direction_changes_one_class() -> None:
    """The class that gives way falls as it rises; the third keeps its share. The step is one standard deviation."""
    vectors = vectors_of(0)
    slopes = torch.randn(DIMENSIONS, 3, generator=torch.Generator().manual_seed(3)) / 50
    slopes[:, 0] = -slopes[:, 1] - slopes[:, 2]
    shares = torch.tensor([0.5, 0.2, 0.3]) + (vectors - vectors.mean(dim=0)) @ slopes
    (direction,) = class_directions(vectors, shares, [1])
    change = direction.float() @ slopes
    assert change[1] > 0.01
    smaller, larger = sorted(abs(float(change[k])) for k in (0, 2))
    assert smaller < 0.03 * float(change[1])
    assert larger == pytest.approx(float(change[1]), rel=0.03)
    along = (vectors.double() @ torch.linalg.solve(torch.cov(vectors.double().T), direction)).std()
    assert float(along) == pytest.approx(1.0, abs=0.02)


def test_a_class_that_never_occurs_has_no_direction() -> None:
    """Its slopes are zero; a direction without a length would make every code NaN."""
    shares = torch.tensor([[0.6, 0.0, 0.4]]).repeat(2_000, 1)
    with pytest.raises(NoDirection, match="class 1"):
        class_directions(vectors_of(0), shares, [1])


def fitted(present: float, absent: float) -> Fitted:
    """Return a fitted predictor with these yields."""
    return Fitted(None, present, present, absent, 1.0)


def test_costs_are_those_of_each_combination() -> None:
    """A group of two classes that exclude each other, a single class, and a filter that keeps half."""
    groups = [[0.5, 0.25], [0.5]]
    costs = costs_of(groups, [fitted(0.5, 0.5), fitted(0.1, 1.0), fitted(0.25, 0.5)], 0.5)
    first = 0.5 * (1 / 0.5) + 0.25 * (1 / 0.5 / 0.1) + 0.25 * (1 / 0.5)
    assert costs.mean == pytest.approx(2 * first * (0.5 * 4 + 0.5 * 2))
    assert costs.worst == pytest.approx(2 * 20 * 4)


def test_a_class_that_never_occurs_has_no_finite_cost() -> None:
    """But one that is never requested costs nothing."""
    assert costs_of([[0.1]], [fitted(0.0, 1.0)], 1.0).worst == float("inf")
    assert costs_of([[0.0]], [fitted(0.0, 1.0)], 1.0).worst == 1.0
