"""Additional portraits with accessories."""

from examples.portraits.population import draw_portrait
from examples.portraits.rare import accessory_indices


def test_glasses_and_hats_have_the_same_count() -> None:
    """There are three of each, from `start` on, each with an accessory."""
    indices = accessory_indices(1_000, 500, 3)
    worn = [draw_portrait(1_000, index) for index in indices]
    assert len(indices) == 6
    assert min(indices) >= 500
    assert sum(portrait.glasses is not None for portrait in worn) == 3
    assert all(portrait.glasses or portrait.hat for portrait in worn)


def test_a_count_of_zero_returns_nothing() -> None:
    """A count of zero returns an empty list."""
    assert accessory_indices(1_000, 0, 0) == []
