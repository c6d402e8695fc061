"""Promises of the label generator: images and labels have matching sizes, and the ensemble its generator."""

import pytest
import torch

from models.generators.stylegan2.generator import Generator
from models.labels.ensemble import Ensemble, EnsembleConfig
from models.labels.label_generator import LabelGenerator, from_bytes, to_bytes
from models.tasks.depth import DepthTask
from models.tasks.keypoints import KeypointTask
from models.tasks.segmentation import SegmentationTask
from models.tasks.soft_labels import SoftLabels
from models.tasks.task import LabelOptions
from models.tasks.task_set import TaskSet

ALL = TaskSet(SegmentationTask(4), KeypointTask(5), DepthTask())


def random_fit(generator: Generator, tasks: TaskSet, certainty: float = 1.0) -> LabelGenerator:
    """Return a label generator with random weights; labels have half the size of images."""
    config = EnsembleConfig(tap_channels=generator.config.tap_channels, tasks=tasks)
    height, width = generator.config.image_px
    ensemble = Ensemble(config).eval()
    with torch.no_grad():
        ensemble.layer3.weight.mul_(certainty)
    return LabelGenerator(generator, ensemble, (height // 2, width // 2))


def test_rendered_parts_have_the_label_size(any_generator: Generator) -> None:
    """Images are bytes, masks are indices, points are in the label's pixels; every image and task has one score."""
    height, width = any_generator.config.image_px
    label_px = (height // 2, width // 2)
    rendered = random_fit(any_generator, ALL).render(any_generator.map(torch.randn(3, 16)))
    masks, points = rendered.labels["segmentation"], rendered.labels["keypoints"]
    maps = (*masks.values(), rendered.labels["depth"]["depth"], rendered.uncertainty)
    assert rendered.images.shape == (3, height, width, 3)
    assert {tuple(each.shape) for each in maps} == {(3, *label_px)}
    assert points["points"].shape == (3, 5, 3)
    assert (points["points"][..., :2] <= torch.tensor([width // 2, height // 2])).all()
    assert set(points["visibility"].flatten().tolist()) <= {1, 2}
    assert len(rendered) == 3


@pytest.mark.parametrize(
    ("tasks", "first"),
    [
        (ALL, "segmentation"),
        (TaskSet(KeypointTask(2), DepthTask()), "keypoints"),
        (TaskSet(DepthTask()), "depth"),
    ],
)
def test_the_first_task_gives_the_score(generator: Generator, tasks: TaskSet, first: str) -> None:
    """The first task of the set gives the score, and only learned tasks have labels."""
    rendered = random_fit(generator, tasks).render(generator.map(torch.randn(2, 16)))
    assert list(rendered.task_scores) == list(tasks.names)
    assert torch.equal(rendered.scores, rendered.task_scores[first])
    assert list(rendered.labels) == list(tasks.names)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rank", [None, 12], ids=["paper", "compact"])
def test_labelling_stays_on_its_device(
    generator: Generator, rank: int | None, precision: torch.dtype
) -> None:
    """Nothing is copied to the CPU and no value is read: the meta device allows neither."""
    taps = generator.config.tap_channels
    with torch.device("meta"):
        there = Generator(generator.config).requires_grad_(False).lower_precision(precision)
        ensemble = Ensemble(EnsembleConfig(tap_channels=taps, tasks=ALL, rank=rank))
        z = torch.randn(2, 16)
    ws = there.map(z)
    votes = LabelGenerator(there, ensemble.eval()).label(there.synthesize(ws).taps).votes
    options = LabelOptions(soft_labels=2, ignore_above=0.1)
    labels = [tensor for each in votes.values() for tensor in each.refined(options).values()]
    assert {tensor.device.type for tensor in labels} == {"meta"}
    assert {each.scores.device.type for each in votes.values()} == {"meta"}


def test_options_change_masks_only(generator: Generator) -> None:
    """Soft labels and ignored pixels come with the masks; all other labels and scores stay as they are."""
    fitted = random_fit(generator, ALL, certainty=100)  # members that contradict each other
    codes = generator.map(torch.randn(3, 16))
    plain = fitted.render(codes)
    limit = float(plain.uncertainty.median())
    refined = fitted.render(codes, LabelOptions(soft_labels=2, ignore_above=limit))
    masks = refined.labels["segmentation"]
    soft = SoftLabels.in_labels(masks)
    assert torch.equal(soft.classes[:, 0], plain.labels["segmentation"]["masks"])
    assert soft.steps.shape == (3, 2, *fitted.label_px)
    assert torch.equal(masks["masks"] == 255, masks["ignored"])
    assert 0 < masks["ignored"].float().mean() < 1
    assert torch.equal(refined.labels["depth"]["depth"], plain.labels["depth"]["depth"])
    assert torch.equal(refined.scores, plain.scores)


@pytest.mark.parametrize(
    "options", [LabelOptions(soft_labels=1), LabelOptions(ignore_above=0.5)], ids=["soft", "ignore"]
)
def test_options_need_masks(generator: Generator, options: LabelOptions) -> None:
    """An ensemble without masks refuses both, instead of ignoring the request."""
    fitted = random_fit(generator, TaskSet(KeypointTask(2), DepthTask()))
    with pytest.raises(ValueError, match="need masks, and this ensemble has keypoints, depth"):
        fitted.render(generator.map(torch.randn(1, 16)), options)


def test_an_ensemble_of_another_generator_is_refused(generator: Generator) -> None:
    """The number of channels differs; the message says which generator to use."""
    config = EnsembleConfig(tap_channels=(8, 8), tasks=ALL)
    with pytest.raises(ValueError, match="use the generator that the ensemble was fitted on"):
        LabelGenerator(generator, Ensemble(config))


def test_bytes_are_restored_exactly() -> None:
    """Every byte value is the same after `from_bytes` and `to_bytes`."""
    image = torch.arange(256, dtype=torch.uint8).view(1, 16, 16, 1).expand(1, 16, 16, 3)
    assert torch.equal(to_bytes(from_bytes(image)), image)
