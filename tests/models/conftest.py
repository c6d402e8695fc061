"""Small generators with random weights, square and not."""

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
def same_chance() -> None:
    """What a test draws does not depend on the tests before it."""
    torch.manual_seed(0)


def random_generator(config: GeneratorConfig) -> Generator:
    """Random weights of a fixed seed, with noise switched on and a mean code that is not zero."""
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
    """Every shape of generator that labels must come out right for."""
    return random_generator(request.param)


@pytest.fixture
def generator() -> Generator:
    """A square 32 px generator."""
    return random_generator(SQUARE)


@pytest.fixture
def discriminator() -> Discriminator:
    """Its discriminator."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return Discriminator(DiscriminatorConfig(channels=SQUARE.channels))
