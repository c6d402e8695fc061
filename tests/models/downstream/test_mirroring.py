"""Names of left and right in mirrored images."""

import torch

from models.downstream.batches import Source
from models.downstream.mirroring import swap_of, swapped
from models.tasks.task_set import Labels
from tests.models.downstream.shapes import shapes


def test_left_and_right_are_partners() -> None:
    """Classes without a side are their own mirror images."""
    assert swap_of(["skin", "left_eye", "right_eye", "Right ear", "Left ear"]) == (0, 2, 1, 4, 3)


def test_a_side_without_a_partner_forbids_mirroring() -> None:
    """A mirrored left hand would be a right hand, which has no class."""
    assert swap_of(["left hand", "head"]) is None


def test_swapped_masks_keep_ignored_pixels() -> None:
    """255 stays, classes 1 and 2 change places."""
    masks = torch.tensor([[[0, 1], [2, 255]]], dtype=torch.uint8)
    mirrored = swapped(Labels((2, 2), segmentation=masks), {"segmentation": (0, 2, 1)})
    assert mirrored["segmentation"].tolist() == [[[0, 2], [1, 255]]]
    assert mirrored["segmentation"].dtype == torch.uint8


def test_swapped_keypoints_exchange_their_places() -> None:
    """The left eye gets the place of the right eye."""
    points = torch.tensor([[[1.0, 2.0, 2.0], [3.0, 4.0, 1.0]]])
    mirrored = swapped(Labels((8, 8), keypoints=points), {"keypoints": (1, 0)})
    assert mirrored["keypoints"].tolist() == [[[3.0, 4.0, 1.0], [1.0, 2.0, 2.0]]]


def test_mirrored_images_have_swapped_labels() -> None:
    """Image i has label i + the number of images when it is mirrored; without sides the labels are stored once."""
    pairs, cpu = shapes(3, 0), torch.device("cpu")
    sided = Source.of(pairs, swaps={"segmentation": (0, 2, 1)}, device=cpu)
    first = pairs.labels["segmentation"][0]
    mirrored = sided.labels["segmentation"][0 + sided.mirror_offset]
    assert torch.equal(mirrored == 2, first == 1)
    plain = Source.of(pairs, swaps={"segmentation": (0, 1, 2)}, device=cpu)
    assert (plain.mirror_offset, len(plain.labels), plain.can_mirror) == (0, 3, True)
