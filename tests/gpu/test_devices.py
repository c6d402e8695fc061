"""An accelerator gives the same images, labels and codes as the CPU, up to rounding."""

import pytest
import torch

from benchmarks.defaults import ensemble_options, inversion_options
from models.generators.stylegan2.config import GeneratorConfig
from models.generators.stylegan2.generator import Generator
from models.generators.stylegan2.inversion.invert import Tools, invert
from models.labels.ensemble import Ensemble, EnsembleConfig
from models.labels.label_generator import LabelGenerator
from models.labels.training import train_ensemble
from models.tasks.segmentation import SegmentationTask
from models.tasks.soft_labels import SoftLabels
from models.tasks.task import LabelOptions
from models.tasks.task_set import Labels, TaskSet

TASKS = TaskSet(SegmentationTask(5))

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


@pytest.fixture
def generator() -> Generator:
    """Return a 32 px generator with random weights on the CPU."""
    torch.manual_seed(0)
    config = GeneratorConfig(z_dim=16, w_dim=16, channels=(16, 16, 8, 8), num_mapping_layers=2)
    return Generator(config).eval().requires_grad_(False)


@pytest.mark.parametrize("rank", [None, 12], ids=["paper", "compact"])
def test_labels_equal_those_of_the_cpu(generator: Generator, rank: int | None) -> None:
    """At least 99.9% of the pixels of 16 samples have the same class."""
    taps = generator.config.tap_channels
    ensemble = Ensemble(EnsembleConfig(tap_channels=taps, tasks=TASKS, rank=rank))
    for parameter in ensemble.parameters():
        parameter.data.normal_(std=0.5)
    ensemble.eval().requires_grad_(False)
    ws = generator.map(torch.randn(16, 16))
    expected = LabelGenerator(generator, ensemble).render(ws)
    actual = LabelGenerator(generator.cuda(), ensemble.cuda()).render(ws.cuda())
    masks = [each.labels["segmentation"]["masks"] for each in (actual, expected)]
    differs = masks[0] != masks[1]
    assert differs.sum() <= 0.001 * differs.numel()


def test_soft_labels_begin_with_the_mask_on_the_device(generator: Generator) -> None:
    """Also among equal probabilities, where the device finds the lowest class first, as the CPU does."""
    ensemble = Ensemble(EnsembleConfig(tap_channels=generator.config.tap_channels, tasks=TASKS))
    fitted = LabelGenerator(generator.cuda(), ensemble.eval().cuda())
    ws = generator.map(torch.randn(4, 16, device="cuda"))
    plain = fitted.render(ws).labels["segmentation"]["masks"]
    soft = SoftLabels.in_labels(
        fitted.render(ws, LabelOptions(soft_labels=3)).labels["segmentation"]
    )
    assert torch.equal(soft.classes[:, 0], plain)
    equal = SoftLabels.of(torch.full((1, 4, 8, 8), 0.25, device="cuda"), 3)
    assert equal.classes.flatten(2)[0].T.unique(dim=0).tolist() == [[0, 1, 2]]


def test_a_fit_runs_on_the_device(generator: Generator) -> None:
    """Inversion and training run on the device of their inputs."""
    generator = generator.cuda()
    images = generator(torch.randn(2, 16, device="cuda")).clamp(-1, 1)
    options = inversion_options(steps=5)
    inversion = invert(Tools.of(generator), images, options)
    labels = Labels(label_px=(32, 32), segmentation=torch.randint(0, 5, (2, 32, 32)))
    ensemble = train_ensemble(
        generator, inversion.codes, labels, tasks=TASKS, options=ensemble_options(steps=5), seed=0
    )
    assert ensemble.layer1.weight.is_cuda
