"""The ensemble of small MLPs from hypercolumns to labels (HandsOff, arXiv 2212.12645), all in one module.

Each member is Linear-ReLU-BatchNorm, Linear-ReLU-BatchNorm, Linear. This form trains on single pixels; `lean_head.py`
labels whole images with the same weights. A compact ensemble (`compact.py`) has one projection before all members.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.arrays import Taps
from models.json_config import JsonConfig
from models.tasks.task import Task
from models.tasks.task_set import TaskSet

NORM_EPSILON = 1e-5  # both as in torch's BatchNorm1d
NORM_MOMENTUM = 0.1
# Initial weights are normal with this standard deviation, as in the code of DatasetGAN, which the paper follows.
INIT_STD = 0.02

EnsembleKind = Literal["compact", "paper"]


@dataclass(frozen=True, kw_only=True)
class EnsembleConfig(JsonConfig):
    """The sizes of an ensemble and the meaning of its outputs: the JSON beside its weights."""

    tap_channels: tuple[int, ...]  # of all of the generator's feature taps, in order
    tasks: TaskSet  # the meaning of the last layer's outputs
    # A first layer of a quarter of the paper's width. 128-32 gave the same mIoU (0.0 +- 0.1 points; LOG.md, "Members,
    # balance and feature taps").
    hidden: tuple[int, int] = (64, 32)
    # As in the paper; 1 member has 0.9 points less mIoU, 3 have 0.7 less (same section).
    num_members: int = 10
    # Values that the members of a compact ensemble read at a pixel; None = the paper's ensemble, which reads all
    # channels.
    rank: int | None = None
    # The first tap that is read. Without taps below 16 px portraits gained 1.7 to 2.1 points of held-out mIoU,
    # photographs lost 1.8 (LOG.md, "The coarsest features"), so all taps are the default.
    first_tap: int = 0
    # How names change in mirrored images, if the members also label those and vote twice (decision 0055).
    swaps: dict[str, list[int]] | None = field(default=None, hash=False)

    def read(self, taps: Sequence[Tensor]) -> Taps:
        """Return the taps that the members read."""
        return list(taps[self.first_tap :])

    @property
    def read_channels(self) -> tuple[int, ...]:
        """The channels of the taps that the members read."""
        return self.tap_channels[self.first_tap :]

    @property
    def member_channels(self) -> tuple[int, ...]:
        """The inputs of the first layers, map by map."""
        return self.read_channels if self.rank is None else (self.rank,)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON has them."""
        return {**super().to_dict(), "tasks": self.tasks.to_dict()}


class MemberNorm(nn.Module):
    """Batch normalization with separate statistics and scale for every member."""

    mean: Tensor
    variance: Tensor

    def __init__(self, members: int, width: int) -> None:
        super().__init__()
        # [members, width] each: gamma and beta of Ioffe and Szegedy (arXiv 1502.03167, algorithm 1), running statistics
        self.scale = nn.Parameter(torch.ones(members, width))
        self.shift = nn.Parameter(torch.zeros(members, width))
        self.register_buffer("mean", torch.zeros(members, width))
        self.register_buffer("variance", torch.ones(members, width))

    def forward(
        self, x: Float[Tensor, "members count width"]
    ) -> Float[Tensor, "members count width"]:
        if self.training:
            # The running variance is the biased one too: of 256 pixels, 0.4% less than torch's own layer keeps.
            # Over the pixels of a batch: [members, count, width] => [members, width].
            variance, mean = torch.var_mean(x, dim=1, correction=0)
            self.mean.lerp_(mean.detach(), NORM_MOMENTUM)
            self.variance.lerp_(variance.detach(), NORM_MOMENTUM)
        else:
            mean, variance = self.mean, self.variance
        # (x - mean) / std * scale + shift as one factor and one offset per member.
        scale = self.scale * torch.rsqrt(variance + NORM_EPSILON)
        return x * scale[:, None] + (self.shift - mean * scale)[:, None]

    def affine(self, member: int) -> tuple[Float[Tensor, " width"], Float[Tensor, " width"]]:
        """Return the factor and the offset that evaluation applies for one member."""
        scale = self.scale[member] * torch.rsqrt(self.variance[member] + NORM_EPSILON)
        return scale, self.shift[member] - self.mean[member] * scale


class MemberLinear(nn.Module):
    """One dense layer for each member, in one batched product; weights [members, inputs, outputs]."""

    def __init__(self, members: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(members, inputs, outputs) * INIT_STD)
        self.bias = nn.Parameter(torch.zeros(members, outputs))

    def forward(
        self, x: Float[Tensor, "members count inputs"]
    ) -> Float[Tensor, "members count outputs"]:
        # [members, count, inputs] by [members, inputs, outputs] => [members, count, outputs], plus the bias
        return torch.baddbmm(self.bias[:, None], x, self.weight)


class Ensemble(nn.Module):
    """All members (ten by default), trained at once in batched products."""

    def __init__(self, config: EnsembleConfig) -> None:
        super().__init__()
        self.config = config
        members, (first, second) = config.num_members, config.hidden
        self.projection = None
        if config.rank is not None:
            # zeros until `compress` fills in the trained projection
            self.projection = nn.Parameter(torch.zeros(sum(config.read_channels), config.rank))
        # channels (or rank) => hidden1 => hidden2 => outputs of all tasks
        self.layer1 = MemberLinear(members, sum(config.member_channels), first)
        self.norm1 = MemberNorm(members, first)
        self.layer2 = MemberLinear(members, first, second)
        self.norm2 = MemberNorm(members, second)
        self.layer3 = MemberLinear(members, second, config.tasks.outputs)

    def forward(
        self, columns: Float[Tensor, "members count channels"]
    ) -> Float[Tensor, "members count outputs"]:
        """Return the raw outputs of each member at its pixels; the input is what `hypercolumns.gather` returns."""
        # [members, count, channels] => [.., hidden1] => [.., hidden2] => [.., outputs]. ReLU before the normalization,
        # as in DatasetGAN's pixel classifier: so the normalization can be folded into the next layer.
        if self.projection is not None:
            columns = columns @ self.projection
        x = self.norm1(self.layer1(columns).relu())
        x = self.norm2(self.layer2(x).relu())
        return self.layer3(x)  # type: ignore[no-any-return]


def build_ensemble(
    config: dict[str, Any], tensors: dict[str, Tensor], kinds: Sequence[type[Task]]
) -> Ensemble:
    """Return a frozen ensemble in evaluation mode from its JSON and its tensors. `kinds` are its possible tasks."""
    tasks = TaskSet.from_dict(config["tasks"], kinds)
    ensemble = Ensemble(EnsembleConfig.from_dict({**config, "tasks": tasks}))
    ensemble.load_state_dict(tensors)
    return ensemble.eval().requires_grad_(False)
