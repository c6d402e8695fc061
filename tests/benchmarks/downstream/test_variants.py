"""Variants of the labels of generated images."""

import pytest
import torch

from benchmarks.downstream.domain import Generated
from benchmarks.downstream.variants import VARIANTS, Labelled, table
from models.arrays import IGNORE_INDEX


@pytest.fixture
def labelled() -> Labelled:
    """Ten images of 4 x 4 px with two classes; image i and its pixels are the more uncertain, the larger i is."""
    rng = torch.Generator().manual_seed(0)
    first = torch.randint(0, 256, (10, 4, 4), generator=rng)
    second = torch.randint(0, 256, (10, 4, 4), generator=rng)
    probabilities = torch.stack([first, 255 - first], dim=1).byte()
    uncertainty = torch.arange(160).view(10, 4, 4)
    generated = Generated(
        images=torch.zeros(10, 3, 4, 4, dtype=torch.uint8),
        masks=probabilities.argmax(dim=1).byte(),
        probabilities=probabilities,
        uncertainty=uncertainty.half(),
        scores=uncertainty.float().mean(dim=(1, 2)),
    )
    return Labelled(generated, torch.stack([second, 255 - second], dim=1).byte())


@pytest.mark.parametrize("share", [0.1, 0.2])
def test_uncertain_pixels_are_ignored(labelled: Labelled, share: float) -> None:
    """The share of all pixels is the requested one, and they are the most uncertain ones."""
    masks = labelled.without_uncertain_pixels(share).labels["segmentation"]
    unknown = (masks == IGNORE_INDEX).flatten()
    assert unknown.float().mean() == pytest.approx(share, abs=0.01)
    assert not unknown[: len(unknown) // 2].any()


@pytest.mark.parametrize(("share", "left"), [(0.1, 9), (0.2, 8)])
def test_uncertain_images_are_left_out(labelled: Labelled, share: float, left: int) -> None:
    """The most certain images remain."""
    assert len(labelled.without_uncertain_images(share)) == left


def test_two_opinions_are_multiplied_or_compared(labelled: Labelled) -> None:
    """Where both have the same class, product and agreement have it; elsewhere agreement has none."""
    own, other = labelled.generated.masks, labelled.second.argmax(dim=1)
    same = own == other
    assert torch.equal(labelled.product[same], own[same])
    agreed = labelled.agreed().labels["segmentation"]
    assert torch.equal(agreed[same], own[same])
    assert (agreed[~same] == IGNORE_INDEX).all()


def test_sampled_classes_follow_the_probabilities(labelled: Labelled) -> None:
    """Their mean over the pixels equals the mean probability, within the error of 160 draws."""
    drawn = labelled.sampled().labels["segmentation"].float().mean()
    expected = labelled.generated.probabilities[:, 1].float().mean() / 255
    assert float(drawn - expected) == pytest.approx(0, abs=0.1)


def test_every_variant_is_made_of_pairs(labelled: Labelled) -> None:
    """Also those that leave images out."""
    lengths = {name: len(make(labelled)) for name, make in VARIANTS.items()}
    assert lengths == dict.fromkeys(VARIANTS, 10) | {"drop 10%": 9, "drop 20%": 8}


def test_the_table_pairs_differences(labelled: Labelled) -> None:
    """A constant gain has no error."""
    lines = table(16, {"real": [0.4, 0.6], "hard": [0.5, 0.6], "agreed": [0.6, 0.7]}).splitlines()
    assert lines[-1] == "| agreed | 0.6500 | +10.0 ± 0.0 | +15.0 ± 5.0 |"
