"""Promises of soft labels: the mask's class first, probabilities within one step, and never more than 1 together."""

import pytest
import torch

from models.tasks.segmentation import ClassVotes
from models.tasks.soft_labels import SoftLabels
from models.tasks.task import LabelOptions
from models.tasks.uncertainty import is_above


def probabilities(num_classes: int = 5) -> torch.Tensor:
    """Return probabilities of every kind: sharp, flat, and equal ones."""
    logits = torch.randn(3, num_classes, 24, 16, generator=torch.Generator().manual_seed(1))
    logits[1] *= 0.01
    logits[2] = logits[2].round()  # many equal probabilities
    return logits.softmax(dim=1)


def test_the_first_class_is_that_of_the_mask() -> None:
    """Also among equal probabilities, and for every number of kept classes."""
    votes = ClassVotes()
    votes.add(probabilities().log())
    labels = votes.refined(LabelOptions(soft_labels=3))
    assert torch.equal(labels["soft_classes"][:, 0], labels["masks"])
    assert torch.equal(SoftLabels.of(votes.probabilities, 1).classes[:, 0], labels["masks"])


def test_equal_probabilities_are_in_the_order_of_the_classes() -> None:
    """Four equal classes: 0, 1, 2 are kept, in this order."""
    soft = SoftLabels.of(torch.full((1, 4, 1, 1), 0.25), 3)
    assert soft.classes.flatten().tolist() == [0, 1, 2]
    assert soft.steps.flatten().tolist() == [64, 64, 63]


@pytest.mark.parametrize("kept", [1, 2, 3, 5])
def test_a_probability_is_off_by_less_than_a_step(kept: int) -> None:
    """Less than 1/255 for each kept class, at most half a step for the rest, and the order remains."""
    truth = probabilities()
    soft = SoftLabels.of(truth, kept)
    exact = truth.gather(1, soft.classes.long())
    rest = soft.probabilities.sum(dim=1) - exact.sum(dim=1)
    assert (soft.probabilities - exact).abs().max() < 1 / 255
    assert rest.abs().max() <= 0.5 / 255 + 1e-6
    assert (soft.steps.int().sum(dim=1) <= 255).all()
    assert (soft.steps.int().diff(dim=1) <= 0).all()


def test_all_classes_together_have_probability_one() -> None:
    """No mass is lost to rounding when every class is kept."""
    soft = SoftLabels.of(probabilities(), 5)
    assert (soft.steps.int().sum(dim=1) == 255).all()


@pytest.mark.parametrize("kept", [1, 3, 5])
def test_dense_probabilities_add_up_to_one(kept: int) -> None:
    """The rest is shared by the other classes, and the mask's class stays the most probable one."""
    truth = probabilities()
    soft = SoftLabels.of(truth, kept)
    dense = soft.dense(5)
    highest = dense.amax(dim=1, keepdim=True)
    assert dense.shape == truth.shape
    assert torch.allclose(dense.sum(dim=1), torch.ones(3, 24, 16), atol=1e-6)
    assert torch.equal(dense.gather(1, soft.classes[:, :1].long()), highest)


def test_a_certain_pixel_is_exact() -> None:
    """Probability 1 is 255 steps, and the other kept classes have none."""
    sure = torch.zeros(1, 3, 1, 1)
    sure[:, 2] = 1.0
    soft = SoftLabels.of(sure, 2)
    assert soft.classes.flatten().tolist() == [2, 0]
    assert soft.steps.flatten().tolist() == [255, 0]


def test_classes_without_a_step_are_in_the_order_of_their_index() -> None:
    """The order of tiny probabilities is noise, which would double the size of a file."""
    pixels = torch.tensor([0.0005, 0.0001, 0.998, 0.0011, 0.0003]).view(1, 5, 1, 1)
    soft = SoftLabels.of(pixels, 4)
    assert soft.classes.flatten().tolist() == [2, 0, 1, 3]
    assert soft.steps.flatten().tolist() == [255, 0, 0, 0]


@pytest.mark.parametrize("kept", [0, 6])
def test_a_wrong_number_of_classes_is_refused(kept: int) -> None:
    """The message names the limits and the number."""
    with pytest.raises(ValueError, match=f"1 to 5 kept classes.*got {kept}"):
        SoftLabels.of(probabilities(), kept)


def test_ignored_pixels_are_those_above_the_limit() -> None:
    """They are 255 in the mask and keep their soft labels; the other pixels keep their class."""
    votes = ClassVotes()
    for logits in probabilities().log(), probabilities().log().flip(1):
        votes.add(logits)
    plain, refined = votes.labels(), votes.refined(LabelOptions(soft_labels=1, ignore_above=0.1))
    ignored = refined["ignored"]
    assert torch.equal(ignored, is_above(votes.uncertainty, 0.1))
    assert 0 < ignored.float().mean() < 1
    assert (refined["masks"][ignored] == 255).all()
    assert torch.equal(refined["masks"][~ignored], plain["masks"][~ignored])
    assert torch.equal(refined["soft_classes"][:, 0], plain["masks"])


def test_without_options_labels_are_as_always() -> None:
    """No name is added."""
    votes = ClassVotes()
    votes.add(probabilities().log())
    assert votes.refined(LabelOptions()).keys() == votes.labels().keys() == {"masks", "confidences"}


def test_the_limit_is_compared_with_stored_steps() -> None:
    """51 steps are 0.2 nats: 51.4 steps are stored as 51 and are not above, 51.6 are."""
    uncertainty = torch.tensor([51.0, 51.4, 51.6, 300.0]).view(1, 1, 4) / 255
    assert is_above(uncertainty, 0.2).flatten().tolist() == [False, False, True, True]
