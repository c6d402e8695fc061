"""Labels and names of left and right in mirrored images."""

import math

import torch

from models.downstream.batches import Source
from models.tasks.depth import DepthTask
from models.tasks.keypoints import KeypointTask
from models.tasks.mirroring import mirrored, swapped
from models.tasks.segmentation import SegmentationTask
from models.tasks.task_set import Labels, TaskSet
from tests.models.downstream.shapes import TASKS, shapes

MASKS, POINTS = TaskSet(SegmentationTask(3)), TaskSet(KeypointTask(2))


def test_swapped_masks_keep_ignored_pixels() -> None:
    """255 stays, classes 1 and 2 change places."""
    masks = torch.tensor([[[0, 1], [2, 255]]], dtype=torch.uint8)
    labels = swapped(Labels((2, 2), segmentation=masks), MASKS, {"segmentation": (0, 2, 1)})
    assert labels["segmentation"].tolist() == [[[0, 2], [1, 255]]]
    assert labels["segmentation"].dtype == torch.uint8


def test_swapped_keypoints_exchange_their_places() -> None:
    """The left eye gets the place of the right eye."""
    points = torch.tensor([[[1.0, 2.0, 2.0], [3.0, 4.0, 1.0]]])
    labels = swapped(Labels((8, 8), keypoints=points), POINTS, {"keypoints": (1, 0)})
    assert labels["keypoints"].tolist() == [[[3.0, 4.0, 1.0], [1.0, 2.0, 2.0]]]


def test_mirrored_labels_fit_the_mirrored_image() -> None:
    """Masks and depth are mirrored; a point at the left border moves to the right one. Left and right change names."""
    labels = Labels(
        (1, 4),
        segmentation=torch.tensor([[[1, 0, 0, 255]]], dtype=torch.uint8),
        keypoints=torch.tensor([[[0.0, 0.5, 2.0], [3.5, 0.5, 1.0]]]),
        depth=torch.tensor([[[1.0, 2.0, 3.0, math.nan]]]),
    )
    tasks = TaskSet(SegmentationTask(3), KeypointTask(2), DepthTask())
    swaps = {"segmentation": (0, 2, 1), "keypoints": (1, 0)}
    flipped = mirrored(labels, tasks, swaps)
    assert flipped["segmentation"].tolist() == [[[255, 0, 0, 2]]]
    assert flipped["keypoints"].tolist() == [[[0.5, 0.5, 1.0], [4.0, 0.5, 2.0]]]
    assert flipped["depth"][0, 0, 1:].tolist() == [3.0, 2.0, 1.0]
    assert math.isnan(flipped["depth"][0, 0, 0])
    again = mirrored(flipped, tasks, swaps)
    for name, tensor in labels.by_task.items():
        assert torch.equal(again[name].nan_to_num(-1), tensor.nan_to_num(-1)), name


def test_mirrored_images_have_swapped_labels() -> None:
    """Image i has label i + the number of images when it is mirrored; without sides the labels are stored once."""
    pairs, cpu = shapes(3, 0), torch.device("cpu")
    odds, sides = torch.ones(3), {"segmentation": (0, 2, 1)}
    sided = Source.of(pairs, odds, tasks=TASKS, swaps=sides, device=cpu)
    first = pairs.labels["segmentation"][0]
    labels = sided.labels["segmentation"][0 + sided.mirror_offset]
    assert torch.equal(labels == 2, first == 1)
    plain = Source.of(pairs, odds, tasks=TASKS, swaps={"segmentation": (0, 1, 2)}, device=cpu)
    assert (plain.mirror_offset, len(plain.labels), plain.can_mirror) == (0, 3, True)
