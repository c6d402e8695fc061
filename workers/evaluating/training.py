"""Trains one arm of an evaluation: pairs of images and labels in, a network that labels images out.

Resumable at the grain of one arm and one seed: the job keeps each finished score. A stop inside a training returns its
state, which continues it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from contracts.schemas import LabelSchema
from models.downstream.frozen import FeatureFunction
from models.downstream.mirroring import Swaps, swap_of
from models.downstream.network import DownstreamNetwork
from models.downstream.options import DownstreamOptions, Precision
from models.downstream.pairs import Pairs
from models.downstream.training import CPU, Plan, train
from models.tasks.keypoints import KeypointTask
from models.tasks.segmentation import SegmentationTask
from models.tasks.task_set import TaskSet

MAX_PX = 256
"""The longer side of the images that downstream networks read: larger ones take hours and change no verdict."""


@dataclass(frozen=True, kw_only=True)
class ArmSetup:
    """What does not change between the trainings of an arm.

    `swaps` are `mirror_swaps` of the label schema; without them no image is mirrored. `features` makes the network a
    head on a frozen network (the arm `frozen`).
    """

    swaps: Swaps | None = None
    features: FeatureFunction | None = None
    device: torch.device = CPU


def train_arm(
    pairs: Pairs,
    *,
    tasks: TaskSet,
    options: DownstreamOptions,
    seed: int,
    setup: ArmSetup | None = None,
    state: bytes | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> DownstreamNetwork:
    """Train the network of one arm: a U-Net, or a head on a frozen network. `on_progress(done, total)` counts steps.

    Raises:
        ValueError: a task has no labels.
        models.downstream.training.TrainingStopped: `should_stop` returned true; its `state` continues the training.
    """
    setup = setup or ArmSetup()
    plan = Plan(
        pairs=pairs,
        tasks=tasks,
        options=options,
        seed=seed,
        swaps=setup.swaps,
        features=setup.features,
        device=setup.device,
    )
    return train(plan, state=state, on_step=on_progress, should_stop=should_stop)


def mirror_swaps(labels: LabelSchema) -> Swaps | None:
    """Return how the names of a schema change in mirrored images; None when a left or right name has no partner.

    Without partners no image may be mirrored: a mirrored left hand would be a right hand without a name.
    """
    names = {
        SegmentationTask.name: labels.classes,
        KeypointTask.name: labels.keypoints.names if labels.keypoints else (),
    }
    swaps = {task: swap_of(parts) for task, parts in names.items() if parts}
    known = {task: swap for task, swap in swaps.items() if swap is not None}
    return known if len(known) == len(swaps) else None


def network_px(image_px: tuple[int, int]) -> tuple[int, int]:
    """Return the height and width at which an evaluation reads images: at most `MAX_PX` on the longer side."""
    scale = min(1.0, MAX_PX / max(image_px))
    return max(round(image_px[0] * scale), 1), max(round(image_px[1] * scale), 1)


def fastest_precision(device: torch.device) -> Precision:
    """Return bfloat16 where its convolutions are faster than float32: accelerators, and processors with AMX.

    64 px, one core with AMX: 53 ms a step instead of 131 (benchmarks/LOG.md, "Downstream networks").
    """
    if device.type != "cpu":
        return "bfloat16"
    return "bfloat16" if torch.cpu.get_capabilities().get("amx_bf16") else "float32"
