"""The diffusion generator: features equal the library's own forward pass, samples are a function of their draw."""

import subprocess
import sys

import pytest
import torch
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from torch import Tensor

from models.generators.diffusion.config import DiffusionConfig, noise_levels
from models.generators.diffusion.default_config import default_config
from models.generators.diffusion.generator import (
    DiffusionGenerator,
    build_generator,
    fixed_noise,
    images_per_pass,
)
from models.generators.diffusion.inverter import IdentityInverter
from models.generators.diffusion.unet import build_unet
from models.labels.label_generator import to_bytes
from models.sampling import Candidate, CandidateDraws

TINY = DiffusionConfig(
    image_px=(16, 8),
    block_out_channels=(8, 16, 16),
    down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
    up_block_types=("UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
    layers_per_block=1,
    norm_num_groups=4,
)
CONDITIONAL = DiffusionConfig.from_dict({**TINY.to_dict(), "num_classes": 3})


def make_generator(config: DiffusionConfig = TINY) -> DiffusionGenerator:
    """Return a generator with random weights."""
    rng = torch.Generator().manual_seed(0)
    shapes = {name: tensor.shape for name, tensor in build_unet(config).state_dict().items()}
    tensors = {f"unet.{n}": 0.1 * torch.randn(s, generator=rng) for n, s in shapes.items()}
    return build_generator(config.to_dict(), tensors)


def draws(*indices: int) -> CandidateDraws:
    """Return the draws of these samples of one seed."""
    return CandidateDraws(7, [Candidate(index) for index in indices])


@pytest.fixture
def images() -> Tensor:
    """Two random images."""
    return 2 * torch.rand(2, 3, 16, 8, generator=torch.Generator().manual_seed(3)) - 1


def test_features_equal_hooks_on_the_librarys_own_forward(images: Tensor) -> None:
    """The library adds the noise and runs the network; hooks of this test record the decoder's blocks."""
    generator = make_generator()
    schedule = DDPMScheduler(num_train_timesteps=1000, beta_start=0.0001, beta_end=0.02)
    noise = fixed_noise(TINY.image_px).expand_as(images)
    recorded: list[list[Tensor]] = []
    for block in generator.unet.up_blocks:
        outputs: list[Tensor] = []
        recorded.append(outputs)
        block.register_forward_hook(lambda _b, _i, output, to=outputs: to.append(output))
    for level in (50, 150, 250):
        noisy = schedule.add_noise(images, noise, torch.tensor([level, level]))
        generator.unet(noisy, level)
    expected = [tap for block in recorded for tap in list(block)]
    taps = generator.synthesize(images).taps
    assert len(taps) == len(expected) == 9
    for ours, theirs in zip(taps, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_the_layout_is_computed_from_the_config(images: Tensor) -> None:
    """Channels and sizes of the taps, lowest resolution first, without a run of the network."""
    synthesis = make_generator().synthesize(images)
    assert TINY.layout.tap_channels == tuple(tap.shape[1] for tap in synthesis.taps)
    assert TINY.layout.tap_px == tuple(tuple(tap.shape[2:]) for tap in synthesis.taps)
    assert TINY.layout.tap_px[0] == (8, 4)
    assert TINY.layout.tap_px[-1] == TINY.image_px


def test_weights_in_half_precision_are_computed_in_float32(images: Tensor) -> None:
    """Stored as float16 they take half the file; features differ by the rounding of the weights alone."""
    generator = make_generator()
    halves = {name: each.half() for name, each in generator.state_dict().items()}
    loaded = build_generator(TINY.to_dict(), halves)
    assert {each.dtype for each in loaded.parameters()} == {torch.float32}
    for ours, theirs in zip(
        generator.synthesize(images).taps, loaded.synthesize(images).taps, strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0.02)


@pytest.mark.parametrize(
    ("px", "device", "expected"),
    [(16, "cpu", 8), (16, "cuda", 256), (256, "cuda", 8), (256, "cpu", 8)],
)
def test_passes_of_the_sampler_are_bounded(px: int, device: str, expected: int) -> None:
    """On an accelerator by the memory of a pass: large images are denoised a few at a time."""
    config = default_config((px, px))
    assert images_per_pass(config, torch.device(device)) == expected


def test_an_images_features_do_not_depend_on_its_batch(images: Tensor) -> None:
    """One fixed noise for all images, and no state between calls."""
    generator = make_generator()
    both, one = generator.synthesize(images).taps, generator.synthesize(images[1:]).taps
    for whole, single in zip(both, one, strict=True):
        torch.testing.assert_close(whole[1:], single, rtol=0, atol=1e-5)


@pytest.mark.parametrize("config", [TINY, CONDITIONAL], ids=["plain", "conditional"])
def test_a_sample_is_a_function_of_its_draw(config: DiffusionConfig) -> None:
    """Sample 5 is the same alone and in a batch, to 1 % of a byte: 20 steps add up the rounding of float32."""
    generator = make_generator(config)
    batch = generator.sample(draws(3, 5, 9))
    assert batch.shape == (3, 3, 16, 8)
    assert float(batch.abs().max()) <= 1
    torch.testing.assert_close(generator.sample(draws(5)), batch[1:2], rtol=0, atol=1e-4)
    assert not torch.allclose(batch[0], batch[1])


def test_sampling_equals_the_librarys_own_loop() -> None:
    """The usual loop of a pipeline: DDIM with eta 0 from the draw's noise."""
    generator = make_generator()
    x = draws(4).normals(3 * 16 * 8).reshape(1, 3, 16, 8)
    for step in generator.scheduler.timesteps:
        x = generator.scheduler.step(generator.unet(x, step).sample, step, x, eta=0.0).prev_sample
    assert generator.scheduler.timesteps[[0, -1]].tolist() == [999, 49]
    torch.testing.assert_close(generator.sample(draws(4)), x.clamp(-1, 1))


def test_a_condition_selects_the_class() -> None:
    """Other classes give other images; a class out of range is refused, and so is any for a plain network."""
    generator = make_generator(CONDITIONAL)
    first, second = (generator.sample(draws(5), condition=torch.tensor([c])) for c in (0, 2))
    assert not torch.allclose(first, second)
    with pytest.raises(ValueError, match="classes from 0 to 2"):
        generator.sample(draws(5), condition=torch.tensor([3]))
    with pytest.raises(ValueError, match="unconditional"):
        make_generator().sample(draws(5), condition=torch.tensor([0]))


def test_a_conditional_network_reads_images_with_the_mean_embedding(images: Tensor) -> None:
    """A photograph has no class: features are those of a class whose embedding is the mean of all."""
    generator = make_generator(CONDITIONAL)
    taps = generator.synthesize(images).taps
    embedding = generator.unet.class_embedding
    embedding.weight.copy_(embedding.weight.mean(dim=0, keepdim=True).expand(3, -1))
    for ours, same in zip(taps, generator.synthesize(images).taps, strict=True):
        torch.testing.assert_close(ours, same)


def test_inversion_is_the_identity(images: Tensor) -> None:
    """No step, and the largest PSNR."""
    inversion = IdentityInverter(make_generator()).invert(images)
    assert torch.equal(inversion.codes, images)
    assert inversion.psnr_db.tolist() == pytest.approx([106.0, 106.0], abs=0.1)
    assert inversion.steps.tolist() == [0, 0]


def test_noise_levels_follow_the_trainings_number_of_steps() -> None:
    """The noise levels are scaled from 1,000 training steps."""
    assert (noise_levels(1000), noise_levels(4000)) == ((50, 150, 250), (200, 600, 1000))


def test_the_library_is_imported_only_with_a_diffusion_generator() -> None:
    """Its import takes seconds: a worker that serves other families never pays them."""
    command = "import sys, workers.runtime.main; assert 'diffusers' not in sys.modules"
    subprocess.run([sys.executable, "-c", command], check=True)


def test_bfloat16_changes_taps_and_samples_little(images: Tensor) -> None:
    """Every tap is within 2% of float32. A sample of a random network is within 25 dB, of a trained one within 50."""
    full, lowered = make_generator(), make_generator().lower_precision(torch.bfloat16)
    assert lowered.precision == torch.bfloat16
    for ours, theirs in zip(
        lowered.synthesize(images).taps, full.synthesize(images).taps, strict=True
    ):
        assert (ours - theirs).norm() < 0.02 * theirs.norm()
    error = (lowered.sample(draws(3)) - full.sample(draws(3))) / 2
    assert error.square().mean() < 10**-2.5


def test_a_sample_in_bfloat16_does_not_depend_on_its_batch() -> None:
    """The same draw gives the same bytes alone and beside others."""
    lowered = make_generator().lower_precision(torch.bfloat16)
    alone, beside = lowered.sample(draws(5)), lowered.sample(draws(4, 5, 6))[1:2]
    assert torch.equal(to_bytes(alone), to_bytes(beside))
