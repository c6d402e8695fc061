"""Promises of the heads: for all sizes the outputs equal those of the plain ensemble, with the same precision."""

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
    """Upsample, concatenate, then apply every MLP at every pixel, as in the paper: [members, n, outputs, h, w]."""
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
    """Outputs agree within 1e-5: labels of the image's size, smaller, in several strips, of odd sizes."""
    factor, more = of_image
    height, width = (round(px * factor) for px in any_generator.config.image_px)
    label_px = height + more, width + (more + 1) // 2
    ensemble = random_ensemble(any_generator, rank)
    taps = any_generator.synthesize(any_generator.map(torch.randn(2, 16))).taps
    expected = naive(ensemble, taps, label_px)
    outputs = torch.stack(list(head_of(ensemble, label_px).maps(taps)))
    assert (outputs - expected).abs().max() / expected.abs().max() < 1e-5


@pytest.mark.parametrize("rank", [None, 12], ids=["paper", "compact"])
def test_taps_below_the_first_have_no_effect(any_generator: Generator, rank: int | None) -> None:
    """An ensemble that begins with the fifth tap has the same outputs for any values of the first four."""
    ensemble = random_ensemble(any_generator, rank, first_tap=4)
    label_px = any_generator.config.image_px
    taps = any_generator.synthesize(any_generator.map(torch.randn(2, 16))).taps
    expected = naive(ensemble, taps, label_px)
    others = [torch.randn_like(tap) for tap in taps[:4]] + taps[4:]
    outputs = torch.stack(list(head_of(ensemble, label_px).maps(others)))
    assert (outputs - expected).abs().max() / expected.abs().max() < 1e-5


@pytest.mark.parametrize("rank", [None, 12], ids=["paper", "compact"])
def test_a_head_in_bfloat16_is_nearly_as_precise(
    any_generator: Generator, rank: int | None
) -> None:
    """Outputs differ by less than 2% of their norm, and are float32, in which votes are counted."""
    ensemble = random_ensemble(any_generator, rank)
    label_px = any_generator.config.image_px
    taps = any_generator.synthesize(any_generator.map(torch.randn(2, 16))).taps
    expected = naive(ensemble, taps, label_px)
    head = head_of(ensemble, label_px, torch.bfloat16)
    outputs = torch.stack(list(head.maps([taps[0], *(tap.bfloat16() for tap in taps[1:])])))
    assert outputs.dtype == torch.float32
    assert 0 < (outputs - expected).norm() / expected.norm() < 0.02


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
def test_outputs_do_not_depend_on_the_strips(
    generator: Generator, rank: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Strips of a whole image, as on a GPU, and of a few rows give equal outputs."""
    ensemble, label_px = random_ensemble(generator, rank), generator.config.image_px
    taps = generator.synthesize(generator.map(torch.randn(2, 16))).taps
    results = []
    for values, px in ((GPU_STRIP_VALUES, GPU_STRIP_PX), (3 * 32 * 64, 100)):
        monkeypatch.setattr("models.labels.lean_head.CPU_STRIP_VALUES", values)
        monkeypatch.setattr("models.labels.compact_head.CPU_STRIP_PX", px)
        results.append(torch.stack(list(head_of(ensemble, label_px).maps(taps))))
    large, small = results
    assert torch.allclose(large, small, rtol=1e-4, atol=1e-4)


def test_hidden_values_exist_only_in_strips(generator: Generator) -> None:
    """A label of many strips: none exceeds the strip size, and every row occurs once."""
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
