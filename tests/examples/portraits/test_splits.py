"""Splits have disjoint seeds."""

from itertools import combinations

import pytest

from examples.portraits.splits import SPLITS, seed_of


def test_splits_are_disjoint() -> None:
    """No seed belongs to two splits."""
    for one, other in combinations(SPLITS.values(), 2):
        assert not set(one) & set(other)


def test_draws_of_a_split_stay_inside_it() -> None:
    """The first and the last draw are seeds of the split."""
    seeds = SPLITS["heldout"]
    assert seed_of("heldout", 0) == seeds[0]
    assert seed_of("heldout", len(seeds) - 1) == seeds[-1]


def test_a_draw_beyond_the_split_is_refused() -> None:
    """A larger draw would use the seeds of another split."""
    with pytest.raises(ValueError, match="expected a draw from 0 to 999"):
        seed_of("labelled", 1000)


def test_an_unknown_split_is_refused() -> None:
    """The message lists the valid splits."""
    with pytest.raises(ValueError, match="generator, labelled, heldout"):
        seed_of("training")
