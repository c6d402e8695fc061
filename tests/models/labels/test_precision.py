"""Promises of bfloat16: labels and scores hardly change, on the built-in generator with ensembles fitted to it."""

from pathlib import Path

import torch
from torch import Tensor

from benchmarks.defaults import ensemble_options
from models.generators.stylegan2.generator import Generator, build_generator
from models.labels.compact import compress
from models.labels.ensemble import Ensemble
from models.labels.label_generator import LabelGenerator
from models.labels.training import train_ensemble
from models.tasks.segmentation import ClassVotes, SegmentationTask
from models.tasks.task_set import Labels, TaskSet
from workers.runtime.weights import read_network

PORTRAITS = Path("assets/generators/portraits-64")
MARGIN = 0.02
NUM_CLASSES = 4
OPTIONS = ensemble_options(kind="paper", num_members=2, steps=100)


def brightness(generator: Generator, ws: Tensor) -> Tensor:
    """Return masks of four classes, from dark to light pixels."""
    gray = generator.synthesize(ws).images.mean(dim=1)
    borders = gray.flatten().quantile(torch.tensor([0.25, 0.5, 0.75]))
    return torch.bucketize(gray, borders)


def fitted(generator: Generator, ws: Tensor) -> list[Ensemble]:
    """Return an ensemble of each kind, trained on the brightness of samples."""
    labels = Labels(label_px=generator.config.image_px, segmentation=brightness(generator, ws))
    tasks = TaskSet(SegmentationTask(NUM_CLASSES))
    paper = train_ensemble(generator, ws, labels, tasks=tasks, options=OPTIONS, seed=0)
    return [paper, compress(paper, generator, ws, rank=96, seed=0, micro_batch=8)]


def votes(generator: Generator, ensemble: Ensemble, ws: Tensor) -> ClassVotes:
    """Return the class votes on samples."""
    taps = generator.synthesize(ws).taps
    return LabelGenerator(generator, ensemble).label(taps).of(ClassVotes)


def ranks(scores: Tensor) -> Tensor:
    """Return the rank of each score."""
    return scores.argsort().argsort().double()


def test_labels_and_scores_hardly_change() -> None:
    """99.9% of the pixels whose two most probable classes differ by 0.02 or more agree; images rank the same."""
    generator = build_generator(*read_network(PORTRAITS, "generator"))
    training, ws = generator.map(torch.randn(24, generator.config.z_dim)).split([8, 16])
    ensembles = fitted(generator, training)
    expected = [votes(generator, ensemble, ws) for ensemble in ensembles]
    generator.lower_precision(torch.bfloat16)
    for ensemble, exact in zip(ensembles, expected, strict=True):
        lowered = votes(generator, ensemble, ws)
        first, second = exact.probabilities.topk(2, dim=1).values.unbind(dim=1)
        agree = exact.probabilities.argmax(dim=1) == lowered.probabilities.argmax(dim=1)
        assert agree[first - second > MARGIN].double().mean() >= 0.999
        both = torch.stack([ranks(exact.scores), ranks(lowered.scores)])
        assert both.corrcoef()[0, 1] > 0.99
