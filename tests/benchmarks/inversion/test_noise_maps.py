"""Inversion with noise maps: maps absorb the details that codes cannot, and the generator keeps its buffers."""

import pytest
import torch

from benchmarks.defaults import inversion_options
from benchmarks.inversion.noise_maps import invert_with_noise
from models.generators.stylegan2.config import GeneratorConfig
from models.generators.stylegan2.generator import Generator
from models.generators.stylegan2.inversion.invert import Tools, invert


@pytest.fixture
def generator() -> Generator:
    """Return a small generator with strong noise."""
    torch.manual_seed(0)
    config = GeneratorConfig(z_dim=8, w_dim=8, channels=(8, 8), num_mapping_layers=2)
    generator = Generator(config).eval().requires_grad_(False)
    for name, parameter in generator.named_parameters():
        if name.endswith("noise_strength"):
            parameter.fill_(0.5)
    return generator


def test_maps_absorb_details_that_codes_cannot(generator: Generator) -> None:
    """Images with other noise are reconstructed better with maps. The generator's buffers do not change."""
    images = generator(torch.randn(1, 8), noise="random").clamp(-1, 1)
    before = generator.state_dict()["blocks.0.conv1.noise_const"].clone()
    tools, options = Tools.of(generator), inversion_options(steps=20, prior_weight=0.0)
    with_maps = invert_with_noise(tools, images, options).psnr_db
    assert with_maps.mean() > invert(tools, images, options).psnr_db.mean()
    assert torch.equal(generator.state_dict()["blocks.0.conv1.noise_const"], before)
