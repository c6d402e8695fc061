"""Fits the ensemble: codes of labelled images and their labels in, a trained ensemble out.

The paper trains each MLP alone on stored full-resolution hypercolumns, in batches of 64 pixels. Here all members are
trained in one batched module, on hypercolumns gathered at sampled pixels only, which they see in different order.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from operator import itemgetter

import torch

from models.arrays import Codes
from models.generators.generator import Generator
from models.labels.compact import compress
from models.labels.drawing import labelled_pixels, pixel_weights
from models.labels.ensemble import Ensemble, EnsembleConfig, EnsembleKind
from models.labels.features import DrawnPixels, LabelledFeatures, synthesis_batch
from models.tasks.keypoints import KeypointTask
from models.tasks.segmentation import SegmentationTask
from models.tasks.task import Scale
from models.tasks.task_set import Labels, TaskSet


@dataclass(frozen=True, kw_only=True)
class EnsembleOptions:
    """The shape and the training of the ensemble. `batch_pixels` counts pixels per member and step.

    A compact ensemble is the paper's with its first layers reduced to `rank` dimensions after training. Taps of less
    than `min_tap_px` are not read: whether they help depends on the domain (benchmarks/LOG.md).
    `images_per_round` and `cache_bytes` bound the memory that feature maps take. `balance`, `boundary_share` and
    `keypoint_share` say where pixels are drawn (see `drawing.py`); together the two shares are at most 1. On portraits
    a balance of 0.5 gave four thin classes 1 to 12 points of IoU with 50 labels; shares for boundaries and keypoints
    gave nothing, so their default is 0. All defaults are in `contracts/fits/options.py`.
    """

    kind: EnsembleKind
    rank: int
    min_tap_px: int
    num_members: int
    hidden: tuple[int, int]
    steps: int
    batch_pixels: int
    images_per_round: int
    learning_rate: float
    cache_bytes: int
    balance: float
    boundary_share: float
    keypoint_share: float

    @property
    def focus_shares(self) -> dict[str, float]:
        """The share of the pixels set aside for the focus of each task."""
        return {
            SegmentationTask.name: self.boundary_share,
            KeypointTask.name: self.keypoint_share,
        }


def train_ensemble(
    generator: Generator,
    codes: Codes,
    labels: Labels,
    *,
    tasks: TaskSet,
    options: EnsembleOptions,
    seed: int,
    on_step: Callable[[int, int], None] | None = None,
) -> Ensemble:
    """Minimise the tasks' losses on drawn pixels of the labelled images: Adam with a cosine schedule.

    `on_step(done, total)` is called after every step; its exceptions pass through. The same seed on the same machine
    gives the same ensemble.

    Raises:
        ValueError: a task has no labels, or an image has nothing labelled.
    """
    labels = labels.of(tasks).to(codes.device)
    _check_labelled(labels, tasks)
    config = EnsembleConfig(
        tap_channels=generator.layout.tap_channels,
        tasks=tasks,
        hidden=options.hidden,
        num_members=options.num_members,
        first_tap=generator.layout.first_tap(options.min_tap_px),
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        ensemble = Ensemble(config).to(codes.device)
        scales = {task.name: task.scale(labels[task.name], options.balance) for task in tasks}
        data = LabelledFeatures(
            generator,
            codes,
            _standardize(labels, scales),
            tasks,
            weigh=partial(pixel_weights, tasks=tasks, scales=scales, shares=options.focus_shares),
            first_tap=config.first_tap,
            cache_bytes=options.cache_bytes,
            most_images=options.images_per_round,
        )
        optimizer = torch.optim.Adam(ensemble.parameters(), lr=options.learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.steps)
        for done, drawn in enumerate(_batches(data, options), start=1):
            loss = tasks.loss(ensemble(drawn.columns), drawn.targets)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            if on_step is not None:
                on_step(done, options.steps)
        _undo(scales, ensemble)
    if options.kind == "compact":
        fitting = synthesis_batch(generator, options.cache_bytes)
        batch = min(fitting, options.images_per_round)
        ensemble = compress(
            ensemble, generator, codes, rank=options.rank, seed=seed, micro_batch=batch
        )
    return ensemble.eval().requires_grad_(False)


def _standardize(labels: Labels, scales: Mapping[str, Scale]) -> Labels:
    """Return the labels of each task in the unit of its loss."""
    return Labels(
        labels.label_px,
        **{name: scale.standardize(labels[name]) for name, scale in scales.items()},
    )


@torch.no_grad()
def _undo(scales: Mapping[str, Scale], ensemble: Ensemble) -> None:
    """Change the last layer so that it predicts for the true class shares and in the labels' own units."""
    weights = ensemble.config.tasks.split(ensemble.layer3.weight, dim=-1)
    biases = ensemble.config.tasks.split(ensemble.layer3.bias, dim=-1)
    for name, scale in scales.items():
        scale.undo(weights[name], biases[name])


def _batches(data: LabelledFeatures, options: EnsembleOptions) -> Iterator[DrawnPixels]:
    """Yield `steps` batches. A round gathers one batch per member, and every member sees each of them in turn."""
    members, left = options.num_members, options.steps
    rounds = data.rounds(
        math.ceil(left / members),
        images=options.images_per_round,
        pixels=members * options.batch_pixels,
    )
    for drawn in rounds:
        once = drawn.each(lambda x: x.unflatten(0, (members, options.batch_pixels)))
        # Twice in a row, so that every turn of the circle is a slice and nothing is copied.
        twice = once.each(lambda x: torch.cat([x, x]))
        for turn in range(min(members, left)):
            yield twice.each(itemgetter(slice(turn, turn + members)))
        left -= members


def _check_labelled(labels: Labels, tasks: TaskSet) -> None:
    images = torch.arange(len(labels), device=labels.device).split(1)
    empty = [
        int(one) for one in images if not bool(labelled_pixels(labels.select(one), tasks).any())
    ]
    if empty:
        raise ValueError(
            f"images {empty} have nothing labelled; label something in them or leave them out"
        )
