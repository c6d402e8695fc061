"""Scenes with a known truth: a generator that only places a disc, and all labels of the disc."""

from dataclasses import dataclass
from typing import TypeVar

import pytest
import torch

from models.arrays import StyleCodes
from models.generators.generator import Synthesis
from models.generators.stylegan2.config import GeneratorConfig
from models.generators.stylegan2.generator import Generator, NoiseMode
from models.tasks.depth import DepthTask
from models.tasks.heat_maps import pixel_centers
from models.tasks.keypoints import KeypointTask
from models.tasks.segmentation import SegmentationTask
from models.tasks.task_set import Labels, TaskSet

WIDE = GeneratorConfig(
    z_dim=2, w_dim=2, channels=(4, 4, 4, 4), base_px=(2, 4), num_mapping_layers=1
)
HEIGHT, WIDTH = WIDE.image_px
RADIUS = 5.0
TASKS = TaskSet(SegmentationTask(2), KeypointTask(1, 1 / 8), DepthTask())


Value = TypeVar("Value")


def given(value: Value | None) -> Value:
    """Return the value; fail if it is None."""
    assert value is not None
    return value


class Scenes(Generator):
    """The first two numbers of a code are the disc's center in pixels; the last taps are offsets from it."""

    def synthesize(self, ws: StyleCodes, noise: NoiseMode = "none") -> Synthesis:
        taps = [
            torch.zeros(len(ws), channels, *px)
            for channels, px in zip(WIDE.tap_channels, WIDE.tap_px, strict=True)
        ]
        offsets = pixel_centers(WIDE.image_px, ws.device) - ws[:, :1, :2]
        taps[-1][:, :2] = offsets.transpose(1, 2).unflatten(2, WIDE.image_px) / RADIUS
        taps[-1][:, 2] = taps[-1][:, :2].square().sum(dim=1)
        return Synthesis(torch.zeros(len(ws), 3, *WIDE.image_px), taps)


@dataclass(frozen=True)
class Discs:
    """Scenes with their labels: the disc's pixels, its center, and depth that falls by 300 at the center."""

    generator: Scenes
    tasks: TaskSet
    ws: StyleCodes
    labels: Labels

    @classmethod
    def at(cls, centers: torch.Tensor) -> "Discs":
        """Return a scene for each center (x, y) in pixels."""
        generator = Scenes(WIDE)
        ws = centers[:, None].expand(-1, WIDE.num_ws, -1)
        squared = generator.synthesize(ws).taps[-1][:, 2]
        points = torch.cat([centers, torch.full((len(centers), 1), 2.0)], dim=1)
        labels = Labels(
            label_px=WIDE.image_px,
            segmentation=(squared < 1).long(),
            keypoints=points[:, None],
            depth=1_000 - 300 * torch.exp(-squared / 2),
        )
        return cls(generator, TASKS, ws, labels)


@pytest.fixture
def discs() -> Discs:
    """Return twelve scenes of 16 x 32 px (height x width)."""
    return Discs.at(torch.rand(12, 2) * torch.tensor([WIDTH, HEIGHT]))
