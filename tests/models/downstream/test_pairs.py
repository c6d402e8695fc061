"""Pairs, mixtures of them, and the batches that are drawn from them."""

import pytest
import torch

from models.downstream import batches
from models.downstream.batches import draw_rows
from models.downstream.options import DownstreamOptions
from models.downstream.pairs import Pairs, Part
from models.downstream.training import validation_rows
from models.tasks.task_set import Labels
from tests.models.downstream.shapes import PX, TASKS, shapes


def test_half_of_every_batch_of_a_mixture_is_real() -> None:
    """The share holds in each batch, also when there are 50 times more synthetic pairs."""
    mixture = Pairs.mixed(shapes(4, 0), shapes(200, 1))
    rows = draw_rows(mixture.parts, 16, torch.Generator().manual_seed(0))
    assert (rows < 4).sum() == 8
    assert len(rows) == 16


def test_a_small_part_is_repeated_evenly() -> None:
    """Two images in a batch of 8 are drawn four times each."""
    rows = draw_rows((Part(2, 1.0),), 8, torch.Generator().manual_seed(0))
    assert rows.bincount().tolist() == [4, 4]


def test_a_batch_repeats_no_image_while_there_are_enough() -> None:
    """16 of 16 images are all images."""
    rows = draw_rows((Part(16, 1.0),), 16, torch.Generator().manual_seed(0))
    assert rows.sort().values.tolist() == list(range(16))


def test_validation_images_are_real_images_of_the_training_data() -> None:
    """In a mixture only the first part gives images for validation, and training loses exactly them."""
    mixture = Pairs.mixed(shapes(10, 0), shapes(50, 1))
    options = DownstreamOptions(validation_share=0.2, min_validated=10)
    held_out = validation_rows(mixture, TASKS, options, seed=0)
    assert len(held_out) == 2
    assert held_out.max() < 10
    assert [part.count for part in mixture.without(held_out).parts] == [8, 50]


def test_few_images_are_all_trained_on() -> None:
    """A fifth of 16 labels costs 6 points, so none of few images is kept back."""
    assert len(validation_rows(shapes(16, 0), TASKS, DownstreamOptions(), seed=0)) == 0


def test_labels_of_another_size_are_refused() -> None:
    """The message names both sizes."""
    labels = Labels((8, 8), segmentation=torch.zeros(1, 8, 8, dtype=torch.uint8))
    with pytest.raises(ValueError, match=r"\(24, 24\), got \(8, 8\)"):
        Pairs.of(torch.zeros(1, 3, PX, PX, dtype=torch.uint8), labels)


def test_no_images_are_refused() -> None:
    """An empty arm cannot be trained."""
    with pytest.raises(ValueError, match="at least 1 image"):
        shapes(0, 0)


def test_labels_for_other_images_are_refused() -> None:
    """One label too few is found before training."""
    pairs = shapes(3, 0)
    with pytest.raises(ValueError, match="3 images and labels for 2"):
        Pairs.of(pairs.images, pairs.labels.select(torch.arange(2)))


def test_pixels_are_drawn_in_proportion_to_their_odds() -> None:
    """A pixel of odds 3 is drawn three times as often as one of odds 1, and one of odds 0 never."""
    odds = torch.tensor([[1.0, 0.0, 3.0, 0.0]]).expand(2, -1)
    drawn = batches._drawn(odds, 400, torch.Generator().manual_seed(0))
    assert [row.bincount(minlength=4).tolist() for row in drawn] == [[100, 0, 300, 0]] * 2


def test_pixels_of_an_unlabelled_image_are_drawn_evenly() -> None:
    """Their loss is 0, so any pixel will do; no number becomes NaN."""
    drawn = batches._drawn(torch.zeros(1, 4), 8, torch.Generator().manual_seed(0))
    assert drawn[0].bincount(minlength=4).tolist() == [2, 2, 2, 2]
