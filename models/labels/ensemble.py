"""The ensemble of small MLPs from hypercolumns to labels (HandsOff, arXiv 2212.12645, section 3.2), all in one module.

Each member is Linear-ReLU-BatchNorm, Linear-ReLU-BatchNorm, Linear. The first layer is linear, bilinear upsampling acts
on each channel alone, so they commute: W1 [up(f_1); ...; up(f_L)] = sum_l up(W1_l f_l). `maps` uses that, `forward` is
the plain form.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.arrays import FeatureMaps
from models.json_config import JsonConfig
from models.labels.hypercolumns import upsample_to
from models.labels.tasks import TaskSet

NORM_EPSILON = 1e-5
NORM_MOMENTUM = 0.1
INIT_DEVIATION = 0.02

HiddenMaps = Float[Tensor, "batch height width hidden"]


@dataclass(frozen=True, kw_only=True)
class EnsembleConfig(JsonConfig):
    """`tap_channels` are the generator's feature taps in order, `tasks` what the last layer's outputs mean."""

    tap_channels: tuple[int, ...]
    tasks: TaskSet
    hidden: tuple[int, int] = (64, 32)
    num_members: int = 10

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "EnsembleConfig":
        """Undo `to_dict`, also after a trip through JSON."""
        return super().from_dict({**values, "tasks": TaskSet.from_dict(values["tasks"])})


class MemberNorm(nn.Module):
    """Batch normalisation with statistics and scale of its own for every member."""

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
            variance, mean = torch.var_mean(x, dim=1, correction=0)
            self.mean.lerp_(mean.detach(), NORM_MOMENTUM)
            self.variance.lerp_(variance.detach(), NORM_MOMENTUM)
        else:
            mean, variance = self.mean, self.variance
        scale = self.scale * torch.rsqrt(variance + NORM_EPSILON)
        return x * scale[:, None] + (self.shift - mean * scale)[:, None]

    def affine(self, member: int) -> tuple[Float[Tensor, " width"], Float[Tensor, " width"]]:
        """The factor and the offset that evaluation applies for one member."""
        scale = self.scale[member] * torch.rsqrt(self.variance[member] + NORM_EPSILON)
        return scale, self.shift[member] - self.mean[member] * scale


class MemberLinear(nn.Module):
    """One dense layer for every member, weights [members, inputs, outputs]."""

    def __init__(self, members: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(members, inputs, outputs) * INIT_DEVIATION)
        self.bias = nn.Parameter(torch.zeros(members, outputs))

    def forward(
        self, x: Float[Tensor, "members count inputs"]
    ) -> Float[Tensor, "members count outputs"]:
        return torch.baddbmm(self.bias[:, None], x, self.weight)


class Ensemble(nn.Module):
    """Ten (or so) MLPs that are trained at once and rendered one by one."""

    def __init__(self, config: EnsembleConfig) -> None:
        super().__init__()
        self.config = config
        members, (first, second) = config.num_members, config.hidden
        self.layer1 = MemberLinear(members, sum(config.tap_channels), first)
        self.norm1 = MemberNorm(members, first)
        self.layer2 = MemberLinear(members, first, second)
        self.norm2 = MemberNorm(members, second)
        self.layer3 = MemberLinear(members, second, config.tasks.outputs)

    def forward(
        self, columns: Float[Tensor, "members count channels"]
    ) -> Float[Tensor, "members count outputs"]:
        """Raw outputs of every member at pixels of its own; hypercolumns as `hypercolumns.gather` gives them."""
        x = self.norm1(self.layer1(columns).relu())
        x = self.norm2(self.layer2(x).relu())
        return self.layer3(x)  # type: ignore[no-any-return]

    def maps(self, taps: Sequence[Tensor], label_px: tuple[int, int]) -> Iterator[FeatureMaps]:
        """Raw outputs [n, outputs, h, w] at every pixel, member by member.

        Only one member's hidden map exists at a time. Uses the running statistics, whatever mode the module is in.
        """
        for member in range(self.config.num_members):
            hidden = self._first_layer(taps, label_px, member).relu_()
            hidden = self._dense(hidden, self.layer2, member, self.norm1).relu_()
            yield self._dense(hidden, self.layer3, member, self.norm2).permute(0, 3, 1, 2)

    def _first_layer(
        self, taps: Sequence[Tensor], label_px: tuple[int, int], member: int
    ) -> HiddenMaps:
        """W1 applied at each tap's own resolution, then upsampled and added; taps of one size share the upsampling.

        Channels stay last all the way: the dense layers are matrix products then, and nothing is laid out anew.
        """
        slices = self.layer1.weight[member].split(self.config.tap_channels)
        by_size: dict[tuple[int, ...], Tensor] = {}
        for tap, weight in zip(taps, slices, strict=True):
            part = tap.permute(0, 2, 3, 1) @ weight
            size = tuple(tap.shape[2:])
            by_size[size] = by_size[size].add_(part) if size in by_size else part
        upsampled = (upsample_to(x.permute(0, 3, 1, 2), label_px) for x in by_size.values())
        total = next(upsampled)
        for part in upsampled:
            total.add_(part)
        return total.permute(0, 2, 3, 1).add_(self.layer1.bias[member])

    def _dense(
        self, x: HiddenMaps, layer: MemberLinear, member: int, norm: MemberNorm
    ) -> Float[Tensor, "batch height width outputs"]:
        """The normalisation before a layer, folded into the layer's own weights."""
        scale, shift = norm.affine(member)
        weight, bias = layer.weight[member], layer.bias[member]
        outputs: Tensor = x @ (scale[:, None] * weight) + (bias + shift @ weight)
        return outputs


def build_ensemble(config: dict[str, Any], tensors: dict[str, Tensor]) -> Ensemble:
    """A frozen ensemble in evaluation mode from its JSON and its tensors."""
    ensemble = Ensemble(EnsembleConfig.from_dict(config))
    ensemble.load_state_dict(tensors)
    return ensemble.eval().requires_grad_(False)
