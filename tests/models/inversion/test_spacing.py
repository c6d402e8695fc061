"""Promises of the sample spacing: a sample is expressed by itself and not by another one, noise by nothing."""

import torch

from models.generators.stylegan2.discriminator import Discriminator
from models.generators.stylegan2.generator import Generator
from models.generators.stylegan2.inversion.discriminator_distance import DiscriminatorDistance
from models.inversion.perceptual import distances
from models.inversion.psnr import psnr_db
from models.inversion.spacing import measure_spacing


def test_a_sample_is_expressed_by_itself_alone(
    generator: Generator, discriminator: Discriminator
) -> None:
    """By both yardsticks: without a port the error of the pixels decides, with one the distance."""
    port = DiscriminatorDistance(discriminator)
    images = generator(torch.randn(8, 16)).clamp(-1, 1)
    others = images.roll(1, dims=0)
    plain, seen = measure_spacing(generator), measure_spacing(generator, port)
    assert bool(plain.expresses(psnr_db(images, images), None).all())
    assert not plain.expresses(psnr_db(others, images), None).any()
    assert bool(seen.expresses(psnr_db(images, images), distances(port, images, images)).all())
    far = distances(port, others, images)
    assert not seen.expresses(psnr_db(others, images), far).any()


def test_the_spacing_is_the_generators_own(generator: Generator) -> None:
    """Measured twice it is the same, whatever was drawn between."""
    assert measure_spacing(generator) == measure_spacing(generator)
