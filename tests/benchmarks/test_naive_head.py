"""The reference that ours is measured against must itself be right."""

import torch

from benchmarks.naive_head import naive_label
from models.labels.ensemble import Ensemble, EnsembleConfig
from models.labels.label_generator import LabelGenerator
from models.stylegan2.config import GeneratorConfig
from models.stylegan2.generator import Generator


def test_the_papers_way_and_ours_give_the_same_labels() -> None:
    """Probabilities and divergence of ten random members agree within 1e-5."""
    torch.manual_seed(0)
    config = GeneratorConfig(z_dim=8, w_dim=8, channels=(8, 8, 4), num_mapping_layers=1)
    generator = Generator(config).eval().requires_grad_(False)
    ensemble = Ensemble(EnsembleConfig(tap_channels=config.tap_channels, outputs=4))
    for parameter in ensemble.parameters():
        parameter.data.normal_(std=0.5)
    ensemble.eval().requires_grad_(False)
    taps = generator.synthesize(generator.map(torch.randn(2, 8))).taps
    ours = LabelGenerator(generator, ensemble).label(taps)
    naive = naive_label(ensemble, taps, config.image_px)
    for one, other in zip(ours, naive, strict=True):
        assert (one - other).abs().max() < 1e-5
