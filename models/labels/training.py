"""Fits the ensemble: W+ codes of labelled images and their labels in, a trained ensemble out.

The paper trains each MLP alone on stored full-resolution hypercolumns, in batches of 64 pixels. Here all members are
trained in one batched module, on hypercolumns gathered at sampled pixels only, which they see in different order.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from operator import itemgetter

import torch

from models.arrays import StyleCodes
from models.generators.stylegan2.generator import Generator
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
    """How the ensemble is shaped and trained. `batch_pixels` counts pixels per member and step.

    A compact ensemble is the paper's, its first layers reduced to `rank` dimensions once they are trained. Taps of less
    than `min_tap_px` are not read: whether they help depends on the domain (benchmarks/LOG.md).
    `images_per_round` and `cache_bytes` bound the memory that feature maps take. `balance`, `boundary_share` and
    `keypoint_share` say where pixels are drawn (see `drawing.py`). On portraits a balance of 0.5 gave four thin classes
    1 to 12 points of IoU with 50 labels; shares set aside for boundaries and keypoints gave nothing, so they are 0.
    """

    kind: EnsembleKind = "compact"
    rank: int = 96
    min_tap_px: int = 0
    num_members: int = 10
    hidden: tuple[int, int] = (64, 32)
    steps: int = 1500
    batch_pixels: int = 256
    images_per_round: int = 16
    learning_rate: float = 3e-3
    cache_bytes: int = 1 << 30
    balance: float = 0.5
    boundary_share: float = 0.0
    keypoint_share: float = 0.0

    def __post_init__(self) -> None:
        aside = self.boundary_share + self.keypoint_share
        if aside > 1:
            raise ValueError(
                f"boundary_share and keypoint_share set {aside:.0%} of the pixels aside; "
                "their sum must be at most 1"
            )

    @property
    def focus_shares(self) -> dict[str, float]:
        """The share of the pixels set aside for the focus of each task."""
        return {
            SegmentationTask.name: self.boundary_share,
            KeypointTask.name: self.keypoint_share,
        }


def train_ensemble(
    generator: Generator,
    ws: StyleCodes,
    labels: Labels,
    *,
    tasks: TaskSet,
    options: EnsembleOptions,
    seed: int,
    on_step: Callable[[int, int], None] | None = None,
) -> Ensemble:
    """The tasks' losses on drawn pixels of the labelled images, Adam with a cosine schedule.

    `on_step(done, total)` is called after every step; what it raises passes through. The same seed on the same
    machine gives the same ensemble.

    Raises:
        ValueError: a task has no labels, or an image has nothing labelled.
    """
    labels = labels.of(tasks).to(ws.device)
    _check_labelled(labels, tasks)
    config = EnsembleConfig(
        tap_channels=generator.config.tap_channels,
        tasks=tasks,
        hidden=options.hidden,
        num_members=options.num_members,
        first_tap=generator.config.first_tap(options.min_tap_px),
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        ensemble = Ensemble(config).to(ws.device)
        scales = {task.name: task.scale(labels[task.name], options.balance) for task in tasks}
        data = LabelledFeatures(
            generator,
            ws,
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
            ensemble, generator, ws, rank=options.rank, seed=seed, micro_batch=batch
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
    """`steps` batches. A round gathers as many batches as there are members; the members pass them on in a circle."""
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
