"""Training of the ensemble: codes of labeled images and their labels in, a trained ensemble out.

HandsOff (arXiv 2212.12645) trains each MLP alone on stored full-resolution hypercolumns, in batches of 64
pixels. Here one batched module trains all members, on hypercolumns gathered at sampled pixels only, which the members
see in different order.

The number of steps is fixed: the quality on 60 held-out portraits, measured during training, never fell toward the end
by more than noise, so an early stop would only cost labels (benchmarks/LOG.md, "A fit in little memory").
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch

from models.arrays import Codes
from models.generators.generator import Generator
from models.labels.compact import compress
from models.labels.course import Course
from models.labels.drawing import labelled_pixels, pixel_weights
from models.labels.ensemble import Ensemble, EnsembleConfig, EnsembleKind
from models.labels.features import LabelledFeatures, synthesis_batch
from models.labels.losses import LossPoint
from models.states import AT_START, Resumption
from models.tasks.keypoints import KeypointTask
from models.tasks.mirroring import Swaps
from models.tasks.segmentation import SegmentationTask
from models.tasks.task import Scale
from models.tasks.task_set import Labels, TaskSet

OnStep = Callable[[int, int], None]
OnLosses = Callable[[list[LossPoint]], None]


@dataclass(frozen=True, kw_only=True)
class EnsembleOptions:
    """The sizes and the training of the ensemble. The defaults are in `contracts/fits/options.py`."""

    kind: EnsembleKind  # compact: the paper's ensemble, its first layers reduced to `rank` dimensions after training
    rank: int
    min_tap_px: (
        int  # taps below it are not read; whether they help depends on the domain (decision 0020)
    )
    num_members: int
    hidden: tuple[int, int]
    steps: int
    batch_pixels: int  # per member and step; the paper's code takes 64
    images_per_round: int  # this and `cache_bytes` bound the memory of feature maps
    learning_rate: float  # at the start of the cosine schedule
    cache_bytes: int
    # Where pixels are drawn, see `drawing.py`; both shares together are at most 1. On portraits a balance of 0.5 gave
    # four thin classes 1 to 12 points of IoU with 50 labels; the shares gained nothing, so their default is 0.
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


def train_ensemble(  # noqa: PLR0913 - keyword-only, most with a default
    generator: Generator,
    codes: Codes,
    labels: Labels,
    *,
    tasks: TaskSet,
    options: EnsembleOptions,
    seed: int,
    swaps: Swaps | None = None,
    on_step: OnStep | None = None,
    on_losses: OnLosses | None = None,
    resumption: Resumption = AT_START,
) -> Ensemble:
    """Minimize the tasks' losses on drawn pixels of the labeled images: Adam with a cosine schedule.

    With `swaps` the ensemble will also label mirrored images, so the codes should include some.
    `on_step(done, total)` is called after every step; its exceptions pass through. `on_losses` gets the curve of the
    loss at the end. The same seed on the same machine gives the same ensemble and curve, also when it continues from a
    state.

    Raises:
        StateRefused: the state is not one of this training.
        ValueError: a task has no labels, or an image has no labeled pixel.
    """
    labels = labels.of(tasks).to(codes.device)
    _check_labelled(labels, tasks)
    # Always the paper's ensemble here; a compact one is derived from it below.
    config = EnsembleConfig(
        tap_channels=generator.layout.tap_channels,
        tasks=tasks,
        hidden=options.hidden,
        num_members=options.num_members,
        first_tap=generator.layout.first_tap(options.min_tap_px),
        swaps=None if swaps is None else {name: list(swap) for name, swap in swaps.items()},
    )
    # Weights, drawn pixels and their order all follow from `seed`; torch's random state is restored afterwards.
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        ensemble = Ensemble(config).to(codes.device)
        course = Course(ensemble, steps=options.steps, learning_rate=options.learning_rate)
        if resumption.state is not None:
            course.load(resumption.state, codes.device)
            if on_step is not None:
                on_step(course.step, options.steps)
        scales = {task.name: task.scale(labels[task.name], options.balance) for task in tasks}
        if course.step < options.steps:
            # [images, h, w] labels in units of the losses; features are read, and cached, by `data`
            data = LabelledFeatures(
                generator,
                codes,
                _standardize(labels, scales),
                tasks,
                weigh=partial(
                    pixel_weights, tasks=tasks, scales=scales, shares=options.focus_shares
                ),
                first_tap=config.first_tap,
                cache_bytes=options.cache_bytes,
                most_images=options.images_per_round,
            )
            _train(course, data, tasks, options, resumption=resumption, on_step=on_step)
        if on_losses is not None:
            on_losses(course.losses.points(options.num_members))
        # The stored ensemble predicts in the labels' units: rendering knows no scales.
        _undo(scales, ensemble)
    if options.kind == "compact":
        fitting = synthesis_batch(generator, options.cache_bytes)
        batch = min(fitting, options.images_per_round)
        ensemble = compress(
            ensemble, generator, codes, rank=options.rank, seed=seed, micro_batch=batch
        )
    return ensemble.eval().requires_grad_(False)


def _train(
    course: Course,
    data: LabelledFeatures,
    tasks: TaskSet,
    options: EnsembleOptions,
    *,
    resumption: Resumption,
    on_step: OnStep | None,
) -> None:
    """Take the steps that are left."""
    for drawn in course.batches(
        data, images=options.images_per_round, batch_pixels=options.batch_pixels
    ):
        # columns [members, batch_pixels, channels]; the sum over members gives each its own gradient
        course.advance(tasks.loss(course.ensemble(drawn.columns), drawn.targets))
        # before the callback, whose exceptions end the training
        resumption.offer(course.state, is_last=course.step == options.steps)
        if on_step is not None:
            on_step(course.step, options.steps)


def _standardize(labels: Labels, scales: Mapping[str, Scale]) -> Labels:
    """Return the labels of each task in the unit of its loss."""
    return Labels(
        labels.label_px,
        **{name: scale.standardize(labels[name]) for name, scale in scales.items()},
    )


@torch.no_grad()
def _undo(scales: Mapping[str, Scale], ensemble: Ensemble) -> None:
    """Change the last layer so that it predicts for the true class shares and in the units of the labels."""
    # views of [members, hidden2, outputs] and [members, outputs], changed in place
    weights = ensemble.config.tasks.split(ensemble.layer3.weight, dim=-1)
    biases = ensemble.config.tasks.split(ensemble.layer3.bias, dim=-1)
    for name, scale in scales.items():
        scale.undo(weights[name], biases[name])


def _check_labelled(labels: Labels, tasks: TaskSet) -> None:
    # image by image, which bounds the memory
    images = torch.arange(len(labels), device=labels.device).split(1)
    empty = [
        int(one) for one in images if not bool(labelled_pixels(labels.select(one), tasks).any())
    ]
    if empty:
        raise ValueError(
            f"images {empty} have nothing labelled; label something in them or leave them out"
        )
