"""Promises of `models.labels.features`: features and labels are of the same pixels, with and without a cache."""

import pytest
import torch

from models.arrays import PixelScores, StyleCodes
from models.generators.generator import Synthesis
from models.generators.stylegan2.generator import Generator, NoiseMode
from models.labels.drawing import labelled_pixels
from models.labels.features import (
    SYNTHESIS_BATCH,
    DrawnPixels,
    LabelledFeatures,
    synthesis_batch,
)
from models.tasks.keypoints import KeypointTask
from models.tasks.segmentation import SegmentationTask
from models.tasks.task_set import Labels, TaskSet
from tests.models.labels.conftest import Discs

THREE_CLASSES = TaskSet(SegmentationTask(3))


def evenly(labels: Labels) -> PixelScores:
    """Give all pixels the same weight."""
    return torch.ones(len(labels), *labels.label_px)


def test_features_and_labels_are_of_the_same_pixels(discs: Discs) -> None:
    """The features of a pixel give its distance from the disc, and so its class, heat and depth."""
    data = LabelledFeatures(
        discs.generator, discs.ws, discs.labels, discs.tasks, weigh=evenly, cache_bytes=1 << 20
    )
    (drawn,) = data.rounds(1, images=2, pixels=100)
    squared = drawn.columns[:, -2]  # in radii of 5 px
    assert torch.equal(drawn.targets["segmentation"]["classes"], (squared < 1).long())
    assert torch.allclose(
        drawn.targets["keypoints"]["heat"][:, 0], torch.exp(-squared * 25 / (2 * 2.0**2)), atol=1e-4
    )
    assert torch.allclose(
        drawn.targets["depth"]["depth"], 1_000 - 300 * torch.exp(-squared / 2), rtol=1e-4
    )
    assert drawn.targets["keypoints"]["visible"].min() == 1


@pytest.mark.parametrize("share", [0.0, 0.5, 0.8])
def test_features_do_not_depend_on_the_cache(generator: Generator, share: float) -> None:
    """Beyond the memory limit taps are synthesised again, one round or several at a time; the pixels are the same."""
    stored = _draw(generator, cache_bytes=1 << 30)
    again = _draw(generator, cache_bytes=int(share * 5 * generator.layout.tap_bytes))
    for one, other in zip(stored, again, strict=True):
        assert torch.allclose(one.columns, other.columns, atol=1e-5)
        assert torch.equal(*(each.targets["segmentation"]["classes"] for each in (one, other)))


class Counting(Generator):
    """Counts the images that it synthesizes."""

    num_images = 0

    def synthesize(self, ws: StyleCodes, noise: NoiseMode = "const") -> Synthesis:
        self.num_images += len(ws)
        return super().synthesize(ws, noise)


def test_rounds_share_one_pass_over_the_images(generator: Generator) -> None:
    """Without a cache, an image is synthesized once for all rounds whose hypercolumns fit the limit together."""
    counting = Counting(generator.config)
    drawn = _draw(counting, cache_bytes=4 * generator.layout.tap_bytes)
    assert len(drawn) == 3
    assert counting.num_images <= 5


def test_the_synthesis_batch_fits_half_the_limit(generator: Generator) -> None:
    """At least one image, at most `SYNTHESIS_BATCH`."""
    one = generator.layout.tap_bytes
    limits = (0, 2 * one, 7 * one, 1 << 40)
    assert [synthesis_batch(generator, limit) for limit in limits] == [1, 1, 3, SYNTHESIS_BATCH]


def _draw(generator: Generator, *, cache_bytes: int) -> list[DrawnPixels]:
    """Draw three rounds of twenty pixels of two of five images, with the same seed in every call."""
    torch.manual_seed(0)
    ws = generator.map(torch.randn(5, 16))
    labels = Labels(label_px=(32, 32), segmentation=torch.randint(0, 3, (5, 32, 32)).byte())
    data = LabelledFeatures(
        generator, ws, labels, THREE_CLASSES, weigh=evenly, cache_bytes=cache_bytes
    )
    return list(data.rounds(3, images=2, pixels=20))


def test_pixels_without_weight_are_never_drawn(generator: Generator) -> None:
    """Only labeled pixels reach the loss: 255 is no class."""
    masks = torch.full((2, 32, 32), 255)
    masks[:, 5, 7] = 2
    data = LabelledFeatures(
        generator,
        generator.map(torch.randn(2, 16)),
        Labels(label_px=(32, 32), segmentation=masks),
        THREE_CLASSES,
        weigh=lambda labels: labelled_pixels(labels, THREE_CLASSES).float(),
        cache_bytes=1 << 20,
    )
    (drawn,) = data.rounds(1, images=2, pixels=100)
    assert set(drawn.targets["segmentation"]["classes"].tolist()) == {2}


def test_an_absent_keypoint_has_no_heat(generator: Generator) -> None:
    """An absent keypoint is NaN at every pixel; a hidden one has heat and is not visible."""
    points = torch.tensor([[[5.0, 5, 0], [9, 9, 1]]])
    data = LabelledFeatures(
        generator,
        generator.map(torch.randn(1, 16)),
        Labels(label_px=(32, 32), keypoints=points),
        TaskSet(KeypointTask(2)),
        weigh=evenly,
        cache_bytes=1 << 20,
    )
    (drawn,) = data.rounds(1, images=1, pixels=50)
    assert drawn.targets["keypoints"]["heat"][:, 0].isnan().all()
    assert (drawn.targets["keypoints"]["heat"][:, 1] >= 0).all()
    assert drawn.targets["keypoints"]["visible"][:, 1].max() == 0
