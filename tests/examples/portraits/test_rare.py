"""Promises of the additional portraits with accessories."""

from examples.portraits.population import draw_portrait
from examples.portraits.rare import accessory_indices


def test_as_many_glasses_as_hats_from_the_start_on() -> None:
    """Three and three, none before the start, each wearing something."""
    indices = accessory_indices(1_000, 500, 3)
    worn = [draw_portrait(1_000, index) for index in indices]
    assert len(indices) == 6
    assert min(indices) >= 500
    assert sum(portrait.glasses is not None for portrait in worn) == 3
    assert all(portrait.glasses or portrait.hat for portrait in worn)


def test_none_wanted_none_given() -> None:
    """A count of zero looks at no portrait."""
    assert accessory_indices(1_000, 0, 0) == []
