"""Training of downstream networks on pictures of shapes."""

import math
from dataclasses import replace

import pytest
import torch

from models.arrays import Images, Taps
from models.downstream.network import DownstreamNetwork
from models.downstream.options import DownstreamOptions
from models.downstream.pairs import Pairs
from models.downstream.training import Plan, TrainingStopped, looks, train
from models.downstream.unet import UNet, UNetConfig
from models.tasks.depth import DepthTask
from models.tasks.keypoints import KeypointTask
from models.tasks.segmentation import SegmentationTask
from models.tasks.task_set import Labels, TaskSet
from tests.models.downstream.shapes import PX, TASKS, shapes

OPTIONS = DownstreamOptions(channels=(8, 16), steps=40, batch=8, checks=2, min_validated=10)


def plan(options: DownstreamOptions = OPTIONS, count: int = 12) -> Plan:
    """Return a short training on shapes."""
    return Plan(pairs=shapes(count, 0), tasks=TASKS, options=options, seed=0, swaps={})


def masks(network: DownstreamNetwork, pairs: Pairs) -> torch.Tensor:
    """Return the predicted masks of all images."""
    return torch.cat([one["segmentation"]["masks"] for one in network.predict(pairs.images)])


def test_a_network_learns_shapes() -> None:
    """After 40 steps at least 95% of the pixels of new pictures are right; the background alone is 88%."""
    new = shapes(20, 1)
    right = masks(train(plan()), new) == new.labels["segmentation"]
    assert right.float().mean() > 0.95


def test_the_seed_decides_the_network() -> None:
    """Two trainings of one plan are equal, and do not change the process's random numbers."""
    before = torch.get_rng_state()
    first, second = train(plan()), train(plan())
    weights = second.module.state_dict()
    assert all(torch.equal(one, weights[name]) for name, one in first.module.state_dict().items())
    assert torch.equal(before, torch.get_rng_state())


def test_a_stopped_training_continues_exactly() -> None:
    """The state of step 30 leads to the weights of an uninterrupted training."""
    steps: list[int] = []
    with pytest.raises(TrainingStopped) as stop:
        train(plan(), on_step=lambda done, _: steps.append(done), should_stop=lambda: 30 in steps)
    continued, whole = train(plan(), state=stop.value.state), train(plan())
    weights = whole.module.state_dict()
    assert continued.step == whole.step
    assert all(
        torch.equal(one, weights[name]) for name, one in continued.module.state_dict().items()
    )


def test_validation_looks_at_the_second_half() -> None:
    """The last step is always looked at."""
    assert sorted(looks(DownstreamOptions(steps=100, checks=5))) == [60, 70, 80, 90, 100]


def test_the_best_weights_are_kept() -> None:
    """With validation images the best of the looks wins; without them the last weights do."""
    options = replace(OPTIONS, checks=10)
    assert 20 < train(plan(options)).step <= 40
    assert train(plan(replace(options, min_validated=100))).step == 40


def test_masks_and_depth_are_learned_together() -> None:
    """One network, two tasks, each in the unit of its labels: depth of 100 m comes back as 100 m."""
    pairs = shapes(12, 0)
    depth = torch.where(pairs.labels["segmentation"] > 0, 100.0, 400.0)
    labels = Labels((PX, PX), segmentation=pairs.labels["segmentation"], depth=depth)
    tasks = TaskSet(SegmentationTask(3), DepthTask())
    one, options = Pairs.of(pairs.images, labels), replace(OPTIONS, steps=80)
    network = train(Plan(pairs=one, tasks=tasks, options=options, seed=0, swaps={}))
    (predicted,) = network.predict(pairs.images)
    assert (predicted["depth"]["depth"] - depth).abs().median() < 60
    assert (predicted["segmentation"]["masks"] == labels["segmentation"]).float().mean() > 0.95


def test_keypoints_are_learned() -> None:
    """The centers of the shapes are found within 2 of 24 pixels."""
    pairs = shapes(12, 0)
    points = torch.stack([_center(mask) for mask in pairs.labels["segmentation"]])[:, None]
    one = Pairs.of(pairs.images, Labels((PX, PX), keypoints=points))
    options = replace(OPTIONS, steps=160, min_validated=100)
    network = train(Plan(pairs=one, tasks=TaskSet(KeypointTask(1)), options=options, seed=0))
    (predicted,) = network.predict(pairs.images)
    distance = (predicted["keypoints"]["points"][:, 0, :2] - points[:, 0, :2]).norm(dim=1)
    assert distance.median() < 2


def test_a_task_without_labels_is_refused() -> None:
    """The message names the task."""
    tasks = TaskSet(SegmentationTask(3), DepthTask())
    with pytest.raises(ValueError, match="no labels for depth"):
        train(Plan(pairs=shapes(6, 0), tasks=tasks, options=OPTIONS, seed=0))


def test_images_without_a_known_pixel_teach_nothing() -> None:
    """A batch of ignored pixels has a loss of 0, not NaN."""
    pairs = shapes(6, 0)
    ignored = torch.full_like(pairs.labels["segmentation"], 255)
    one = Pairs.of(pairs.images, Labels((PX, PX), segmentation=ignored))
    network = train(Plan(pairs=one, tasks=TASKS, options=OPTIONS, seed=0))
    assert not any(torch.isnan(weight).any() for weight in network.module.parameters())


def test_a_head_on_frozen_features_learns_shapes() -> None:
    """The features get no gradient, and the head alone reaches 95% of the pixels."""
    torch.manual_seed(0)
    backbone = torch.nn.Conv2d(3, 16, 3, padding=1)
    before = backbone.weight.clone()

    def features(images: Images) -> Taps:
        return [backbone(images).relu(), torch.nn.functional.avg_pool2d(backbone(images), 4)]

    new = shapes(20, 1)
    network = train(
        Plan(pairs=shapes(12, 0), tasks=TASKS, options=OPTIONS, seed=0, features=features)
    )
    assert (masks(network, new) == new.labels["segmentation"]).float().mean() > 0.95
    assert torch.equal(backbone.weight, before)


@pytest.mark.parametrize("px", [(8, 8), (13, 20), (64, 64)])
def test_the_network_takes_any_size(px: tuple[int, int]) -> None:
    """Outputs have the size of the images, also where no power of two divides it."""
    network = UNet(UNetConfig(outputs=2, channels=(4, 8, 8))).eval()
    assert network(torch.zeros(2, 3, *px)).shape == (2, 2, *px)


def test_the_default_network_is_small() -> None:
    """About 300,000 parameters train in a minute on one core."""
    network = UNet(UNetConfig(outputs=11, channels=DownstreamOptions().channels))
    assert 200_000 < sum(one.numel() for one in network.parameters()) < 500_000


def _center(mask: torch.Tensor) -> torch.Tensor:
    rows, columns = mask.nonzero(as_tuple=True)
    x, y = float(columns.float().mean()) + 0.5, float(rows.float().mean()) + 0.5
    assert not math.isnan(x)
    return torch.tensor([x, y, 2.0])
