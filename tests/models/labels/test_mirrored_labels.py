"""An ensemble that labels an image and its mirror image, and lets both vote."""

import pytest
import torch

from models.generators.diffusion.generator import DiffusionGenerator
from models.generators.stylegan2.generator import Generator
from models.labels.ensemble import Ensemble, EnsembleConfig, build_ensemble
from models.labels.label_generator import LabelGenerator
from models.tasks.depth import DepthTask
from models.tasks.keypoints import KeypointTask
from models.tasks.segmentation import ClassVotes, SegmentationTask
from models.tasks.task import Task
from models.tasks.task_set import TaskSet
from tests.models.generators.diffusion.test_generator import make_generator

KINDS: list[type[Task]] = [SegmentationTask, KeypointTask, DepthTask]
ALL = TaskSet(SegmentationTask(4), KeypointTask(3), DepthTask())
SWAPS = {"segmentation": [0, 2, 1, 3], "keypoints": [1, 0, 2]}


def random_fit(
    generator: DiffusionGenerator | Generator, swaps: dict[str, list[int]] | None
) -> LabelGenerator:
    """Return a label generator with random weights, which are the same with and without swaps."""
    config = EnsembleConfig(
        tap_channels=generator.layout.tap_channels, tasks=ALL, num_members=2, swaps=swaps
    )
    torch.manual_seed(0)
    ensemble = Ensemble(config).eval()
    with torch.no_grad():
        ensemble.layer3.weight.mul_(1_000)  # certain enough to have masks of several classes
    return LabelGenerator(generator, ensemble)


@pytest.fixture
def codes() -> torch.Tensor:
    """Two random images."""
    return 2 * torch.rand(2, 3, 16, 8, generator=torch.Generator().manual_seed(3)) - 1


def test_labels_of_a_mirrored_image_are_the_mirrored_labels(codes: torch.Tensor) -> None:
    """Every task: places change sides and left and right swap their names. So does the uncertainty."""
    fitted = random_fit(make_generator(), SWAPS)
    original, mirrored = fitted.render(codes), fitted.render(codes.flip(3))
    order = torch.tensor(SWAPS["segmentation"])
    masks, others = (one.labels["segmentation"]["masks"] for one in (original, mirrored))
    assert len(masks.unique()) > 1
    assert torch.equal(order[others.long()], masks.flip(2).long())
    points, visible = (original.labels["keypoints"][name] for name in ("points", "visibility"))
    swapped, visible_there = (
        mirrored.labels["keypoints"][name][:, SWAPS["keypoints"]]
        for name in ("points", "visibility")
    )
    assert torch.allclose(8 - swapped[..., 0], points[..., 0], atol=1e-3)
    assert torch.allclose(swapped[..., 1:], points[..., 1:], atol=1e-3)
    assert torch.equal(visible_there, visible)
    depth, depth_there = (one.labels["depth"]["depth"] for one in (original, mirrored))
    assert torch.allclose(depth_there.flip(2), depth, rtol=1e-4, atol=1e-3)
    assert torch.allclose(mirrored.uncertainty.flip(2), original.uncertainty, atol=1e-5)
    assert torch.allclose(mirrored.scores, original.scores, atol=1e-5)


def test_both_images_have_the_same_vote(codes: torch.Tensor) -> None:
    """The probabilities are the mean of those of the image and of its mirror image."""
    generator = make_generator()
    alone, both = random_fit(generator, None), random_fit(generator, SWAPS)
    here, there = (
        alone.vote(one)[1].of(ClassVotes).probabilities for one in (codes, codes.flip(3))
    )
    expected = (here + there.flip(3)[:, SWAPS["segmentation"]]) / 2
    assert torch.allclose(both.vote(codes)[1].of(ClassVotes).probabilities, expected, atol=1e-6)
    assert not torch.allclose(here, expected, atol=1e-2)


def test_images_stay_as_they_are(codes: torch.Tensor) -> None:
    """Only labels change."""
    generator = make_generator()
    images = [random_fit(generator, swaps).render(codes).images for swaps in (None, SWAPS)]
    assert torch.equal(*images)


def test_a_generator_must_mirror_codes(generator: Generator) -> None:
    """The codes of a StyleGAN2's mirrored images are unknown."""
    with pytest.raises(ValueError, match="mirrors codes"):
        random_fit(generator, SWAPS)


def test_swaps_are_stored_with_the_ensemble() -> None:
    """Ensembles that were stored without them label images alone."""
    config = random_fit(make_generator(), SWAPS).ensemble.config.to_dict()
    state = Ensemble(EnsembleConfig(tap_channels=(4,), tasks=ALL, num_members=1)).state_dict()
    again = {**config, "tap_channels": [4], "num_members": 1}
    assert build_ensemble(again, state, KINDS).config.swaps == SWAPS
    del again["swaps"]
    assert build_ensemble(again, state, KINDS).config.swaps is None
