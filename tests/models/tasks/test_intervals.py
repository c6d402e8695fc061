"""Intervals over images contain the true score about as often as they say, and are absent for a few images."""

import torch

from models.tasks.intervals import intervals
from models.tasks.keypoint_scores import KeypointScore
from models.tasks.segmentation_scores import ConfusionMatrix, add_image, iou_counts


def simulated(num_images: int) -> torch.Tensor:
    """Return right pixels and pixels of the union of images of one class, [images, 2]."""
    area = torch.distributions.LogNormal(5.0, 0.6).sample((num_images,))
    iou = torch.distributions.Beta(6.0, 3.0).sample((num_images,))
    return torch.stack([(iou * area).round(), area.round()], dim=1).long()


def share(totals: torch.Tensor) -> torch.Tensor:
    """Return the IoU of summed counts [draws, 2]."""
    return totals[:, :1] / totals[:, 1:]


def test_intervals_contain_the_truth() -> None:
    """With 48 images, in about 95 of 100 cases."""
    torch.manual_seed(0)
    truth = share(simulated(500_000).sum(dim=0, keepdim=True).double())
    found = torch.cat([intervals(simulated(48), share) for _ in range(200)])
    inside = (found[:, 0] <= truth[0]) & (truth[0] <= found[:, 1])
    assert 0.88 < inside.double().mean() < 0.99


def test_images_that_agree_have_no_interval() -> None:
    """Five hits in five images do not show that the next image is a hit."""
    assert intervals(torch.tensor([[4, 4]]).repeat(5, 1), share).isnan().all()


def test_equal_counts_have_equal_intervals() -> None:
    """The draws are the same each time."""
    mixed = torch.tensor([[3, 4], [1, 4], [4, 4], [2, 4]])
    assert torch.equal(intervals(mixed, share), intervals(mixed, share))


def test_a_class_in_few_images_has_no_interval() -> None:
    """The second class is in two of four images: its IoU is shown, its spread is not known."""
    scores = iou_counts(3)
    for index in range(4):
        image = ConfusionMatrix(3)
        truth = torch.tensor([0, 0, 0, int(index < 2)])
        image.add(torch.tensor([0, 0, 1, int(index < 2)]), truth)
        add_image(scores, image)
    assert scores.num_images.tolist() == [4, 2, 0]
    mean, background, second, absent = scores.bounds
    assert mean[0] <= mean[1]
    assert background[0] < background[1]
    assert second.isnan().all()
    assert absent.isnan().all()


def test_two_images_have_no_interval() -> None:
    """Nothing is known about other images."""
    scores = iou_counts(2)
    assert scores.bounds.isnan().all()
    assert scores.num_images.tolist() == [0, 0]


def test_keypoints_have_intervals() -> None:
    """The first point is visible in four images and hit in two, the second is visible once."""
    score = KeypointScore(2)
    for index in range(4):
        truth = torch.tensor([[[5.0, 5, 2], [5, 5, 2 * (index == 0)]]])
        predicted = torch.tensor([[[5.0 + 9 * (index % 2), 5, 1], [5, 5, 1]]])
        score.add(predicted, torch.full((1, 2), 2), truth, torch.tensor([40.0]))
    whole, first, second = score.images.bounds
    assert score.images.num_images.tolist() == [4, 1]
    assert first[0] < score.point_pck()[0] < first[1]
    assert whole[0] < score.pck() < whole[1]
    assert second.isnan().all()
