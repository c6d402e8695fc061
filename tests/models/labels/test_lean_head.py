"""Promises of the heads: whatever the sizes, it says what the plain ensemble says, and as precisely."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.speed.naive_head import naive_label
from models.generators.stylegan2.config import GeneratorConfig
from models.generators.stylegan2.generator import Generator
from models.labels.compact_head import GPU_STRIP_PX, head_of
from models.labels.ensemble import Ensemble
from models.labels.label_generator import LabelGenerator
from models.labels.lean_head import (
    CPU_STRIP_VALUES,
    GPU_STRIP_VALUES,
    FirstLayerSums,
    Member,
)
from models.tasks.segmentation import ClassVotes
from tests.models.labels.test_ensemble import random_ensemble


def naive(ensemble: Ensemble, taps: list[Tensor], label_px: tuple[int, int]) -> Tensor:
    """The paper's way: upsample, concatenate, then every MLP at every pixel; [members, n, outputs, h, w]."""
    read = ensemble.config.read(taps)
    maps = [F.interpolate(t, size=label_px, mode="bilinear", align_corners=False) for t in read]
    columns = torch.cat(maps, dim=1).permute(0, 2, 3, 1)
    flat = columns.flatten(0, 2).expand(ensemble.config.num_members, -1, -1)
    outputs: Tensor = ensemble(flat).unflatten(1, columns.shape[:3])
    return outputs.permute(0, 1, 4, 2, 3)


@pytest.mark.parametrize("rank", [None, 12], ids=["paper", "compact"])
@pytest.mark.parametrize("of_image", [(1, 0), (0.5, 0), (4, 0), (1, 7), (0, 4)])
def test_a_head_equals_the_naive_one(
    any_generator: Generator, of_image: tuple[float, int], rank: int | None
) -> None:
    """Same outputs for all tasks within 1e-5: as large as the image, smaller, in several strips, at odd sizes."""
    factor, more = of_image
    height, width = (round(px * factor) for px in any_generator.config.image_px)
    label_px = height + more, width + (more + 1) // 2
    ensemble = random_ensemble(any_generator, rank)
    taps = any_generator.synthesize(any_generator.map(torch.randn(2, 16))).taps
    expected = naive(ensemble, taps, label_px)
    found = torch.stack(list(head_of(ensemble, label_px).maps(taps)))
    assert (found - expected).abs().max() / expected.abs().max() < 1e-5


@pytest.mark.parametrize("rank", [None, 12], ids=["paper", "compact"])
def test_taps_that_are_not_read_do_not_matter(any_generator: Generator, rank: int | None) -> None:
    """Whatever the first four hold, an ensemble that begins with the fifth says what the naive one says."""
    ensemble = random_ensemble(any_generator, rank, first_tap=4)
    label_px = any_generator.config.image_px
    taps = any_generator.synthesize(any_generator.map(torch.randn(2, 16))).taps
    expected = naive(ensemble, taps, label_px)
    others = [torch.randn_like(tap) for tap in taps[:4]] + taps[4:]
    found = torch.stack(list(head_of(ensemble, label_px).maps(others)))
    assert (found - expected).abs().max() / expected.abs().max() < 1e-5


@pytest.mark.parametrize("rank", [None, 12], ids=["paper", "compact"])
def test_a_head_may_be_less_precise(any_generator: Generator, rank: int | None) -> None:
    """From bfloat16 features it says nearly the same, and the outputs are float32 for the votes to be counted in."""
    ensemble = random_ensemble(any_generator, rank)
    label_px = any_generator.config.image_px
    taps = any_generator.synthesize(any_generator.map(torch.randn(2, 16))).taps
    expected = naive(ensemble, taps, label_px)
    head = head_of(ensemble, label_px, torch.bfloat16)
    found = torch.stack(list(head.maps([taps[0], *(tap.bfloat16() for tap in taps[1:])])))
    assert found.dtype == torch.float32
    assert 0 < (found - expected).norm() / expected.norm() < 0.02


def test_probabilities_are_as_precise_as_the_naive_ones() -> None:
    """The largest error against float64 is at most twice that of the naive way in float32."""
    config = GeneratorConfig(z_dim=16, w_dim=16, channels=(64, 64, 32, 16), num_mapping_layers=1)
    generator = Generator(config).eval().requires_grad_(False)
    ensemble = random_ensemble(generator)
    taps = generator.synthesize(generator.map(torch.randn(2, 16))).taps
    lean = LabelGenerator(generator, ensemble).label(taps)
    plain = naive_label(ensemble, taps, config.image_px)
    exact = naive_label(ensemble.double(), taps, config.image_px)
    truth = exact.of(ClassVotes).probabilities
    ours, theirs = (
        (each.of(ClassVotes).probabilities - truth).abs().max() for each in (lean, plain)
    )
    assert ours <= 2 * theirs


@pytest.mark.parametrize("rank", [None, 12], ids=["paper", "compact"])
def test_strips_do_not_matter(
    generator: Generator, rank: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As large as an accelerator's, which takes an image at once, or a few rows: the outputs are equal."""
    ensemble, label_px = random_ensemble(generator, rank), generator.config.image_px
    taps = generator.synthesize(generator.map(torch.randn(2, 16))).taps
    found = []
    for values, px in ((GPU_STRIP_VALUES, GPU_STRIP_PX), (3 * 32 * 64, 100)):
        monkeypatch.setattr("models.labels.lean_head.CPU_STRIP_VALUES", values)
        monkeypatch.setattr("models.labels.compact_head.CPU_STRIP_PX", px)
        found.append(torch.stack(list(head_of(ensemble, label_px).maps(taps))))
    large, small = found
    assert torch.allclose(large, small, rtol=1e-4, atol=1e-4)


def test_hidden_values_exist_only_in_strips(generator: Generator) -> None:
    """A label four times as large is four times as many strips, none of them larger; every row comes once."""
    height, width = (8 * px for px in generator.config.image_px)
    ensemble = random_ensemble(generator)
    layer = Member.of(ensemble, 0).first
    taps = generator.synthesize(generator.map(torch.randn(1, 16))).taps
    sums = FirstLayerSums(taps, (height, width), layer)
    rows: list[int] = []
    for span, strip in sums.strips(layer, 0):
        assert strip.shape == (len(span), width, layer.hidden)
        assert strip.numel() <= CPU_STRIP_VALUES
        rows += span
    assert rows == list(range(height))
