"""Promises of `models.labels.features`: labels are read where the features are, and only drawn pixels are read."""

import torch

from models.labels.drawing import labelled_pixels
from models.labels.features import LabelledFeatures
from models.labels.tasks import KeypointTask, Labels, SegmentationTask, TaskSet
from models.stylegan2.generator import Generator
from tests.models.labels.conftest import Discs, given


def test_features_and_labels_are_of_the_same_pixels(discs: Discs) -> None:
    """A disc's class, heat and depth follow from the features beside them."""
    data = LabelledFeatures(
        discs.generator,
        discs.ws,
        discs.labels,
        discs.tasks,
        weights=torch.ones(12, 16 * 32),
        cache_bytes=1 << 20,
    )
    drawn = data.draw(torch.tensor([7, 2]), 50)
    squared = drawn.columns[:, -2]  # in radii of 5 px
    assert torch.equal(given(drawn.classes), (squared < 1).long())
    assert torch.allclose(
        given(drawn.heat)[:, 0], torch.exp(-squared * 25 / (2 * 2.0**2)), atol=1e-4
    )
    assert torch.allclose(given(drawn.depth), 1_000 - 300 * torch.exp(-squared / 2), rtol=1e-4)
    assert given(drawn.visible).min() == 1


def test_features_are_the_same_stored_or_made_again(generator: Generator) -> None:
    """Beyond the memory limit taps are synthesised anew; what is drawn does not change."""
    ws = generator.map(torch.randn(4, 16))
    masks = torch.randint(0, 3, (4, 32, 32))
    drawn = [_draw(generator, ws, masks, cache_bytes) for cache_bytes in (0, 1 << 30)]
    assert torch.allclose(drawn[0][0], drawn[1][0], atol=1e-5)
    assert torch.equal(drawn[0][1], drawn[1][1])


def _draw(
    generator: Generator, ws: torch.Tensor, masks: torch.Tensor, cache_bytes: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Twenty pixels of two images, with the same chance in every call."""
    torch.manual_seed(0)
    labels = Labels(label_px=(32, 32), masks=masks)
    data = LabelledFeatures(
        generator,
        ws,
        labels,
        TaskSet(segmentation=SegmentationTask(3)),
        weights=torch.ones(4, 1024),
        cache_bytes=cache_bytes,
    )
    drawn = data.draw(torch.tensor([3, 1]), 20)
    return drawn.columns, given(drawn.classes)


def test_pixels_without_weight_are_never_drawn(generator: Generator) -> None:
    """Only labelled pixels reach the loss: 255 is no class."""
    masks = torch.full((2, 32, 32), 255)
    masks[:, 5, 7] = 2
    labels = Labels(label_px=(32, 32), masks=masks)
    data = LabelledFeatures(
        generator,
        generator.map(torch.randn(2, 16)),
        labels,
        TaskSet(segmentation=SegmentationTask(3)),
        weights=labelled_pixels(labels).float().flatten(1),
        cache_bytes=1 << 20,
    )
    assert set(given(data.draw(torch.tensor([0, 1]), 50).classes).tolist()) == {2}


def test_an_absent_keypoint_has_no_heat(generator: Generator) -> None:
    """NaN at every pixel of the image that does not label it; a hidden one has heat and is not visible."""
    points = torch.tensor([[[5.0, 5, 0], [9, 9, 1]]])
    data = LabelledFeatures(
        generator,
        generator.map(torch.randn(1, 16)),
        Labels(label_px=(32, 32), keypoints=points),
        TaskSet(keypoints=KeypointTask(2)),
        weights=torch.ones(1, 1024),
        cache_bytes=1 << 20,
    )
    drawn = data.draw(torch.tensor([0]), 50)
    assert given(drawn.heat)[:, 0].isnan().all()
    assert (given(drawn.heat)[:, 1] >= 0).all()
    assert given(drawn.visible)[:, 1].max() == 0
