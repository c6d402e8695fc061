"""The ensemble of small MLPs from hypercolumns to labels (HandsOff, arXiv 2212.12645, section 3.2), all in one module.

Each member is Linear-ReLU-BatchNorm, Linear-ReLU-BatchNorm, Linear. This form trains on single pixels; `lean_head.py`
labels whole images with the same weights. A compact ensemble (`compact.py`) has one projection before all members.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.arrays import Taps
from models.json_config import JsonConfig
from models.tasks.registry import TASKS
from models.tasks.task import Task
from models.tasks.task_set import TaskSet

NORM_EPSILON = 1e-5
NORM_MOMENTUM = 0.1
INIT_STD = 0.02
"""Initial weights are normal with this standard deviation, as in the code of DatasetGAN, which the paper follows."""

EnsembleKind = Literal["compact", "paper"]


@dataclass(frozen=True, kw_only=True)
class EnsembleConfig(JsonConfig):
    """`tap_channels` are the generator's feature taps in order, `tasks` the meaning of the last layer's outputs.

    Taps before `first_tap`, those of the lowest resolutions, are not read. `rank` is the number of values that the
    members of a compact ensemble read at a pixel; None is the paper's ensemble, whose members read all channels.
    """

    tap_channels: tuple[int, ...]
    tasks: TaskSet
    hidden: tuple[int, int] = (64, 32)
    num_members: int = 10
    rank: int | None = None
    first_tap: int = 0

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

    @classmethod
    def from_dict(
        cls, values: dict[str, Any], kinds: Sequence[type[Task]] = TASKS
    ) -> "EnsembleConfig":
        """Undo `to_dict`, also for values from JSON. `kinds` are the tasks that the ensemble may have."""
        return super().from_dict({**values, "tasks": TaskSet.from_dict(values["tasks"], kinds)})


class MemberNorm(nn.Module):
    """Batch normalization with separate statistics and scale for every member."""

    mean: Tensor
    variance: Tensor

    def __init__(self, members: int, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(members, width))
        self.shift = nn.Parameter(torch.zeros(members, width))
        self.register_buffer("mean", torch.zeros(members, width))
        self.register_buffer("variance", torch.ones(members, width))

    def forward(
        self, x: Float[Tensor, "members count width"]
    ) -> Float[Tensor, "members count width"]:
        if self.training:
            # The running variance is the biased one too: of 256 pixels, 0.4% less than torch's own layer keeps.
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
        return torch.baddbmm(self.bias[:, None], x, self.weight)


class Ensemble(nn.Module):
    """All members (ten by default), trained at once in batched products."""

    def __init__(self, config: EnsembleConfig) -> None:
        super().__init__()
        self.config = config
        members, (first, second) = config.num_members, config.hidden
        self.projection = None
        if config.rank is not None:
            self.projection = nn.Parameter(torch.zeros(sum(config.read_channels), config.rank))
        self.layer1 = MemberLinear(members, sum(config.member_channels), first)
        self.norm1 = MemberNorm(members, first)
        self.layer2 = MemberLinear(members, first, second)
        self.norm2 = MemberNorm(members, second)
        self.layer3 = MemberLinear(members, second, config.tasks.outputs)

    def forward(
        self, columns: Float[Tensor, "members count channels"]
    ) -> Float[Tensor, "members count outputs"]:
        """Return the raw outputs of each member at its pixels; the input is what `hypercolumns.gather` returns."""
        if self.projection is not None:
            columns = columns @ self.projection
        x = self.norm1(self.layer1(columns).relu())
        x = self.norm2(self.layer2(x).relu())
        return self.layer3(x)  # type: ignore[no-any-return]


def build_ensemble(
    config: dict[str, Any], tensors: dict[str, Tensor], kinds: Sequence[type[Task]] = TASKS
) -> Ensemble:
    """Return a frozen ensemble in evaluation mode from its JSON and its tensors."""
    ensemble = Ensemble(EnsembleConfig.from_dict(config, kinds))
    ensemble.load_state_dict(tensors)
    return ensemble.eval().requires_grad_(False)
