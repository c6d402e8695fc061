"""Promises of the folds of labeled images: each image is held out once, and rare classes are spread."""

import pytest
import torch

from models.labels.cross_validation import deal_folds, num_folds


@pytest.mark.parametrize(("images", "folds"), [(2, 2), (9, 9), (10, 5), (50, 5)])
def test_few_images_are_held_out_one_by_one(images: int, folds: int) -> None:
    """Below ten images every image is a fold; from ten on there are five folds."""
    assert num_folds(images) == folds


def test_one_image_cannot_be_split() -> None:
    """Training needs at least one other image."""
    with pytest.raises(ValueError, match="at least two images"):
        num_folds(1)


@pytest.mark.parametrize("seed", range(3))
def test_every_image_is_held_out_once(seed: int) -> None:
    """All images occur, in folds of 2 to 5 images, and the same seed gives the same folds."""
    presence = torch.rand(17, 4, generator=torch.Generator().manual_seed(seed)) < 0.5
    folds = deal_folds(presence, 5, seed)
    assert torch.cat(folds).sort().values.tolist() == list(range(17))
    assert {len(fold) for fold in folds} <= {2, 3, 4, 5}
    assert all(torch.equal(a, b) for a, b in zip(folds, deal_folds(presence, 5, seed), strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_a_rare_class_is_never_held_out_as_a_whole(seed: int) -> None:
    """Two images with hats are in two folds: the members that judge one were trained on the other."""
    presence = torch.ones(16, 3, dtype=torch.bool)
    presence[2:, 1] = False  # hats: images 0 and 1
    presence[:14, 2] = False  # glasses: images 14 and 15
    folds = deal_folds(presence, 5, seed)
    for trait in (1, 2):
        assert max(int(presence[fold, trait].sum()) for fold in folds) == 1


def test_images_without_a_trait_are_held_out_too() -> None:
    """They are spread evenly."""
    folds = deal_folds(torch.zeros(4, 2, dtype=torch.bool), 2, 0)
    assert [len(fold) for fold in folds] == [2, 2]
