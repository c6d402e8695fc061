"""Training of diffusion models: a resumed one equals an uninterrupted one, and its network samples in the family."""

import copy
import json
import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from models.generators.diffusion.config import NEWER_FIELDS, DiffusionConfig
from models.generators.diffusion.default_config import default_config, feature_noise_levels
from models.generators.diffusion.generator import build_generator
from models.generators.diffusion.training import DiffusionTraining, DiffusionTrainingOptions
from models.generators.diffusion.unet import (
    build_scheduler,
    build_unet,
    prepare_for_autocast,
    start_unet,
)
from models.sampling import RandomDraws
from models.serialization import pack_network, unpack

CPU = torch.device("cpu")
LINEAR = {"beta_schedule": "linear", "prediction_type": "epsilon"}
TINY = replace(
    default_config((8, 16)), block_out_channels=(8, 16), norm_num_groups=4, attention_head_dim=8
)
OPTIONS = DiffusionTrainingOptions(flips=True, warm_up_kimg=0.008)


@pytest.fixture
def reals() -> Tensor:
    """Four random images."""
    return 2 * torch.rand(4, 3, 8, 16, generator=torch.Generator().manual_seed(1)) - 1


def new_training(
    options: DiffusionTrainingOptions = OPTIONS, *, channels: int = 3
) -> DiffusionTraining:
    """Return a tiny training whose weights have a fixed seed."""
    torch.manual_seed(0)
    return DiffusionTraining(replace(TINY, image_channels=channels), options, CPU)


def test_a_resumed_training_equals_an_uninterrupted_one(reals: Tensor) -> None:
    """Three steps equal one step, a state loaded into another training, and two steps."""
    uninterrupted = new_training()
    uninterrupted.step(reals)
    saved, rng = copy.deepcopy(uninterrupted.state_dict()), torch.get_rng_state()
    torch.manual_seed(99)
    resumed = DiffusionTraining(TINY, OPTIONS, CPU)
    resumed.load_state_dict(saved)
    for training in (uninterrupted, resumed):
        torch.set_rng_state(rng)
        for _ in range(2):
            training.step(reals)
    for part in ("average", "unet"):
        ours, theirs = (t.state_dict()[part] for t in (uninterrupted, resumed))
        assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())
    assert resumed.images_seen == 12


def test_a_state_of_another_training_is_refused_and_changes_nothing(reals: Tensor) -> None:
    """Other channels, or the state of another family."""
    training, other = new_training(), new_training(channels=1)
    before = copy.deepcopy(training.state_dict())
    with pytest.raises(RuntimeError, match="another one"):
        training.load_state_dict(other.state_dict())
    with pytest.raises(RuntimeError, match="without unet"):
        training.load_state_dict({"generator": {}, "images_seen": 8})
    assert all(torch.equal(v, before["unet"][k]) for k, v in training.unet.state_dict().items())
    assert training.images_seen == 0


def test_the_target_is_the_librarys_v_prediction(reals: Tensor) -> None:
    """The sampler recovers the clean image from the v of the training, at every noise level: D = a x_t - s v."""
    scheduler, noise = (
        build_scheduler(replace(TINY, clip_sample_range=None, sampler="ddim", sampling_steps=20)),
        torch.randn(4, 3, 8, 16),
    )
    for timestep in (49, 499, 949):
        alpha = float(scheduler.alphas_cumprod[timestep])
        a, s = math.sqrt(alpha), math.sqrt(1 - alpha)
        step = scheduler.step(a * noise - s * reals, timestep, a * reals + s * noise)
        torch.testing.assert_close(step.pred_original_sample, reals, rtol=0, atol=1e-4)


def test_a_network_learns_its_images_and_samples_them() -> None:
    """Images of one color: after 60 steps the samples have it to an eighth of the range, and the loss has halved."""
    options = DiffusionTrainingOptions(learning_rate=1e-2, warm_up_kimg=0.0, ema_ramp_up=0.2)
    training = new_training(options)
    color = torch.tensor([0.8, -0.5, 0.1])[None, :, None, None].expand(8, 3, 8, 16)
    losses = [training.step(color)["v_mse"] for _ in range(60)]
    (samples,) = list(training.samples(4, seed=3))
    assert sum(losses[-10:]) / 10 < losses[0] / 2
    assert float((samples.mean(dim=(0, 2, 3)) - color[0, :, 0, 0]).abs().max()) < 0.25


def test_the_network_loads_into_the_family_with_equal_samples(reals: Tensor) -> None:
    """From safetensors and JSON, as a published generator; the samples of a seed repeat."""
    training = new_training()
    training.step(reals)
    (built,) = training.networks()
    tensors, described = pack_network(built.network, dict(built.config))
    loaded = build_generator(json.loads(described), unpack(tensors))
    samples = torch.cat(list(training.samples(3, seed=5)))
    torch.testing.assert_close(loaded.sample(RandomDraws.seeded(5, 3)), samples, rtol=0, atol=1e-4)
    assert torch.equal(torch.cat(list(training.samples(3, seed=5))), samples)
    assert built.name == "generator"


def test_a_grey_network_has_grey_samples_and_features_of_one_channel(reals: Tensor) -> None:
    """It reads colored images as the mean of their channels; samples have three equal channels."""
    training = new_training(channels=1)
    training.step(reals)
    (samples,) = list(training.samples(2, seed=0))
    assert samples.shape == (2, 3, 8, 16)
    assert torch.equal(samples[:, :1].expand(-1, 3, -1, -1), samples)
    grey = reals.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    pairs = zip(*(training.average.synthesize(i).taps for i in (reals, grey)), strict=True)
    for colored_tap, grey_tap in pairs:
        torch.testing.assert_close(colored_tap, grey_tap)


def test_images_are_flipped_only_by_option(reals: Tensor) -> None:
    """By default left stays left: labels may tell the sides apart."""
    torch.manual_seed(0)
    assert torch.equal(new_training(DiffusionTrainingOptions())._prepared(reals), reals)
    flipped = new_training()._prepared(reals.repeat(8, 1, 1, 1))
    same = (flipped == reals.repeat(8, 1, 1, 1)).flatten(1).all(dim=1)
    assert 0 < int(same.sum()) < 32


def test_a_batch_covers_the_schedule_evenly() -> None:
    """One timestep in each eighth of the 1,000, another offset in every batch."""
    training = new_training()
    first, second = training._timesteps(8), training._timesteps(8)
    assert (first // 125).tolist() == (second // 125).tolist() == list(range(8))
    assert not torch.equal(first, second)


def test_the_average_follows_more_slowly_as_training_goes_on(reals: Tensor) -> None:
    """Its half-life is a share of the images seen: a tenth of 40 images is one batch of 4, which moves it by half."""
    training = new_training(DiffusionTrainingOptions(ema_ramp_up=0.1))
    training.images_seen = 36
    before = training.average.unet.conv_in.weight.clone()
    training.step(reals)
    expected = (before + training.unet.conv_in.weight) / 2
    torch.testing.assert_close(training.average.unet.conv_in.weight, expected)


def test_images_of_another_size_are_refused(reals: Tensor) -> None:
    """The message names both sizes."""
    with pytest.raises(ValueError, match="8x16 px, got 8x8"):
        new_training().step(reals[..., :8])


@pytest.mark.parametrize(
    "image_px", [(8, 8), (28, 28), (32, 32), (64, 32), (64, 64), (96, 160), (128, 128), (256, 128)]
)
def test_the_default_network_fits_its_size(image_px: tuple[int, int]) -> None:
    """It can be built, its lowest maps have 4 px or more, and small images get at most 3 million parameters."""
    config = default_config(image_px)
    parameters = sum(p.numel() for p in build_unet(config).parameters())
    halvings = len(config.block_out_channels) - 1
    assert all(side % (1 << halvings) == 0 for side in image_px)
    assert min(image_px) >> halvings >= 4
    assert config.down_block_types[-1] == "AttnDownBlock2D"
    assert (parameters < 3e6) == (max(image_px) < 128)


@pytest.mark.parametrize("image_px", [(30, 30), (4, 4), (1024, 1024), (256, 32)])
def test_sizes_without_a_network_are_refused(image_px: tuple[int, int]) -> None:
    """The message gives the found size and what to do."""
    with pytest.raises(ValueError, match=f"got {image_px[0]}x{image_px[1]}; "):
        default_config(image_px)


def test_only_v_prediction_without_classes_is_trained() -> None:
    """Another configuration would learn a target that its sampler does not read."""
    with pytest.raises(ValueError, match="got 'epsilon'"):
        DiffusionTraining(replace(TINY, prediction_type="epsilon"), OPTIONS, CPU)


def test_features_are_read_at_less_noise_the_smaller_the_images() -> None:
    """At 256 px the noise is that of the published levels; half the size has 4 times the signal-to-noise ratio."""
    published = build_scheduler(DiffusionConfig(**{**TINY.to_dict(), **LINEAR})).alphas_cumprod
    cosine: Tensor = build_scheduler(TINY).alphas_cumprod

    def ratios(px: int) -> Tensor:
        kept = cosine[list(feature_noise_levels(px))]
        return kept / (1 - kept)

    kept = published[[50, 150, 250]]
    torch.testing.assert_close(ratios(256), kept / (1 - kept), rtol=0.03, atol=0)
    torch.testing.assert_close(ratios(128), 4 * ratios(256), rtol=0.05, atol=0)
    assert min(feature_noise_levels(8)) == 1


def test_a_new_network_is_the_one_that_its_configuration_builds() -> None:
    """Also in the fields that diffusers does not have: the average would otherwise be another network."""
    config = replace(TINY, attention_heads=4, timestep_scale=0.25)
    started, built = start_unet(config, CPU), build_unet(config)
    assert started.time_proj.scale == built.time_proj.scale == 0.25
    heads = [[m.heads for m in unet.modules() if hasattr(m, "heads")] for unet in (started, built)]
    assert heads[0] == heads[1]
    assert set(heads[0]) == {4}


def test_a_configuration_without_newer_fields_is_that_of_version_0_1_0() -> None:
    """It keeps its sampler, DDIM. New networks state theirs, and grey ones their channels."""
    older = replace(TINY, sampler="ddim").to_dict()
    assert NEWER_FIELDS.keys().isdisjoint(older)
    assert DiffusionConfig.from_dict(older).sampler == "ddim"
    newer = replace(TINY, image_channels=1).to_dict()
    assert (newer["sampler"], newer["image_channels"]) == ("dpm++", 1)


def test_autocast_on_a_cpu_trains_nearly_as_float32(reals: Tensor) -> None:
    """After five steps on the same draws the loss is within 2%; on a CPU without AMX both are float32."""
    losses = []
    for bfloat16 in (False, True):
        training = new_training(replace(OPTIONS, bfloat16=bfloat16))
        torch.manual_seed(7)
        losses.append([training.step(reals)["v_mse"] for _ in range(5)][-1])
    assert losses[1] == pytest.approx(losses[0], rel=0.02)


def test_networks_prepared_for_autocast_compute_the_same(reals: Tensor) -> None:
    """Attention as matrix products and normalization in float32 change a float32 network by rounding only."""
    network = new_training().unet.eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    before = network(reals, 40, return_dict=False)[0]
    prepare_for_autocast(network)
    assert torch.allclose(network(reals, 40, return_dict=False)[0], before, atol=1e-4)
