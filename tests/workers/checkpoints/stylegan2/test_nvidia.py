"""NVIDIA's networks: the discriminator equals an independent implementation, and unsupported variants are refused."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from models.generators.stylegan2.discriminator import build_discriminator
from workers.checkpoints.checkpoint import CheckpointRefused
from workers.checkpoints.files.budget import Budget
from workers.checkpoints.files.sources import Source
from workers.checkpoints.files.tensors import StoredTensor
from workers.checkpoints.files.torch_files import read_pickle
from workers.checkpoints.stylegan2.drafts import read_drafts
from workers.checkpoints.stylegan2.nvidia_modules import Module, collect_network
from workers.checkpoints.stylegan2.reading import PICKLE_CONSTRUCTORS, find_drafts, read_checkpoint

FIXTURES = Path(__file__).parents[3] / "fixtures" / "checkpoints"


def networks(name: str) -> dict[str, Module]:
    """Return the networks of a fixture, as its pickle describes them."""
    top = read_pickle(
        Source((FIXTURES / name).read_bytes()), PICKLE_CONSTRUCTORS, Budget.for_file(10**7)
    )
    assert isinstance(top, dict)
    return top


class ReferenceDiscriminator:
    """A residual discriminator under NVIDIA's names, written in plain PyTorch without our layers."""

    def __init__(self, tensors: dict[str, Tensor], px: int) -> None:
        self.tensors, self.px = tensors, px

    def conv(self, x: Tensor, name: str, *, halve: bool = False, linear: bool = False) -> Tensor:
        weight = self.tensors[f"{name}.weight"]
        kernel = weight.shape[-1]
        weight = weight / math.sqrt(weight.shape[1] * kernel**2)
        if halve:
            taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
            low_pass = torch.outer(taps, taps).expand(x.shape[1], 1, 4, 4)
            x = F.conv2d(F.pad(x, [1 + kernel // 2] * 4), low_pass, groups=x.shape[1])
            return self.activated(F.conv2d(x, weight, stride=2), name, linear=linear)
        return self.activated(F.conv2d(x, weight, padding=kernel // 2), name, linear=linear)

    def activated(self, x: Tensor, name: str, *, linear: bool) -> Tensor:
        if linear:
            return x
        x = x + self.tensors[f"{name}.bias"].view(1, -1, *[1] * (x.dim() - 2))
        return (F.leaky_relu(x, 0.2) * math.sqrt(2)).clamp(-256, 256)

    def dense(self, x: Tensor, name: str, lr: float = 1.0) -> Tensor:
        weight = self.tensors[f"{name}.weight"]
        weight = weight * (lr / math.sqrt(weight.shape[1]))
        return F.linear(x, weight, self.tensors[f"{name}.bias"] * lr)

    def logits(self, images: Tensor, classes: Tensor) -> Tensor:
        x, px = self.conv(images, f"b{self.px}.fromrgb"), self.px
        while px > 4:
            y = self.conv(self.conv(x, f"b{px}.conv0"), f"b{px}.conv1", halve=True)
            x = (y + self.conv(x, f"b{px}.skip", halve=True, linear=True)) * math.sqrt(0.5)
            px //= 2
        std = (x.var(dim=0, unbiased=False) + 1e-8).sqrt().mean()
        x = torch.cat([x, std.expand(len(x), 1, px, px)], dim=1)
        x = F.leaky_relu(self.dense(self.conv(x, "b4.conv").flatten(1), "b4.fc"), 0.2)
        x = self.dense(x * math.sqrt(2), "b4.out")
        return (x * self.embed_classes(classes)).sum(dim=1) / math.sqrt(x.shape[1])

    def embed_classes(self, one_hot: Tensor) -> Tensor:
        y = self.dense(one_hot, "mapping.embed")
        y = y * (y.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()
        for k in range(8):
            y = F.leaky_relu(self.dense(y, f"mapping.fc{k}", lr=0.01), 0.2) * math.sqrt(2)
        return y


def test_a_conditional_discriminator_equals_the_reference() -> None:
    """For one group of three images, the class embedding, the projection and every gain are the same."""
    name = "nvidia-ada-resnet-conditional-32.pkl"
    network = collect_network(networks(name)["D"])
    tensors = {name: tensor.read() for name, tensor in network.tensors.items()}
    reference = ReferenceDiscriminator(tensors, px=32)
    weights = read_checkpoint(FIXTURES / name).discriminator
    assert weights is not None
    ours = build_discriminator(weights.config, weights.tensors)
    images, classes = torch.randn(3, 3, 32, 32), torch.tensor([0, 2, 4])
    expected = reference.logits(images, F.one_hot(classes, 5).float())
    assert torch.allclose(ours(images, classes), expected, atol=1e-6, rtol=1e-4)


def test_without_an_average_the_generator_in_training_is_used() -> None:
    """The user gets a warning."""
    top = networks("nvidia-ada-skip-32.pkl")
    drafts = find_drafts({"G": top["G"]})
    checkpoint = read_drafts(drafts, 10**8)
    assert "no averaged generator" in checkpoint.warnings[0]
    assert checkpoint.missing == ("discriminator",)


def test_an_unsupported_discriminator_does_not_fail_the_generator() -> None:
    """The discriminator is left out, and the warning says why."""
    top = networks("nvidia-ada-skip-32.pkl")
    checkpoint = read_drafts(find_drafts({"G_ema": top["G_ema"], "D": top["G"]}), 10**8)
    assert checkpoint.discriminator is None
    assert "left out: it lacks the tensor 'b4.conv.weight'" in checkpoint.warnings[0]


def changed(module: Module, path: list[str], **attributes: object) -> Module:
    """Copy a module, with other attributes in the part at `path`."""
    state = dict(module.state)
    if path:
        children = dict(state["_modules"])
        children[path[0]] = changed(children[path[0]], path[1:], **attributes)
        attributes = {"_modules": children}
    return Module(module.class_name, state | attributes)


@pytest.mark.parametrize(
    ("path", "attributes", "message"),
    [
        (["synthesis", "b8", "conv0"], {"conv_clamp": 128}, "expected the same conv_clamp"),
        (["mapping", "fc0"], {"activation": "relu"}, "expected the same activation"),
        (["mapping", "fc0"], {"bias_gain": "0.01"}, "expected the same bias_gain"),
        (["mapping", "fc0"], {"bias_gain": [1]}, "expected a number or a text as its 'bias_gain'"),
    ],
)
def test_attributes_that_the_configuration_cannot_express_are_refused(
    path: list[str], attributes: dict[str, object], message: str
) -> None:
    """The attributes differ between layers, or from StyleGAN2's."""
    generator = changed(networks("nvidia-ada-skip-32.pkl")["G_ema"], path, **attributes)
    with pytest.raises(CheckpointRefused, match=message):
        find_drafts({"G_ema": generator})


def test_networks_without_noise_get_noise_of_no_strength() -> None:
    """Networks trained with use_noise=False have neither maps nor strengths."""
    generator = networks("nvidia-ada-skip-32.pkl")["G_ema"]
    for block in ("b4", "b8", "b16", "b32"):
        for layer in ("conv0", "conv1") if block != "b4" else ("conv1",):
            part = generator.state["_modules"]["synthesis"].state["_modules"][block]
            part = part.state["_modules"][layer]
            buffers = {k: v for k, v in part.state["_buffers"].items() if k != "noise_const"}
            kept = {k: v for k, v in part.state["_parameters"].items() if k != "noise_strength"}
            without = {"use_noise": False, "_buffers": buffers, "_parameters": kept}
            generator = changed(generator, ["synthesis", block, layer], **without)
    checkpoint = read_drafts(find_drafts({"G_ema": generator}), 10**8)
    assert checkpoint.generator.tensors["blocks.1.conv0.noise_strength"] == 0
    assert checkpoint.missing == ("discriminator",)


def test_another_filter_is_refused() -> None:
    """Our filter is built in. Another filter would give other images."""
    generator = networks("nvidia-ada-skip-32.pkl")["G_ema"]
    block = generator.state["_modules"]["synthesis"].state["_modules"]["b8"]
    kernel = block.state["_buffers"]["resample_filter"]
    shifted = StoredTensor(kernel.storage, 0, (4, 4), (0, 1))
    buffers = {**block.state["_buffers"], "resample_filter": shifted}
    generator = changed(generator, ["synthesis", "b8"], _buffers=buffers)
    with pytest.raises(CheckpointRefused, match=r"expected StyleGAN2's \[1, 3, 3, 1\]"):
        find_drafts({"G_ema": generator})
