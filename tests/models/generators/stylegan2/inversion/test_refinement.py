"""Promises of the refinement: the best iterate is kept, a stalled image leaves, and the learning rate ramps."""

import pytest
import torch

from benchmarks.defaults import inversion_options
from models.generators.stylegan2.discriminator import Discriminator
from models.generators.stylegan2.generator import Generator
from models.generators.stylegan2.inversion.discriminator_distance import DiscriminatorDistance
from models.generators.stylegan2.inversion.invert import Tools
from models.generators.stylegan2.inversion.refinement import (
    InversionOptions,
    Objective,
    Refined,
    ramp_down,
    ramp_up,
    refine,
)


def refined(tools: Tools, images: torch.Tensor, options: InversionOptions) -> Refined:
    """Refine codes from the mean code."""
    generator = tools.generator
    start = generator.mapping.w_mean.expand(len(images), generator.config.num_ws, -1).clone()
    objective = Objective.toward(
        images, start, prior=tools.prior, perceptual=tools.perceptual, options=options
    )
    return refine(generator, objective, start)


def test_the_best_iterate_is_kept(generator: Generator) -> None:
    """With a learning rate that diverges no image becomes worse than its start."""
    images = generator(torch.randn(2, 16)).clamp(-1, 1)
    start = refined(Tools.of(generator), images, inversion_options(steps=0))
    wild = refined(Tools.of(generator), images, inversion_options(steps=5, learning_rate=1e4))
    assert bool((wild.losses <= start.losses).all())


def test_a_stalled_image_leaves_early(generator: Generator) -> None:
    """An image that starts at its exact code makes no progress: it ends after its patience and the last quarter."""
    images = generator.synthesize(generator.mapping.w_mean.expand(1, 8, -1)).images
    options = inversion_options(steps=40, patience=5, prior_weight=0.0, learning_rate=0.01)
    assert refined(Tools.of(generator), images, options).steps.tolist() == [16]


def test_the_perceptual_distance_is_minimized(
    generator: Generator, discriminator: Discriminator
) -> None:
    """With all other weights 0 the loss is the distance, and falls."""
    tools = Tools.of(generator, None, DiscriminatorDistance(discriminator))
    images = generator(torch.randn(2, 16)).clamp(-1, 1)
    losses = [
        refined(
            tools,
            images,
            inversion_options(
                steps=steps, pixel_weight=0.0, prior_weight=0.0, perceptual_weight=1.0
            ),
        ).losses
        for steps in (0, 15)
    ]
    assert bool((losses[1] < 0.9 * losses[0]).all())


def test_the_learning_rate_ramps_up_and_down() -> None:
    """It rises over the first twentieth and falls over the last quarter."""
    assert [ramp_up(progress) for progress in (0.0, 0.025, 0.5)] == [0.0, 0.5, 1.0]
    rates = ramp_down(torch.tensor([0.0, 0.125, 0.25, 1.0])).tolist()
    assert rates == pytest.approx([0.0, 0.5, 1.0, 1.0])
