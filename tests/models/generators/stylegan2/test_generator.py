"""Promises of `models.generators.stylegan2.generator`: shapes, taps, truncation, noise and layers."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from models.generators.generator import Steerable
from models.generators.stylegan2.config import Architecture, GeneratorConfig
from models.generators.stylegan2.generator import Generator
from models.generators.stylegan2.layers import modulated_conv
from models.generators.stylegan2.resampling import low_pass


def test_images_and_taps_have_the_sizes_of_the_config(any_generator: Generator) -> None:
    """The constant and every convolution are taps, lowest resolution first, square or not."""
    config = any_generator.config
    synthesis = any_generator.synthesize(any_generator.map(torch.randn(2, 16)))
    assert tuple(synthesis.images.shape[2:]) == config.image_px
    assert [tap.shape[1] for tap in synthesis.taps] == list(config.tap_channels)
    assert [tuple(tap.shape[2:]) for tap in synthesis.taps] == list(config.tap_px)


def test_a_grey_generator_renders_equal_channels(any_generator: Generator) -> None:
    """One channel is computed; the image has three equal ones, and gradients reach the codes."""
    grey = Generator(replace(any_generator.config, image_channels=1))
    ws = grey.map(torch.randn(2, 16)).detach().requires_grad_()
    images = grey.synthesize(ws).images
    assert images.shape == (2, 3, *grey.config.image_px)
    assert torch.equal(images[:, :1].expand(-1, 3, -1, -1), images)
    images.sum().backward()
    assert ws.grad is not None


def test_a_shift_moves_the_vector_behind_every_layer(generator: Generator) -> None:
    """So targets can predict from one vector, and a direction in it changes the whole image."""
    assert isinstance(generator, Steerable)
    codes, shift = generator.map(torch.randn(3, 16)), torch.randn(16)
    moved = generator.shifted(codes, shift)
    assert torch.equal(generator.vectors(moved), generator.vectors(codes) + shift)
    assert torch.equal(moved, codes + shift)


def test_truncation_zero_gives_the_mean_code(generator: Generator) -> None:
    """With psi 0 every code is the mean, with psi 1 it is the mapped latent."""
    z = torch.randn(2, 16)
    mean = generator.mapping.w_mean.expand(2, generator.config.num_ws, -1)
    assert torch.allclose(generator.map(z, 0.0), mean)
    assert torch.allclose(generator.map(z, 1.0)[:, 0], generator.mapping(z))


def test_constant_noise_repeats_and_random_noise_does_not(generator: Generator) -> None:
    """Inversion and labels need constant noise; the other modes differ from it."""
    ws = generator.map(torch.randn(1, 16))
    constant = generator.synthesize(ws).images
    assert torch.equal(constant, generator.synthesize(ws).images)
    for mode in ("random", "none"):
        assert not torch.allclose(constant, generator.synthesize(ws, mode).images)


@pytest.mark.parametrize("up", [False, True], ids=["plain", "up"])
def test_modulation_equals_the_weights_of_the_paper(*, up: bool) -> None:
    """Scaled inputs and outputs equal a convolution with the weights of equations 1 and 3, one for each sample."""
    x, weight, styles = torch.randn(2, 3, 8, 8), torch.randn(5, 3, 3, 3), torch.randn(2, 3)
    modulated = weight[None] * styles[:, None, :, None, None]
    power = modulated.square().sum(dim=(2, 3, 4), keepdim=True)
    literal = modulated * torch.rsqrt(power + 1e-8)
    rows = []
    for sample, kernel in zip(x, literal, strict=True):
        if up:
            y = F.conv_transpose2d(sample[None], kernel.transpose(0, 1), stride=2)
            y = F.conv2d(y, low_pass(5, gain=4.0, like=y), padding=1, groups=5)
        else:
            y = F.conv2d(sample[None], kernel, padding=1)
        rows.append(y)
    result = modulated_conv(x, weight, styles, offset=torch.zeros(5, 1, 1), up=up)
    assert torch.allclose(result, torch.cat(rows), atol=1e-5)


def test_each_code_feeds_its_layer(generator: Generator) -> None:
    """Changing code k changes no tap before convolution k and every tap after it."""
    ws = generator.map(torch.randn(1, 16)).clone()
    before = generator.synthesize(ws).taps
    ws[:, 3] += 1.0
    after = generator.synthesize(ws).taps
    changed = [not torch.equal(a, b) for a, b in zip(before, after, strict=True)]
    assert changed == [tap > 3 for tap in range(len(changed))]


def test_samples_do_not_depend_on_their_batch(generator: Generator) -> None:
    """One sample alone and among others is the same image up to rounding."""
    z = torch.randn(5, 16)
    assert torch.allclose(generator(z)[2:3], generator(z[2:3]), atol=1e-5)


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
def test_the_highest_four_resolutions_may_be_bfloat16(architecture: Architecture) -> None:
    """Taps and images differ by less than 2% of their norm; images stay float32."""
    config = GeneratorConfig(
        z_dim=16, w_dim=16, channels=(8,) * 5, num_mapping_layers=1, architecture=architecture
    )
    generator = Generator(config).eval().requires_grad_(False)
    ws = generator.map(torch.randn(2, 16))
    exact = generator.synthesize(ws)
    lowered = generator.lower_precision(torch.bfloat16).synthesize(ws)
    dtypes = [tap.dtype for tap in lowered.taps]
    assert dtypes == [torch.float32] * 2 + [torch.bfloat16] * 8
    assert generator.precision == torch.bfloat16
    assert lowered.images.dtype == torch.float32
    both = [*zip(exact.taps, lowered.taps, strict=True), (exact.images, lowered.images)]
    for expected, result in both:
        assert (result - expected).norm() / expected.norm() < 0.02


def test_a_clamp_bounds_every_tap(generator: Generator) -> None:
    """Half-precision checkpoints bound their activations, by the config's `conv_clamp`."""
    clamped = Generator(replace(generator.config, conv_clamp=0.5))
    clamped.load_state_dict(generator.state_dict())
    clamped.requires_grad_(False)
    taps = clamped.synthesize(clamped.map(torch.randn(2, 16))).taps
    assert max(float(tap.abs().max()) for tap in taps[1:]) <= 0.5


@pytest.mark.parametrize("architecture", ["resnet", "orig"])
def test_other_architectures_have_one_rgb_output(
    generator: Generator, architecture: Architecture
) -> None:
    """It is in the last block; sizes stay equal; the residual one has a shortcut in every block except the first."""
    config = replace(generator.config, architecture=architecture)
    other = Generator(config)
    rgb_biases = [name for name in other.state_dict() if name.endswith("to_rgb.bias")]
    assert rgb_biases == ["blocks.3.to_rgb.bias"]
    synthesis = other.synthesize(other.map(torch.randn(2, 16)))
    assert tuple(synthesis.images.shape[2:]) == config.image_px
    assert [tap.shape[1] for tap in synthesis.taps] == list(config.tap_channels)
    shortcuts = sum(name.endswith("skip.weight") for name in other.state_dict())
    assert shortcuts == (3 if architecture == "resnet" else 0)
