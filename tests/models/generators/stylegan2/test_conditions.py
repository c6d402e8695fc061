"""Class-conditional StyleGAN2: samples and inversions of a known class."""

import pytest
import torch

from benchmarks.defaults import inversion_options
from models.generators.stylegan2.config import GeneratorConfig
from models.generators.stylegan2.generator import Generator
from models.generators.stylegan2.inversion.invert import Tools, invert, start_codes
from models.generators.stylegan2.inversion.inverter import StyleGan2Inverter
from models.generators.stylegan2.inversion.prior import ClassPrior, latent_prior
from models.inversion.inverter import ConditionalInverter
from models.sampling import Candidate, CandidateDraws
from tests.models.conftest import random_generator

CONFIG = GeneratorConfig(z_dim=16, w_dim=16, channels=(8, 8), num_mapping_layers=2, num_classes=3)


@pytest.fixture(scope="module")
def conditional() -> Generator:
    """A generator of three classes, 8 px."""
    return random_generator(CONFIG)


def draws(count: int) -> CandidateDraws:
    """Return the draws of the first samples of seed 5."""
    return CandidateDraws(5, [Candidate(index) for index in range(count)])


def test_the_same_draw_of_another_class_is_another_image(conditional: Generator) -> None:
    """The class changes the image; the same class gives the identical image."""
    images = [
        conditional.synthesize(conditional.sample(draws(2), 0.7, torch.tensor([one] * 2))).images
        for one in (0, 2, 0)
    ]
    assert torch.equal(images[0], images[2])
    assert bool(((images[0] - images[1]).abs().mean(dim=(1, 2, 3)) > 0.01).all())


def test_truncation_of_a_class_pulls_toward_its_mean(conditional: Generator) -> None:
    """With psi near 0, a sample is the mean of its class, not the mean of all; with 1 nothing is pulled."""
    classes = torch.tensor([0, 1, 2])
    means = conditional.mapping.class_means(classes)
    near = conditional.sample(draws(3), 1e-6, classes)[:, 0]
    assert torch.allclose(near, means, atol=1e-4)
    assert (near - conditional.mapping.w_mean).abs().max() > 0.1
    z = draws(3).normals(16)
    assert torch.equal(
        conditional.sample(draws(3), 1.0, classes), conditional.map(z, classes=classes)
    )


def test_samples_without_a_condition_are_those_of_the_published_code(
    conditional: Generator,
) -> None:
    """Each latent decides its class, and truncation pulls toward the mean of all classes, as before."""
    z = draws(3).normals(16)
    assert torch.equal(conditional.sample(draws(3), 0.7), conditional.map(z, 0.7))


def test_a_class_mean_is_the_mean_of_its_samples(conditional: Generator) -> None:
    """Within 4 standard errors of another 4,000 latents, for each class."""
    for one in range(3):
        w = conditional.mapping(torch.randn(4_000, 16), torch.full((4_000,), one))
        error = (conditional.mapping.class_means(torch.tensor([one]))[0] - w.mean(dim=0)).abs()
        assert bool((error < 4 * w.std(dim=0) * (1 / 2_048 + 1 / 4_000) ** 0.5).all())


def test_a_network_in_training_keeps_no_class_means() -> None:
    """Its means follow its weights."""
    generator = Generator(CONFIG)
    before = generator.mapping.class_means(torch.tensor([1]))
    next(generator.mapping.layers.parameters()).data += 1.0
    assert not torch.equal(generator.mapping.class_means(torch.tensor([1])), before)


@pytest.mark.parametrize("wrong", [-1, 3])
def test_means_of_unknown_classes_are_refused(conditional: Generator, wrong: int) -> None:
    """The message names the range."""
    with pytest.raises(ValueError, match="expected classes from 0 to 2"):
        conditional.mapping.class_means(torch.tensor([wrong]))


def test_an_inversion_starts_from_the_mean_of_the_class(conditional: Generator) -> None:
    """Without an encoder, and for each image its own class; without classes it is the mean of all."""
    tools, images = Tools.of(conditional), torch.zeros(2, 3, 8, 8)
    classes = torch.tensor([2, 0])
    starts = start_codes(tools, images, classes)
    assert torch.equal(starts[:, 3], conditional.mapping.class_means(classes))
    inversion = invert(tools, images, inversion_options(steps=0), condition=classes)
    assert torch.equal(inversion.codes, starts)
    assert torch.equal(start_codes(tools, images)[1, 3], conditional.mapping.w_mean)


def test_the_prior_of_a_class_is_its_distribution(conditional: Generator) -> None:
    """Samples of a class have a distance of about 1 under its prior, and more under that of another class."""
    own, other = latent_prior(conditional, 0), latent_prior(conditional, 1)
    codes = conditional.map(torch.randn(2_000, 16), classes=torch.zeros(2_000).long())
    assert own.distance(codes).mean() == pytest.approx(1.0, abs=0.2)
    assert other.distance(codes).mean() > 1.5 * own.distance(codes).mean()
    mixed = ClassPrior.joined([own, other]).distance(codes[:1].expand(2, -1, -1))
    assert mixed[0] == pytest.approx(float(own.distance(codes[:1])), rel=1e-4)
    assert mixed[1] == pytest.approx(float(other.distance(codes[:1])), rel=1e-4)


def test_classes_are_treated_image_by_image(conditional: Generator) -> None:
    """An image inverted with images of other classes, some of which leave early, equals its inversion alone."""
    classes = torch.tensor([0, 1, 2])
    images = conditional.synthesize(conditional.map(torch.randn(3, 16), classes=classes)).images
    options = inversion_options(steps=16, patience=2, micro_batch=3, prior_weight=1e-2, restarts=2)
    tools, images = Tools.of(conditional), images.clamp(-1, 1)
    together = invert(tools, images, options, condition=classes, fails_below_db=30.0)
    alone = invert(tools, images[2:], options, condition=classes[2:], fails_below_db=30.0)
    assert torch.allclose(together.codes[2:], alone.codes, atol=1e-3)


def test_the_inverter_uses_classes(conditional: Generator) -> None:
    """A fit asks for this interface, and images of another class get other codes."""
    inverter = StyleGan2Inverter(Tools.of(conditional), inversion_options(steps=2))
    assert isinstance(inverter, ConditionalInverter)
    images = torch.zeros(1, 3, 8, 8)
    codes = [inverter.with_condition(torch.tensor([one])).invert(images).codes for one in (0, 1)]
    assert not torch.allclose(codes[0], codes[1], atol=0.01)
