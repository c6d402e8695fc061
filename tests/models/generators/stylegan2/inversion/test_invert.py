"""The inversion finds codes, treats each image separately, retries failed starts, and can be stopped."""

import pytest
import torch

from benchmarks.defaults import inversion_options
from models.generators.stylegan2.discriminator import Discriminator
from models.generators.stylegan2.generator import Generator
from models.generators.stylegan2.inversion.encoder import encode
from models.generators.stylegan2.inversion.invert import Tools, invert
from models.generators.stylegan2.inversion.refinement import InversionOptions
from models.generators.stylegan2.inversion.training import start_encoder
from models.inversion.inverter import Inversion
from models.inversion.psnr import psnr_db

OPTIONS = inversion_options(steps=30, learning_rate=0.1, micro_batch=2)


def run(generator: Generator, images: torch.Tensor, options: InversionOptions) -> Inversion:
    """Invert images from the mean code."""
    return invert(Tools.of(generator), images, options)


def test_refinement_improves_on_its_start(any_generator: Generator) -> None:
    """Samples of the generator gain 3 dB, square or not."""
    images = any_generator.synthesize(any_generator.map(torch.randn(2, 16))).images.clamp(-1, 1)
    start = run(any_generator, images, inversion_options(steps=0)).psnr_db
    assert bool((run(any_generator, images, OPTIONS).psnr_db > start + 3).all())


def test_an_image_does_not_depend_on_its_batch(generator: Generator) -> None:
    """The last of three images, in micro-batches of 2 where some leave early, equals its inversion alone."""
    images = generator(torch.randn(3, 16)).clamp(-1, 1)
    options = inversion_options(steps=16, patience=2, micro_batch=2)
    together, alone = run(generator, images, options), run(generator, images[2:], options)
    assert len(together.steps.unique()) > 1
    assert torch.equal(together.steps[2:], alone.steps)
    assert torch.allclose(together.codes[2:], alone.codes, atol=1e-3)


def test_the_encoder_gives_the_start(generator: Generator, discriminator: Discriminator) -> None:
    """With 0 steps the codes are those of the encoder."""
    encoder = start_encoder(generator, discriminator, seed=0).requires_grad_(False)
    images = generator(torch.randn(2, 16)).clamp(-1, 1)
    inversion = invert(Tools.of(generator, encoder), images, inversion_options(steps=0))
    assert torch.equal(inversion.codes, encode(generator, encoder, images))


def test_a_failed_image_gets_other_starts(generator: Generator) -> None:
    """With restarts no image becomes worse, and only the failed image takes more steps."""
    images = generator(torch.randn(2, 16)).clamp(-1, 1)
    once = inversion_options(steps=10, prior_weight=0.0)
    first = run(generator, images, once)
    line = float(first.psnr_db.mean())
    twice = inversion_options(steps=10, prior_weight=0.0, restarts=2)
    second = invert(Tools.of(generator), images, twice, fails_below_db=line)
    assert bool((second.psnr_db >= first.psnr_db).all())
    better, worse = first.psnr_db.argmax(), first.psnr_db.argmin()
    assert second.steps[better] == 10
    assert second.steps[worse] > 10


def test_a_strong_pull_holds_codes_at_the_start(generator: Generator) -> None:
    """The paper's pull toward the encoder's code keeps refinement close to it."""
    images = generator(torch.randn(2, 16)).clamp(-1, 1)
    mean = generator.mapping.w_mean
    distances = []
    for pull in (0.0, 100.0):
        inversion = run(generator, images, inversion_options(steps=30, encoder_pull=pull))
        distances.append((inversion.codes - mean).abs().mean())
    assert distances[1] < distances[0] / 2


def test_images_of_another_size_are_refused(generator: Generator) -> None:
    """The message names both sizes."""
    with pytest.raises(ValueError, match=r"32x32 px.*got 16x32"):
        run(generator, torch.zeros(1, 3, 16, 32), OPTIONS)


def test_progress_counts_image_steps_up_to_the_total(generator: Generator) -> None:
    """Three images of four steps and one restart count as 24 steps, with and without failed images."""
    seen: list[tuple[int, int]] = []
    options = inversion_options(steps=4, micro_batch=2, restarts=1)
    tools, images = Tools.of(generator), torch.zeros(3, 3, 32, 32)
    for line in (0.0, 100.0):
        seen.clear()
        invert(
            tools,
            images,
            options,
            fails_below_db=line,
            on_step=lambda done, total: seen.append((done, total)),
        )
        assert seen[-1] == (24, 24)
        assert seen == sorted(seen)


def test_psnr_of_a_known_error() -> None:
    """An error of 0.2 on a range of 2 is 20 dB."""
    psnr = psnr_db(torch.full((1, 3, 4, 4), 0.2), torch.zeros(1, 3, 4, 4))
    assert psnr.item() == pytest.approx(20.0, abs=1e-3)
