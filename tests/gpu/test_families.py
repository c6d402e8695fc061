"""Both families train, sample and label on an accelerator, and a training moves between it and the CPU."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from benchmarks.defaults import ensemble_options
from models.adversarial.gan_training import AdversarialTraining
from models.adversarial.options import AdversarialOptions
from models.generators.diffusion.default_config import default_config
from models.generators.diffusion.training import DiffusionTraining, DiffusionTrainingOptions
from models.generators.stylegan2.config import DiscriminatorConfig, GeneratorConfig
from models.generators.training import GeneratorTraining
from models.labels.label_generator import LabelGenerator
from models.labels.training import train_ensemble
from models.sampling import Candidate, CandidateDraws, Stream
from models.tasks.segmentation import SegmentationTask
from models.tasks.task_set import Labels, TaskSet

DEVICE = torch.device("cuda")
PX = 16

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


def stylegan2(device: torch.device) -> AdversarialTraining:
    """Return a tiny training with augmentation and R1 in its first step."""
    return AdversarialTraining(
        GeneratorConfig(z_dim=8, w_dim=8, channels=(8, 8, 8), num_mapping_layers=1),
        DiscriminatorConfig(channels=(8, 8, 8)),
        AdversarialOptions(augmentation=0.5, augmentation_target=0.6),
        device,
    )


def diffusion(device: torch.device, *, bfloat16: bool = False) -> DiffusionTraining:
    """Return a tiny training."""
    config = replace(
        default_config((PX, PX)),
        block_out_channels=(8, 16, 16),
        norm_num_groups=4,
        attention_head_dim=8,
    )
    return DiffusionTraining(
        config, DiffusionTrainingOptions(flips=True, bfloat16=bfloat16), device
    )


@pytest.mark.parametrize(
    "start",
    [stylegan2, diffusion, lambda device: diffusion(device, bfloat16=device.type == "cuda")],
    ids=["stylegan2", "diffusion", "diffusion-bfloat16"],
)
def test_a_training_moves_between_devices(
    start: Callable[[torch.device], GeneratorTraining],
) -> None:
    """Steps on the accelerator, then on the CPU, then on the accelerator again: counted, and every loss is finite."""
    reals = torch.rand(4, 3, PX, PX) * 2 - 1
    training = start(DEVICE)
    losses = [training.step(reals) for _ in range(2)]
    for device in (torch.device("cpu"), DEVICE):
        state = training.state_dict()
        training = start(device)
        training.load_state_dict(state)
        losses.append(training.step(reals))
        assert {part.device.type for part in training.samples(2, seed=0)} == {device.type}
    assert training.images_seen == 16
    assert all(torch.isfinite(torch.tensor(value)) for row in losses for value in row.values())


def test_samples_of_diffusion_equal_those_of_the_cpu() -> None:
    """Samples of the same candidates differ by rounding alone, and so do the features of these images."""
    torch.manual_seed(0)
    generator = diffusion(torch.device("cpu")).average
    for parameter in generator.unet.parameters():  # a new network predicts 0
        torch.nn.init.normal_(parameter, std=0.1)
    draws = CandidateDraws(3, [Candidate(i) for i in range(3)], Stream.SAMPLES)
    codes = generator.sample(draws)
    taps = generator.synthesize(codes).taps
    generator.to(DEVICE)
    on_device = generator.sample(draws)
    torch.testing.assert_close(on_device.cpu(), codes, atol=2e-3, rtol=0)
    for expected, actual in zip(taps, generator.synthesize(codes.to(DEVICE)).taps, strict=True):
        torch.testing.assert_close(actual.cpu(), expected, atol=1e-2, rtol=1e-2)


def test_a_fit_on_diffusion_labels_on_the_device() -> None:
    """An ensemble trains on the codes of real images and labels samples, all on the accelerator."""
    generator = diffusion(DEVICE).average
    tasks = TaskSet(SegmentationTask(3))
    labels = Labels(label_px=(PX, PX), segmentation=torch.randint(0, 3, (2, PX, PX)))
    images = torch.rand(2, 3, PX, PX, device=DEVICE) * 2 - 1
    ensemble = train_ensemble(
        generator, images, labels, tasks=tasks, options=ensemble_options(steps=5), seed=0
    )
    draws = CandidateDraws(0, [Candidate(0)], Stream.SAMPLES)
    rendered = LabelGenerator(generator, ensemble).render(generator.sample(draws))
    assert rendered.labels["segmentation"]["masks"].is_cuda
