"""Promises of the inversion: it finds codes, keeps the best iterate, treats images alone, and can be stopped."""

import pytest
import torch

from models.inversion.encoder import Encoder, EncoderConfig
from models.inversion.invert import InversionOptions, invert, learning_rate_at, psnr_db
from models.inversion.perceptual import DiscriminatorDistance
from models.stylegan2.discriminator import Discriminator
from models.stylegan2.generator import Generator

OPTIONS = InversionOptions(steps=60, learning_rate=0.1, micro_batch=2)


def run(generator: Generator, images: torch.Tensor, options: InversionOptions) -> torch.Tensor:
    """PSNR of each image, started from the mean code."""
    return invert(generator, images, encoder=None, perceptual=None, options=options).psnr_db


def test_refinement_comes_closer_than_its_start(any_generator: Generator) -> None:
    """Images of the generator itself are found again, square or not."""
    images = any_generator.synthesize(any_generator.map(torch.randn(2, 16))).images.clamp(-1, 1)
    start = run(any_generator, images, InversionOptions(steps=0))
    assert bool((run(any_generator, images, OPTIONS) > start + 3).all())


def test_an_image_does_not_depend_on_its_company(generator: Generator) -> None:
    """Inverting three images in micro-batches of 2 equals inverting the last alone."""
    images = generator(torch.randn(3, 16)).clamp(-1, 1)
    options = InversionOptions(steps=10, micro_batch=2)
    together = invert(generator, images, encoder=None, perceptual=None, options=options).ws
    alone = invert(generator, images[2:], encoder=None, perceptual=None, options=options).ws
    assert torch.allclose(together[2:], alone, atol=1e-3)


def test_the_best_iterate_is_kept(generator: Generator) -> None:
    """A learning rate that throws codes far away never makes an image worse than its start."""
    images = generator(torch.randn(2, 16)).clamp(-1, 1)
    wild = InversionOptions(steps=5, learning_rate=1e4, prior_weight=0.0)
    start = run(generator, images, InversionOptions(steps=0, prior_weight=0.0))
    assert bool((run(generator, images, wild) >= start - 1e-4).all())


def test_the_encoder_gives_the_start(generator: Generator, discriminator: Discriminator) -> None:
    """Without a step the codes are the encoder's own."""
    config = EncoderConfig.for_generator(generator.config, discriminator.config)
    encoder = Encoder(config).requires_grad_(False)
    images = generator(torch.randn(2, 16)).clamp(-1, 1)
    options = InversionOptions(steps=0)
    found = invert(generator, images, encoder=encoder, perceptual=None, options=options)
    assert torch.equal(found.ws, encoder(images))


def test_a_strong_pull_holds_codes_at_the_start(generator: Generator) -> None:
    """The paper's pull toward the encoder's code keeps refinement close to it."""
    images = generator(torch.randn(2, 16)).clamp(-1, 1)
    mean = generator.mapping.w_mean
    distances = []
    for pull in (0.0, 100.0):
        options = InversionOptions(steps=30, encoder_pull=pull)
        found = invert(generator, images, encoder=None, perceptual=None, options=options)
        distances.append((found.ws - mean).abs().mean())
    assert distances[1] < distances[0] / 2


def test_perceptual_distance_is_zero_for_equal_images(discriminator: Discriminator) -> None:
    """And positive, one number an image, for others."""
    distance = DiscriminatorDistance(discriminator)
    a, b = torch.randn(2, 3, 32, 32), torch.randn(2, 3, 32, 32)
    assert torch.equal(distance(a, a), torch.zeros(2))
    assert bool((distance(a, b) > 0).all())


def test_images_of_another_size_are_refused(generator: Generator) -> None:
    """The message names both sizes."""
    with pytest.raises(ValueError, match=r"16x32 px.*32x32"):
        run(generator, torch.zeros(1, 3, 16, 32), OPTIONS)


def test_progress_counts_image_steps_and_a_stop_passes_through(generator: Generator) -> None:
    """Three images of four steps are twelve; raising ends the run."""
    seen: list[tuple[int, int]] = []
    options = InversionOptions(steps=4, micro_batch=2)
    images = torch.zeros(3, 3, 32, 32)
    invert(
        generator,
        images,
        encoder=None,
        perceptual=None,
        options=options,
        on_step=lambda done, total: seen.append((done, total)),
    )
    assert seen[-1] == (12, 12)
    assert seen == sorted(seen)


def test_psnr_of_a_known_error() -> None:
    """An error of 0.2 on a range of 2 is 20 dB."""
    found = psnr_db(torch.full((1, 3, 4, 4), 0.2), torch.zeros(1, 3, 4, 4))
    assert found.item() == pytest.approx(20.0, abs=1e-3)


def test_the_learning_rate_ramps_up_and_down() -> None:
    """Full in the middle, nothing at both ends."""
    assert learning_rate_at(0.0) == learning_rate_at(1.0) == 0.0
    assert learning_rate_at(0.5) == 1.0
