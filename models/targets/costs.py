"""The expected number of rendered candidates of a sample, from what a pilot measured about each class."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf, prod

from models.targets.predictor import Fitted


@dataclass(frozen=True)
class Costs:
    """Candidates per sample: the mean over all samples, and of the combination of classes that needs most."""

    mean: float
    worst: float


def costs_of(
    groups: Sequence[Sequence[float]], fitted: Sequence[Fitted], kept_share: float
) -> Costs:
    """Return the costs of groups of classes; `groups` has the requested share of each class (`Assignment`).

    Classes of different groups are taken as independent, so a combination costs the product of its groups. A filter
    accepts `kept_share` of the candidates.
    """
    means, worst = [], []
    remaining = iter(fitted)
    for shares in groups:
        of_group = [next(remaining) for _ in shares]
        options = list(_options(shares, of_group))
        means.append(sum(share * cost for share, cost in options))
        worst.append(max(cost for _, cost in options))
    factor = 1 / kept_share if kept_share else inf
    return Costs(factor * prod(means), factor * prod(worst))


def _options(shares: Sequence[float], fitted: Sequence[Fitted]) -> Iterator[tuple[float, float]]:
    """Yield the share and the cost of each choice of a group that occurs: one of its classes, or none of them."""
    for chosen, share in enumerate([*shares, 1 - sum(shares)]):
        if share > 1e-9:  # the rest of shares such as 0.1, ten times, is not exactly 0
            yields = [
                each.present_yield if number == chosen else each.absent_yield
                for number, each in enumerate(fitted)
            ]
            yield share, prod(1 / each if each else inf for each in yields)
