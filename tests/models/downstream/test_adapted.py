"""Networks of other libraries in our units, here a small one that takes multiples of 8 and has dropout."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from models.arrays import FeatureMaps, Images, Taps
from models.downstream.adapted import IMAGENET, AdaptedBackbone, AdaptedNetwork, Normalization
from models.downstream.options import DownstreamOptions
from models.downstream.training import Plan, TrainingStopped, train
from tests.models.downstream.shapes import TASKS, shapes

OPTIONS = DownstreamOptions(channels=(8, 16), steps=40, batch=8, checks=2, min_validated=100)
HALF = Normalization((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


class Foreign(nn.Module):
    """A network that refuses other sizes than multiples of 8."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 16, 5, padding=2), nn.ReLU(), nn.Dropout2d(0.2))
        self.final = nn.Sequential(nn.Conv2d(16, outputs, 3, padding=1))
        self.sizes: list[tuple[int, ...]] = []

    def forward(self, images: Images) -> FeatureMaps:
        self.sizes.append(tuple(images.shape[2:]))
        assert all(side % 8 == 0 for side in images.shape[2:])
        outputs: FeatureMaps = self.final(self.features(images))
        return outputs


def build(outputs: int) -> nn.Module:
    """Return an adapted network."""
    return AdaptedNetwork(
        Foreign(outputs), last_layer="final.0", multiple=8, normalization=IMAGENET
    )


PLAN = Plan(pairs=shapes(12, 0), tasks=TASKS, options=OPTIONS, seed=0, swaps={}, build=build)


@pytest.mark.parametrize("px", [(8, 16), (13, 20), (1, 1)])
def test_images_of_any_size_are_padded(px: tuple[int, int]) -> None:
    """The network sees multiples of 8, and the outputs have the size of the images."""
    network = AdaptedNetwork(Foreign(2), last_layer="final.0", multiple=8, normalization=HALF)
    assert network(torch.zeros(2, 3, *px)).shape == (2, 2, *px)
    assert isinstance(network.body, Foreign)
    assert network.body.sizes == [tuple(-(-side // 8) * 8 for side in px)]


def test_images_are_normalized() -> None:
    """Black and white have the values that ImageNet's networks know."""
    network = AdaptedNetwork(
        nn.Identity(), last_layer="final.0", multiple=1, normalization=IMAGENET
    )
    black, white = network(torch.tensor([-1.0, 1.0])[:, None, None, None].expand(2, 3, 1, 1))
    mean, std = torch.tensor(IMAGENET.mean), torch.tensor(IMAGENET.std)
    assert torch.allclose(black.flatten(), -mean / std)
    assert torch.allclose(white.flatten(), (1 - mean) / std)


def test_another_network_learns_shapes() -> None:
    """After 120 steps at least 93% of the pixels of new pictures are right; the background alone is 88%."""
    new = shapes(20, 1)
    network = train(replace(PLAN, options=replace(OPTIONS, steps=120)))
    masks = torch.cat([one["segmentation"]["masks"] for one in network.predict(new.images)])
    assert (masks == new.labels["segmentation"]).float().mean() > 0.93


def test_the_class_shares_are_restored_in_the_last_layer() -> None:
    """Rare classes are drawn more often in training; afterwards the biases of the last layer undo it."""
    plan = replace(PLAN, options=replace(OPTIONS, steps=1, learning_rate=0.0))
    even, drawn = (
        train(replace(plan, options=replace(plan.options, balance=balance))).module.state_dict()
        for balance in (0.0, 0.5)
    )
    bias = "body.final.0.bias"
    assert all(torch.equal(even[name], drawn[name]) for name in even if name != bias)
    assert drawn[bias][0] - even[bias][0] > drawn[bias][1] - even[bias][1]


def test_dropout_is_drawn_from_the_seed_and_the_step() -> None:
    """A training that was stopped at step 3 ends with the weights of a whole one, whatever was drawn before."""
    plan = replace(PLAN, options=replace(OPTIONS, steps=6))
    whole = train(plan).module.state_dict()
    steps: list[int] = []
    with pytest.raises(TrainingStopped) as stop:
        train(plan, on_step=lambda done, _: steps.append(done), should_stop=lambda: 3 in steps)
    torch.rand(7)
    before = torch.get_rng_state()
    continued = train(plan, state=stop.value.state).module.state_dict()
    assert all(torch.equal(tensor, whole[name]) for name, tensor in continued.items())
    assert torch.equal(torch.get_rng_state(), before)


def test_a_state_of_another_network_is_ignored() -> None:
    """After an update of its library the training begins again, instead of failing for ever."""
    plan = replace(PLAN, options=replace(OPTIONS, steps=4))
    with pytest.raises(TrainingStopped) as stop:
        train(replace(plan, build=None), should_stop=lambda: True)
    steps: list[int] = []
    train(plan, state=stop.value.state, on_step=lambda done, _: steps.append(done))
    assert steps == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("px", "seen"),
    [
        ((64, 64), (224, 224)),
        ((64, 32), (224, 112)),
        ((300, 200), (308, 210)),
        ((3, 5), (140, 224)),
    ],
)
def test_a_backbone_sees_large_images(px: tuple[int, int], seen: tuple[int, int]) -> None:
    """The longer side has 224 px or more, and both are multiples of 14."""
    sizes: list[tuple[int, ...]] = []

    def features(images: Images) -> Taps:
        sizes.append(tuple(images.shape[2:]))
        return [images]

    body = nn.Conv2d(3, 4, 1)
    backbone = AdaptedBackbone(body, features, multiple=14, least_px=224, normalization=HALF)
    (tap,) = backbone(torch.ones(1, 3, *px))
    assert sizes == [seen]
    assert tap.allclose(torch.ones(1))
    assert not any(weight.requires_grad for weight in backbone.parameters())
