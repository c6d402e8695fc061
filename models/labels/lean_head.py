"""The ensemble as it renders whole images: rearranged exactly, so that hidden values exist only as strips in the cache.

The first layer is linear and upsampling acts on each channel alone, so they commute: W1 [up(f_1); ...; up(f_L)] =
sum_l up(W1_l f_l). Normalisations are folded into the layers behind them, once, when the head is made.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from models.arrays import FeatureMaps
from models.labels.ensemble import Ensemble, MemberLinear, MemberNorm
from models.labels.hypercolumns import upsample_to
from models.labels.interpolation import (
    Px,
    Upsampling,
    plan,
    repeat_ends,
    sum_at_vertices,
)

CPU_STRIP_VALUES = 1 << 19
GPU_STRIP_VALUES = 1 << 26
"""Hidden values of one strip: 2 MB stay near a CPU core and outweigh the calls, a GPU wants work for all its cores."""

Strip = Float[Tensor, "rows width hidden"]


@dataclass(frozen=True)
class FirstLayer:
    """What is done at the taps' own sizes: weights [channels, hidden] for every tap, and a bias, in one precision."""

    weights: tuple[Tensor, ...]
    bias: Tensor

    @property
    def hidden(self) -> int:
        return self.bias.numel()

    def to(self, precision: torch.dtype) -> "FirstLayer":
        """The same in another precision."""
        weights = tuple(weight.to(precision) for weight in self.weights)
        return FirstLayer(weights, self.bias.to(precision))


@dataclass(frozen=True)
class Member:
    """One MLP with its normalisations folded into the layers behind them."""

    first: FirstLayer
    second: Tensor
    second_bias: Tensor
    third: Tensor
    third_bias: Tensor

    @classmethod
    def of(
        cls, ensemble: Ensemble, member: int, precision: torch.dtype = torch.float32
    ) -> "Member":
        """Folded as the ensemble is, then rounded."""
        second, second_bias = _folded(ensemble.layer2, ensemble.norm1, member)
        third, third_bias = _folded(ensemble.layer3, ensemble.norm2, member)
        weights = ensemble.layer1.weight[member].split(ensemble.config.member_channels)
        return cls(
            first=FirstLayer(weights, ensemble.layer1.bias[member]).to(precision),
            second=second.to(precision),
            second_bias=second_bias.to(precision),
            third=third.T.contiguous().to(precision),
            third_bias=third_bias[:, None].to(precision),
        )


def _folded(layer: MemberLinear, norm: MemberNorm, member: int) -> tuple[Tensor, Tensor]:
    """Weight and bias of a layer that also does the normalisation before it."""
    scale, shift = norm.affine(member)
    weight = layer.weight[member]
    return scale[:, None] * weight, layer.bias[member] + shift @ weight


class LeanHead:
    """An ensemble made ready for labels of one size; later changes of the ensemble's normalisations do not reach it."""

    def __init__(self, ensemble: Ensemble, label_px: Px, precision: torch.dtype) -> None:
        self._label_px, self._config = label_px, ensemble.config
        members = range(ensemble.config.num_members)
        with torch.no_grad():
            self._members = [Member.of(ensemble, k, precision) for k in members]

    @torch.no_grad()
    def maps(self, taps: Sequence[Tensor]) -> Iterator[FeatureMaps]:
        """Raw outputs [n, outputs, h, w] at every pixel of the label, member by member."""
        sums = FirstLayerSums(self._config.read(taps), self._label_px, self._members[0].first)
        for member in self._members:
            shape = (len(taps[0]), len(member.third), *self._label_px)
            outputs = taps[0].new_empty(shape, dtype=torch.float32)
            for image, into in enumerate(outputs):
                for span, hidden in sums.strips(member.first, image):
                    _rest(member, hidden, into[:, span.start : span.stop])
            yield outputs


def _rest(member: Member, hidden: Strip, outputs: Float[Tensor, "outputs rows width"]) -> None:
    """All behind the first layer's sum, which is given up for it."""
    hidden = hidden.flatten(0, 1).relu_()
    hidden = torch.addmm(member.second_bias, hidden, member.second).relu_()
    outputs.copy_(torch.addmm(member.third_bias, member.third, hidden.T).view_as(outputs))


class FirstLayerSums:
    """A first layer's sums over all taps, for one layer and one image at a time, in strips of whole rows.

    `like` is one of the layers to come: they are of one width and one precision.

    Every tap meets its weights at its own size. The products of coarse taps are upsampled together, strip by strip;
    those of taps at label resolution are added right on the strip.
    """

    def __init__(self, taps: Sequence[Tensor], label_px: Px, like: FirstLayer) -> None:
        self._label_px = label_px
        self._taps = [_channels_last(tap.to(like.bias.dtype), label_px) for tap in taps]
        sizes = [(tap.shape[1], tap.shape[2]) for tap in self._taps]
        self._taps_of = {
            each: [k for k, size in enumerate(sizes) if size == each] for each in sizes
        }
        self._plan = plan(frozenset(sizes) - {label_px}, label_px)
        self._strip = _strip_for(like, label_px)
        coarse = sorted(set(sizes) - {label_px})
        self._products = {(h, w): like.bias.new_empty(h + 2, w, like.hidden) for h, w in coarse}
        self._single = {
            size: Upsampling.of_pixels(size, label_px, self._strip) for size in self._plan.single
        }
        self._nested = None
        if self._plan.nested:
            self._nested = Upsampling.of_vertices(self._plan.spacing_px, self._strip)

    def strips(self, layer: FirstLayer, image: int) -> Iterator[tuple[range, Strip]]:
        """The rows of each strip and their sums; a strip is overwritten by the next."""
        coarse = self._coarse(layer, image)
        rows = range(self._label_px[0])
        for start in rows[:: len(self._strip)]:
            span = rows[start : start + len(self._strip)]
            strip = self._strip[: len(span)]
            if not coarse:
                strip.copy_(layer.bias.expand_as(strip))
            for index, (upsampling, samples) in enumerate(coarse):
                (upsampling.add if index else upsampling.write)(samples, strip, span)
            for tap in self._taps_of.get(self._label_px, []):
                pixels = self._taps[tap][image, span.start : span.stop]
                strip.flatten(0, 1).addmm_(pixels.flatten(0, 1), layer.weights[tap])
            yield span, strip

    def _coarse(self, layer: FirstLayer, image: int) -> list[tuple[Upsampling, Tensor]]:
        """What to upsample, the bias included."""
        for size, product in self._products.items():
            flat = product[1:-1].flatten(0, 1)
            for index, tap in enumerate(self._taps_of[size]):
                pixels = self._taps[tap][image].flatten(0, 1)
                torch.addmm(flat, pixels, layer.weights[tap], beta=min(index, 1), out=flat)
        if self._products:
            self._products[min(self._products)].add_(layer.bias)
        parts = []
        if self._nested:
            total = sum_at_vertices([self._products[size][1:-1] for size in self._plan.nested])
            parts.append((self._nested, total))
        for size, upsampling in self._single.items():
            repeat_ends(self._products[size], dim=0)
            parts.append((upsampling, self._products[size]))
        return parts


def _strip_for(layer: FirstLayer, label_px: Px) -> Strip:
    """Room for as many whole rows of the label as suit the device."""
    values = CPU_STRIP_VALUES if layer.bias.device.type == "cpu" else GPU_STRIP_VALUES
    height, width = label_px
    num_rows = min(max(values // (width * layer.hidden), 1), height)
    return layer.bias.new_empty(num_rows, width, layer.hidden)


def _channels_last(tap: FeatureMaps, label_px: Px) -> Float[Tensor, "batch h w channels"]:
    """The tap as rows of channels, not larger than the label: upsampling is linear, so reducing may come first too."""
    height, width = tap.shape[2:]
    if height > label_px[0] or width > label_px[1]:
        tap = upsample_to(tap, label_px)
    return tap.permute(0, 2, 3, 1).contiguous()
