"""Promises of the sample spacing: a sample is expressed by itself and not by another sample."""

import torch

from models.generators.stylegan2.discriminator import Discriminator
from models.generators.stylegan2.generator import Generator
from models.generators.stylegan2.inversion.discriminator_distance import DiscriminatorDistance
from models.inversion.perceptual import distances
from models.inversion.psnr import psnr_db
from models.inversion.spacing import EXACT_SPACING, measure_spacing


def test_a_sample_is_expressed_by_itself_alone(
    generator: Generator, discriminator: Discriminator
) -> None:
    """Without a perceptual distance the error of the pixels decides, with one the distance."""
    perceptual = DiscriminatorDistance(discriminator)
    images = generator(torch.randn(8, 16)).clamp(-1, 1)
    others = images.roll(1, dims=0)
    by_pixels, by_distance = measure_spacing(generator), measure_spacing(generator, perceptual)
    assert bool(by_pixels.expresses(psnr_db(images, images), None).all())
    assert not by_pixels.expresses(psnr_db(others, images), None).any()
    assert bool(
        by_distance.expresses(psnr_db(images, images), distances(perceptual, images, images)).all()
    )
    far = distances(perceptual, others, images)
    assert not by_distance.expresses(psnr_db(others, images), far).any()


def test_the_spacing_repeats(generator: Generator) -> None:
    """Its samples have a fixed seed: two measurements are equal."""
    assert measure_spacing(generator) == measure_spacing(generator)


def test_exact_inversion_expresses_every_image() -> None:
    """Even at the lowest quality: nothing is compared with samples."""
    assert bool(EXACT_SPACING.expresses(torch.tensor([0.0, 106.0]), None).all())
