"""A fit's labels against those of a small network that trained on the labelled images alone."""

import numpy as np
import pytest
import torch

from benchmarks.defaults import ensemble_options
from contracts.fits.metrics import Estimate
from contracts.schemas import DepthSchema, LabelSchema
from models.generators.stylegan2.generator import Generator
from tests.workers.scene import CONFIG
from workers.codecs.registry import TASKS
from workers.codecs.task import codecs_of
from workers.fitting.checks.comparison import compare, difference_interval
from workers.fitting.estimates import CrossValidation
from workers.fitting.pairs import Pairs
from workers.fitting.trainer import Trainer
from workers.runtime.micro_batches import MicroBatches

SQUARES = LabelSchema(classes=("dark", "bright"))
RANDOM = np.random.default_rng(0)
FOLDS = ((0, 1, 2), (3, 4, 5))


def trainer(px: int, labels: LabelSchema = SQUARES, steps: int = 150) -> Trainer:
    """Return a trainer of six images with a bright square each, which is the second class."""
    pairs = [_pair(px, labels) for _ in range(6)]
    return Trainer(
        generator=Generator(CONFIG),
        pairs=Pairs(
            names=tuple("abcdef"),
            images=tuple(image for image, _ in pairs),
            labels=tuple(label for _, label in pairs),
            schema=labels,
            codecs=codecs_of(TASKS, labels),
            px=(px, px),
        ),
        codes=torch.zeros(6, CONFIG.num_ws, CONFIG.w_dim),
        options=ensemble_options(steps=steps),
        seed=0,
        micro_batches=MicroBatches(1),
        digest="",
    )


def _pair(
    px: int, labels: LabelSchema
) -> tuple[
    np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
    dict[str, np.ndarray[tuple[int, ...], np.dtype[np.uint8]]],
]:
    mask = np.zeros((px, px), np.uint8)
    row, column = RANDOM.integers(0, px // 2, 2)
    mask[row : row + px // 2, column : column + px // 2] = 1
    image = RANDOM.integers(0, 60, (px, px, 3), dtype=np.uint8) + 150 * mask[:, :, None]
    own = {codec.name: codec.unlabelled(labels, (px, px)) for codec in codecs_of(TASKS, labels)}
    return image, {**own, "segmentation": mask}


def validation(quality: float, folds: tuple[tuple[int, ...], ...] = FOLDS) -> CrossValidation:
    """Return a cross-validation in which the labels of every image have this quality."""
    estimate = Estimate(miou=quality, num_folds=2, num_members=3, num_steps=500)
    return CrossValidation(estimate, folds, [quality] * 6)


@pytest.mark.parametrize(("quality", "predicts_harm"), [(0.1, True), (1.0, False)])
def test_harm_is_predicted_where_the_network_is_clearly_better(
    quality: float, *, predicts_harm: bool
) -> None:
    """A network learns bright squares from three images."""
    steps: list[tuple[int, int]] = []
    compared = compare(
        trainer(32), validation(quality), torch.device("cpu"), lambda *step: steps.append(step)
    )
    assert compared is not None
    assert compared.predicts_harm is predicts_harm
    assert (compared.num_images, compared.fit) == (6, quality)
    assert compared.real > 0.5
    assert compared.low < compared.fit - compared.real < compared.high
    assert steps[-1] == (60, 60)


def test_large_images_are_compared_at_a_smaller_size() -> None:
    """Images of 128 px are read at 64 px, so that the network takes seconds."""
    compared = compare(trainer(128, steps=5), validation(0.5), torch.device("cpu"), lambda *_: None)
    assert compared is not None
    assert compared.num_images == 6


def test_too_few_images_are_not_compared() -> None:
    """Three images say nothing about a mean difference."""
    few = validation(0.5, folds=((0,), (1,), (2,)))
    assert compare(trainer(32, steps=5), few, torch.device("cpu"), lambda *_: None) is None


def test_a_task_without_training_labels_is_not_compared() -> None:
    """No network can learn it."""
    labels = LabelSchema(classes=SQUARES.classes, depth=DepthSchema(unit="m", scale=1))
    without_depth = trainer(32, labels, steps=5)
    compared = compare(without_depth, validation(0.5), torch.device("cpu"), lambda *_: None)
    assert compared is None


def test_the_interval_is_that_of_a_paired_t_test() -> None:
    """Four differences with a standard deviation of 1 have an error of 0.5, and t is 3.18 for three degrees."""
    values = np.array([-1.5, -0.5, 0.5, 1.5]) / np.std([-1.5, -0.5, 0.5, 1.5], ddof=1)
    low, high = difference_interval(values)
    assert low == pytest.approx(-1.59, abs=0.06)
    assert high == pytest.approx(1.59, abs=0.06)
