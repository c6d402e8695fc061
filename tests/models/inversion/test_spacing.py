"""Promises of the sample spacing: a sample is expressed by itself and not by another sample."""

import torch

from models.generators.stylegan2.discriminator import Discriminator
from models.generators.stylegan2.generator import Generator
from models.generators.stylegan2.inversion.discriminator_distance import DiscriminatorDistance
from models.inversion.perceptual import distances
from models.inversion.psnr import psnr_db
from models.inversion.spacing import EXACT_SPACING, SampleSpacing, measure_spacing


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


def test_expressibility_has_the_same_line_as_the_verdict() -> None:
    """At least 0.5 exactly where an image is close enough and shows half of its detail; 1 for an exact image."""
    torch.manual_seed(0)
    psnr, distance, detail = 40 * torch.rand(200), torch.rand(200), torch.rand(200)
    for spacing, distances_of in (
        (SampleSpacing(14.0), None),
        (SampleSpacing(14.0, 0.8), distance),
    ):
        score = spacing.expressibility(psnr, distances_of, detail)
        expected = spacing.expresses(psnr, distances_of) & (detail >= 0.5)
        assert torch.equal(score >= 0.5, expected)
        assert 0 < int(expected.sum()) < 200
    exact = EXACT_SPACING.expressibility(torch.tensor([106.0]), None, torch.tensor([1.0]))
    assert exact.tolist() == [1.0]
