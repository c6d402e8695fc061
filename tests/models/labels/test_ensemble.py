"""Promises of the label ensemble: hypercolumns equal upsampled maps, and ensembles are restored from their JSON."""

import json

import pytest
import torch
from torch.nn import functional as F

from models.generators.stylegan2.generator import Generator
from models.labels.ensemble import Ensemble, EnsembleConfig, build_ensemble
from models.labels.hypercolumns import gather
from models.serialization import pack_network, unpack
from models.tasks.depth import DepthTask
from models.tasks.keypoints import KeypointTask
from models.tasks.segmentation import SegmentationTask
from models.tasks.task_set import TaskSet

KINDS = (SegmentationTask, KeypointTask, DepthTask)
TASKS = TaskSet(SegmentationTask(5), KeypointTask(3), DepthTask())


def random_ensemble(generator: Generator, rank: int | None = None, first_tap: int = 0) -> Ensemble:
    """Return ten members with random weights and random normalization statistics."""
    taps = generator.config.tap_channels
    config = EnsembleConfig(tap_channels=taps, tasks=TASKS, rank=rank, first_tap=first_tap)
    ensemble = Ensemble(config)
    for name, tensor in ensemble.state_dict().items():
        if "variance" in name:
            tensor.uniform_(0.5, 2.0)
        else:
            tensor.normal_(std=0.5)
    return ensemble.eval().requires_grad_(False)


def test_gathered_columns_equal_upsampled_ones(any_generator: Generator) -> None:
    """Hypercolumns at single pixels equal those of the full maps."""
    taps = any_generator.synthesize(any_generator.map(torch.randn(2, 16))).taps
    label_px = any_generator.config.image_px
    pixels = torch.randint(0, label_px[0] * label_px[1], (2, 40))
    maps = [F.interpolate(t, size=label_px, mode="bilinear") for t in taps]
    expected = torch.cat(maps, dim=1).flatten(2).transpose(1, 2)
    expected = torch.stack([image[p] for image, p in zip(expected, pixels, strict=True)])
    assert torch.allclose(gather(taps, pixels, label_px), expected, atol=1e-5)


@pytest.mark.parametrize("rank", [None, 8])
def test_an_ensemble_is_restored_from_json(generator: Generator, rank: int | None) -> None:
    """The configuration stores the tasks, so a stored ensemble describes its outputs."""
    ensemble = random_ensemble(generator, rank)
    weights, config = pack_network(ensemble, ensemble.config.to_dict())
    again = build_ensemble(json.loads(config), unpack(weights), KINDS)
    assert again.config == ensemble.config
    columns = torch.randn(10, 3, sum(generator.config.tap_channels))
    assert torch.equal(again(columns), ensemble(columns))


def test_an_ensemble_of_an_old_version_is_the_papers(
    generator: Generator,
) -> None:
    """Its configuration has no rank and no first tap, its weights have no projection."""
    ensemble = random_ensemble(generator)
    weights, config = pack_network(ensemble, ensemble.config.to_dict())
    added = {"rank", "first_tap"}
    old = {name: value for name, value in json.loads(config).items() if name not in added}
    assert build_ensemble(old, unpack(weights), KINDS).config == ensemble.config
    assert "projection" not in unpack(weights)
