"""Promises of the label generator: what it renders fits together and belongs to its generator."""

import pytest
import torch

from models.generators.stylegan2.generator import Generator
from models.labels.ensemble import Ensemble, EnsembleConfig
from models.labels.label_generator import LabelGenerator, from_bytes, to_bytes
from models.tasks.depth import DepthTask
from models.tasks.keypoints import KeypointTask
from models.tasks.segmentation import SegmentationTask
from models.tasks.task_set import TaskSet

ALL = TaskSet(SegmentationTask(4), KeypointTask(5), DepthTask())


def random_fit(generator: Generator, tasks: TaskSet) -> LabelGenerator:
    """An ensemble with random weights; labels half as large as images."""
    config = EnsembleConfig(tap_channels=generator.config.tap_channels, tasks=tasks)
    height, width = generator.config.image_px
    return LabelGenerator(generator, Ensemble(config).eval(), (height // 2, width // 2))


def test_rendered_parts_have_the_label_size(any_generator: Generator) -> None:
    """Bytes for people, indices for training, points in the label's pixels, one score an image and task."""
    height, width = any_generator.config.image_px
    label_px = (height // 2, width // 2)
    found = random_fit(any_generator, ALL).render(any_generator.map(torch.randn(3, 16)))
    masks, points = found.labels["segmentation"], found.labels["keypoints"]
    maps = (*masks.values(), found.labels["depth"]["depth"], found.uncertainty)
    assert found.images.shape == (3, height, width, 3)
    assert {tuple(each.shape) for each in maps} == {(3, *label_px)}
    assert points["points"].shape == (3, 5, 3)
    assert (points["points"][..., :2] <= torch.tensor([width // 2, height // 2])).all()
    assert set(points["visibility"].flatten().tolist()) <= {1, 2}
    assert len(found) == 3


@pytest.mark.parametrize(
    ("tasks", "first"),
    [
        (ALL, "segmentation"),
        (TaskSet(KeypointTask(2), DepthTask()), "keypoints"),
        (TaskSet(DepthTask()), "depth"),
    ],
)
def test_the_first_task_tells_the_score(generator: Generator, tasks: TaskSet, first: str) -> None:
    """The first task of the set gives the score, and only learned tasks have labels."""
    found = random_fit(generator, tasks).render(generator.map(torch.randn(2, 16)))
    assert list(found.task_scores) == list(tasks.names)
    assert torch.equal(found.scores, found.task_scores[first])
    assert list(found.labels) == list(tasks.names)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rank", [None, 12], ids=["paper", "compact"])
def test_labelling_stays_on_its_device(
    generator: Generator, rank: int | None, precision: torch.dtype
) -> None:
    """From codes to votes no value is waited for and nothing is mixed with the CPU: the meta device allows neither."""
    taps = generator.config.tap_channels
    with torch.device("meta"):
        there = Generator(generator.config).requires_grad_(False).lower_precision(precision)
        ensemble = Ensemble(EnsembleConfig(tap_channels=taps, tasks=ALL, rank=rank))
        z = torch.randn(2, 16)
    ws = there.map(z)
    ballot = LabelGenerator(there, ensemble.eval()).label(there.synthesize(ws).taps)
    labels = [one for votes in ballot.votes.values() for one in votes.labels().values()]
    assert {one.device.type for one in labels} == {"meta"}
    assert {votes.scores.device.type for votes in ballot.votes.values()} == {"meta"}


def test_an_ensemble_of_another_generator_is_refused(generator: Generator) -> None:
    """Features of other widths would be read as nonsense; the message says what to use."""
    config = EnsembleConfig(tap_channels=(8, 8), tasks=ALL)
    with pytest.raises(ValueError, match="use the generator that the ensemble was fitted on"):
        LabelGenerator(generator, Ensemble(config))


def test_bytes_and_back() -> None:
    """Every byte value survives the trip through [-1, 1]."""
    image = torch.arange(256, dtype=torch.uint8).view(1, 16, 16, 1).expand(1, 16, 16, 3)
    assert torch.equal(to_bytes(from_bytes(image)), image)
