"""The population of portraits: shares of traits, and dependence on seed and index."""

import pytest

from examples.portraits.population import GLASSES_SHARE, HAT_SHARE, draw_portrait
from examples.portraits.splits import SPLITS
from examples.portraits.traits import Portrait

NUM_PORTRAITS = 4000


@pytest.fixture(scope="module")
def population() -> list[Portrait]:
    """Draw traits without rendering."""
    seed = SPLITS["generator"][0]
    return [draw_portrait(seed, index) for index in range(NUM_PORTRAITS)]


def test_glasses_have_their_share(population: list[Portrait]) -> None:
    """The share of glasses is 5%, within a quarter of that."""
    share = sum(portrait.glasses is not None for portrait in population) / NUM_PORTRAITS
    assert share == pytest.approx(GLASSES_SHARE, rel=0.25)


def test_hats_have_their_share(population: list[Portrait]) -> None:
    """The share of hats is 3%, within a quarter of that."""
    share = sum(portrait.hat is not None for portrait in population) / NUM_PORTRAITS
    assert share == pytest.approx(HAT_SHARE, rel=0.25)


def test_every_style_occurs(population: list[Portrait]) -> None:
    """All hair styles and collars occur."""
    assert len({portrait.hair.style for portrait in population}) == 7
    assert len({portrait.body.collar for portrait in population}) == 4


def test_traits_depend_only_on_seed_and_index() -> None:
    """The same portrait is drawn again after another one."""
    first = draw_portrait(1, 7)
    draw_portrait(1, 8)
    assert draw_portrait(1, 7) == first


@pytest.mark.parametrize("other", [(1, 8), (2, 7)])
def test_another_seed_or_index_is_another_portrait(other: tuple[int, int]) -> None:
    """Both seed and index change the portrait."""
    assert draw_portrait(*other) != draw_portrait(1, 7)
