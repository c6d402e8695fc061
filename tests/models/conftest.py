"""Small generators with random weights, square and tall."""

import pytest
import torch

from models.generators.stylegan2.config import DiscriminatorConfig, GeneratorConfig
from models.generators.stylegan2.discriminator import Discriminator
from models.generators.stylegan2.generator import Generator

SQUARE = GeneratorConfig(z_dim=16, w_dim=16, channels=(16, 16, 8, 8), num_mapping_layers=2)
TALL = GeneratorConfig(
    z_dim=16, w_dim=16, channels=(16, 16, 8, 8), base_px=(4, 2), num_mapping_layers=2
)


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    """Seed torch, so that the random numbers of a test do not depend on other tests."""
    torch.manual_seed(0)


def random_generator(config: GeneratorConfig) -> Generator:
    """Return a generator with random weights of a fixed seed, noise strengths and a mean code other than 0."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        generator = Generator(config)
        for name, parameter in generator.named_parameters():
            if name.endswith(("noise_strength", "bias")):
                parameter.data += 0.1 * torch.randn_like(parameter)
        generator.mapping.w_mean.normal_()
    return generator.eval().requires_grad_(False)


@pytest.fixture(params=[SQUARE, TALL], ids=["square", "tall"])
def any_generator(request: pytest.FixtureRequest) -> Generator:
    """Return a square and a tall generator; labels must be right for both."""
    return random_generator(request.param)


@pytest.fixture
def generator() -> Generator:
    """Return a square 32 px generator."""
    return random_generator(SQUARE)


@pytest.fixture
def discriminator() -> Discriminator:
    """Return a discriminator for `generator`."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return Discriminator(DiscriminatorConfig(channels=SQUARE.channels))
