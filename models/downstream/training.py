"""Training of a downstream network: labelled images in, the network with the best weights on a validation share out.

The step budget and the schedule are equal in every arm of an evaluation. Early stopping looks back: all steps are
taken, and the weights of the best look at the validation images are kept. They are training images, never test images.
With few real images none is kept back and the last weights count: a fifth of 16 labels cost 6 points of mIoU in two
draws, which would make real images alone look worse than they are (benchmarks/LOG.md, "Downstream networks").
The same seed on the same machine gives the same network, also when a training continues from a saved state.
"""

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import nn

from models.downstream import batches
from models.downstream.adapted import NetworkBuilder
from models.downstream.batches import Lesson, Source
from models.downstream.frozen import FeatureFunction, FrozenHead, tap_channels
from models.downstream.network import DownstreamNetwork
from models.downstream.options import DownstreamOptions
from models.downstream.pairs import Pairs
from models.downstream.state import Best, pack_state, unpack_state
from models.downstream.unet import UNet, UNetConfig
from models.labels.cross_validation import deal_folds
from models.states import StateRefused
from models.tasks.mirroring import Swaps
from models.tasks.task import Scale
from models.tasks.task_set import Labels, TaskSet

WARM_UP = 0.05  # the share of the steps with a rising learning rate
VALIDATION_BATCH = 32
MAX_VALIDATED = 100  # more say nothing new, and every look would take longer
CPU = torch.device("cpu")


class TrainingStopped(Exception):
    """The caller asked a training to stop. `state` continues it."""

    def __init__(self, state: bytes) -> None:
        super().__init__("the training stopped on request")
        self.state = state


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that a training is made from.

    `swaps` exchange left and right names in mirrored images; without them no image is mirrored. `build` replaces the
    U-Net by another network, `features` by a head on a frozen network.
    """

    pairs: Pairs
    tasks: TaskSet
    options: DownstreamOptions
    seed: int
    swaps: Swaps | None = None
    build: NetworkBuilder | None = None
    features: FeatureFunction | None = None
    device: torch.device = CPU


def train(
    plan: Plan,
    *,
    state: bytes | None = None,
    on_step: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> DownstreamNetwork:
    """Train and return the network with its best weights. `on_step(done, total)` is called after every step.

    A state of another network, as after an update of the library that builds it, is ignored.

    Raises:
        ValueError: a task has no labels.
        TrainingStopped: `should_stop` returned true.
    """
    training = _Training(plan)
    if state is not None:
        with suppress(StateRefused):
            training.load(state)
    while training.step < plan.options.steps:
        if should_stop is not None and should_stop():
            raise TrainingStopped(training.save())
        training.advance()
        if on_step is not None:
            on_step(training.step, plan.options.steps)
    return training.finish()


class _Training:
    """A training between its steps: the network, its optimizer and the best weights so far."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.step = plan, 0
        pairs, options = plan.pairs, plan.options
        labels = pairs.labels.of(plan.tasks)
        pairs = Pairs(pairs.images, labels, pairs.parts)
        held_out = validation_rows(pairs, plan.tasks, options, plan.seed)
        training = pairs.without(held_out)
        # Scales are measured on the training images alone.
        scales = {
            task.name: task.scale(training.labels[task.name], options.balance)
            for task in plan.tasks
        }
        self.lesson = Lesson(plan.tasks, scales, options.pixels)
        odds = batches.image_odds(training.labels, plan.tasks, training.parts, options.balance)
        self.source = Source.of(
            _standardized(training, scales),
            odds,
            tasks=plan.tasks,
            swaps=plan.swaps if options.flip else None,
            device=plan.device,
        )
        self.validation: Source | None = None
        if len(held_out):
            kept = _standardized(pairs.select(held_out), scales)
            even = torch.ones(len(kept))
            self.validation = Source.of(
                kept, even, tasks=plan.tasks, swaps=None, device=plan.device
            )
        self.module = _network(plan)
        self.optimizer = torch.optim.AdamW(
            [one for one in self.module.parameters() if one.requires_grad],
            lr=options.learning_rate,
            weight_decay=options.weight_decay,
        )
        self.best = Best(math.inf, 0, {})

    def advance(self) -> None:
        """Take one step, and look at the validation images when it is time."""
        options = self.plan.options
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, options)
        self.module.train()
        loss = batches.training_loss(
            self.module,
            self.source,
            self.lesson,
            options,
            seed=(self.plan.seed * batches.SEED_STRIDE + self.step) % 2**63,
        )
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.step += 1
        if self.step in looks(options):
            self._look()

    def _look(self) -> None:
        """Keep the weights if they are the best so far; without validation images the last ones are."""
        loss = 0.0
        if self.validation is not None:
            self.module.eval()
            loss = batches.mean_loss(
                self.module, self.validation, self.lesson, batch=VALIDATION_BATCH
            )
        if self.validation is None or loss < self.best.loss or not self.best.weights:
            weights = {name: one.clone() for name, one in self.module.state_dict().items()}
            self.best = Best(loss, self.step, weights)

    def finish(self) -> DownstreamNetwork:
        """Return the network with its best weights, in the unit of the labels."""
        self.module.load_state_dict(self.best.weights)
        _undo(self.module, self.plan.tasks, self.lesson.scales)
        self.module.eval().requires_grad_(False)
        return DownstreamNetwork(self.module, self.plan.tasks, self.best.step)

    def save(self) -> bytes:
        return pack_state(self.step, self.module, self.optimizer, self.best)

    def load(self, state: bytes) -> None:
        self.step, self.best = unpack_state(state, self.module, self.optimizer)


def validation_rows(
    pairs: Pairs, tasks: TaskSet, options: DownstreamOptions, seed: int
) -> torch.Tensor:
    """Return the rows of the first part that are kept for validation: a fold in which rare classes are spread."""
    count, share = pairs.parts[0].count, options.validation_share
    if count < max(options.min_validated, 2) or share <= 0:
        return torch.zeros(0, dtype=torch.int64)
    rows = torch.arange(count)
    first = pairs.labels.select(rows)
    traits = torch.cat([task.traits(first[task.name]) for task in tasks], dim=1)
    # The last fold: the first takes the rarest images, which training needs more.
    folds = deal_folds(traits, max(round(1 / share), 2), seed)
    return folds[-1][:MAX_VALIDATED]


def looks(options: DownstreamOptions) -> set[int]:
    """Return the steps after which validation looks: the last one, and others in the second half.

    In the first half the learning rate is high and no weights are good.
    """
    half = options.steps // 2
    count = max(options.checks, 1)
    return {half + (options.steps - half) * number // count for number in range(1, count + 1)}


def learning_rate(step: int, options: DownstreamOptions) -> float:
    """Return the rate of a step: a linear warm-up, then a cosine to zero."""
    warm = min((step + 1) / max(options.steps * WARM_UP, 1), 1.0)
    return options.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * step / options.steps))


def _network(plan: Plan) -> nn.Module:
    # First weights come from the seed alone, and the process's random numbers stay as they were.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        if plan.build is not None:
            module = plan.build(plan.tasks.outputs)
        elif plan.features is None:
            config = UNetConfig(outputs=plan.tasks.outputs, channels=plan.options.channels)
            module = UNet(config)
        else:
            one = plan.pairs.images[:1].to(plan.device).float() / 127.5 - 1.0
            channels = tap_channels(plan.features, one)
            module = FrozenHead(plan.features, channels, plan.tasks.outputs)
    # `channels_last` is 1.2 to 1.5 times faster for such networks on CPUs.
    return module.to(plan.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]  # torch has no overload with it


def _standardized(pairs: Pairs, scales: Mapping[str, Scale]) -> Pairs:
    tensors = {name: scales[name].standardize(one) for name, one in pairs.labels.by_task.items()}
    return Pairs(pairs.images, Labels(pairs.px, **tensors), pairs.parts)


@torch.no_grad()
def _undo(module: nn.Module, tasks: TaskSet, scales: Mapping[str, Scale]) -> None:
    """Fold the scales into the last layer, a convolution [outputs, channels, height, width] with a bias [outputs]."""
    head = module.get_submodule(str(getattr(module, "last_layer", "head")))
    assert isinstance(head, nn.Conv2d)
    assert head.bias is not None
    # Views with the outputs last, as `Scale.undo` takes them: [channels, height, width, outputs] and [1, outputs].
    weights = tasks.split(head.weight.movedim(0, -1), dim=-1)
    biases = tasks.split(head.bias[None], dim=-1)
    for task in tasks:
        scales[task.name].undo(weights[task.name], biases[task.name])
