"""The reference implementation of labelling must be correct."""

import torch

from benchmarks.speed.naive_head import naive_label
from models.generators.stylegan2.config import GeneratorConfig
from models.generators.stylegan2.generator import Generator
from models.labels.ensemble import Ensemble, EnsembleConfig
from models.labels.label_generator import LabelGenerator
from models.tasks.depth import DepthTask
from models.tasks.keypoints import KeypointTask
from models.tasks.segmentation import ClassVotes, SegmentationTask
from models.tasks.task_set import TaskSet

TASKS = TaskSet(SegmentationTask(4), KeypointTask(2), DepthTask())


def test_the_paper_and_the_product_give_the_same_labels() -> None:
    """For ten random members, probabilities and uncertainties of every task agree within 1e-5."""
    torch.manual_seed(0)
    config = GeneratorConfig(z_dim=8, w_dim=8, channels=(8, 8, 4), num_mapping_layers=1)
    generator = Generator(config).eval().requires_grad_(False)
    ensemble = Ensemble(EnsembleConfig(tap_channels=config.tap_channels, tasks=TASKS))
    for parameter in ensemble.parameters():
        parameter.data.normal_(std=0.5)
    ensemble.eval().requires_grad_(False)
    taps = generator.synthesize(generator.map(torch.randn(2, 8))).taps
    product = LabelGenerator(generator, ensemble).label(taps)
    naive = naive_label(ensemble, taps, config.image_px)
    exact = naive.of(ClassVotes).probabilities
    assert torch.allclose(product.of(ClassVotes).probabilities, exact, atol=1e-5)
    for name, votes in product.votes.items():
        assert torch.allclose(votes.uncertainty, naive.votes[name].uncertainty, atol=1e-5)
