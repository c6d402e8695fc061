"""The ensemble for whole images: the same outputs, reordered so that hidden values exist only as strips in the cache.

The first layer is linear and upsampling acts on each channel separately, so they commute (decision 0003):
W1 [up(f_1); ...; up(f_L)] = sum_l up(W1_l f_l). Batch normalizations are folded into the layers after them, once.
Measured at 256 px, ten members 256-32, 19 classes, one core (LOG.md, "Labels and service on quiet cores"): 7.2 times
as fast as the naive way, 3.3 times the generator alone; 76 MB above the generator's memory, naive 3,281 MB.
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

# Hidden values of one strip. CPU: 2 MB of float32 stay near a core, and smaller strips lose more by the number of calls
# than the cache saves: with 2^15 to 2^19 values the outputs took 2.73, 2.78, 2.73, 2.21 and 2.10 times the generator at
# 256 px (LOG.md, "The label head in strips"). GPU: large strips, enough work for all of its cores.
CPU_STRIP_VALUES = 1 << 19
GPU_STRIP_VALUES = 1 << 26

Strip = Float[Tensor, "rows width hidden"]


@dataclass(frozen=True)
class FirstLayer:
    """The layer that is applied at the taps' sizes: weights [channels, hidden] per tap, and a bias, of one dtype."""

    weights: tuple[Tensor, ...]
    bias: Tensor  # [hidden]

    @property
    def hidden(self) -> int:
        return self.bias.numel()

    def to(self, precision: torch.dtype) -> "FirstLayer":
        """Return the layer in another dtype."""
        weights = tuple(weight.to(precision) for weight in self.weights)
        return FirstLayer(weights, self.bias.to(precision))


@dataclass(frozen=True)
class Member:
    """One MLP with its normalizations folded into the next layers; shapes as the products below need them.

    `second` [hidden1, hidden2], `third` [outputs, hidden2], `third_bias` [outputs, 1].
    """

    first: FirstLayer
    second: Tensor
    second_bias: Tensor
    third: Tensor
    third_bias: Tensor

    @classmethod
    def of(
        cls, ensemble: Ensemble, member: int, precision: torch.dtype = torch.float32
    ) -> "Member":
        """Fold in the ensemble's dtype, then round to `precision`."""
        second, second_bias = _folded(ensemble.layer2, ensemble.norm1, member)
        third, third_bias = _folded(ensemble.layer3, ensemble.norm2, member)
        # [channels of all taps, hidden] => one [channels, hidden] per tap
        weights = ensemble.layer1.weight[member].split(ensemble.config.member_channels)
        return cls(
            first=FirstLayer(weights, ensemble.layer1.bias[member]).to(precision),
            second=second.to(precision),
            second_bias=second_bias.to(precision),
            third=third.T.contiguous().to(precision),
            third_bias=third_bias[:, None].to(precision),
        )


def _folded(layer: MemberLinear, norm: MemberNorm, member: int) -> tuple[Tensor, Tensor]:
    """Return weight and bias of a layer that includes the normalization before it."""
    # (scale x + shift) W + b = x (diag(scale) W) + (b + shift W). The ReLU comes before the normalization, so nothing
    # stands between it and the next layer.
    scale, shift = norm.affine(member)
    weight = layer.weight[member]
    return scale[:, None] * weight, layer.bias[member] + shift @ weight


class LeanHead:
    """An ensemble prepared for labels of one size. It holds copies: later changes of the ensemble have no effect."""

    def __init__(self, ensemble: Ensemble, label_px: Px, precision: torch.dtype) -> None:
        self._label_px, self._config = label_px, ensemble.config
        members = range(ensemble.config.num_members)
        with torch.no_grad():
            self._members = [Member.of(ensemble, k, precision) for k in members]

    @torch.no_grad()
    def maps(self, taps: Sequence[Tensor]) -> Iterator[FeatureMaps]:
        """Yield each member's raw outputs [n, outputs, h, w] at every pixel of the label, float32."""
        sums = FirstLayerSums(self._config.read(taps), self._label_px, self._members[0].first)
        for member in self._members:
            # One member at a time: the votes add its outputs up and keep none.
            shape = (len(taps[0]), len(member.third), *self._label_px)
            outputs = taps[0].new_empty(shape, dtype=torch.float32)
            for image, target in enumerate(outputs):
                for span, hidden in sums.strips(member.first, image):
                    _later_layers(member, hidden, target[:, span.start : span.stop])
            yield outputs


def _later_layers(
    member: Member, hidden: Strip, outputs: Float[Tensor, "outputs rows width"]
) -> None:
    """Apply everything after the first layer's sum to a strip; overwrites `hidden`."""
    # [rows, width, hidden1] => [pixels, hidden1] => [pixels, hidden2] => [outputs, pixels]. Matrix products with
    # channels last: 1x1 convolutions on NCHW maps were slower than the naive way (0.57 at 64 px, LOG.md, "The label
    # head against the paper's way"). The last product is transposed, which gives the NCHW layout of the outputs.
    hidden = hidden.flatten(0, 1).relu_()
    hidden = torch.addmm(member.second_bias, hidden, member.second).relu_()
    outputs.copy_(torch.addmm(member.third_bias, member.third, hidden.T).view_as(outputs))


class FirstLayerSums:
    """A first layer's sums over all taps, for one layer and one image at a time, in strips of whole rows.

    `like` is one of the layers: all have the same width and dtype, so buffers are allocated once.

    Every tap is multiplied by its weights at its own size. The products of coarse taps are upsampled together, strip by
    strip; the products of taps at label resolution are added to the strip directly.
    """

    def __init__(self, taps: Sequence[Tensor], label_px: Px, like: FirstLayer) -> None:
        self._label_px = label_px
        self._taps = [_channels_last(tap.to(like.bias.dtype), label_px) for tap in taps]
        sizes = [(tap.shape[1], tap.shape[2]) for tap in self._taps]
        self._taps_of = {
            each: [k for k, size in enumerate(sizes) if size == each] for each in sizes
        }
        # Label-size taps need no upsampling; all others are nested or single.
        self._plan = plan(frozenset(sizes) - {label_px}, label_px)
        self._strip = _strip_for(like, label_px)
        # One product per size, not per tap: taps of equal size are added before they are upsampled. Two more rows are
        # the margin of `Upsampling`.
        coarse = sorted(set(sizes) - {label_px})
        self._products = {(h, w): like.bias.new_empty(h + 2, w, like.hidden) for h, w in coarse}
        self._single = {
            size: Upsampling.of_pixels(size, label_px, self._strip) for size in self._plan.single
        }
        self._nested = None
        if self._plan.nested:
            self._nested = Upsampling.of_vertices(self._plan.spacing_px, self._strip)

    def strips(self, layer: FirstLayer, image: int) -> Iterator[tuple[range, Strip]]:
        """Yield the rows of each strip and their sums [rows, width, hidden]; the next strip overwrites the buffer."""
        coarse = self._coarse(layer, image)
        rows = range(self._label_px[0])  # the last strip may be shorter
        for start in rows[:: len(self._strip)]:
            span = rows[start : start + len(self._strip)]
            strip = self._strip[: len(span)]
            if not coarse:
                # otherwise the coarsest product includes the bias
                strip.copy_(layer.bias.expand_as(strip))
            # The first map overwrites the strip, the others are added: it is never cleared.
            for index, (upsampling, samples) in enumerate(coarse):
                (upsampling.add if index else upsampling.write)(samples, strip, span)
            for tap in self._taps_of.get(self._label_px, []):
                pixels = self._taps[tap][image, span.start : span.stop]
                strip.flatten(0, 1).addmm_(pixels.flatten(0, 1), layer.weights[tap])
            yield span, strip

    def _coarse(self, layer: FirstLayer, image: int) -> list[tuple[Upsampling, Tensor]]:
        """Return the maps to upsample, the bias included, each with its upsampling."""
        # Products at the taps' sizes: [h w, channels] @ [channels, hidden], summed over taps of one size. beta = 0 for
        # the first tap ignores what the buffer holds from the layer before.
        for size, product in self._products.items():
            flat = product[1:-1].flatten(0, 1)
            for index, tap in enumerate(self._taps_of[size]):
                pixels = self._taps[tap][image].flatten(0, 1)
                torch.addmm(flat, pixels, layer.weights[tap], beta=min(index, 1), out=flat)
        if self._products:
            # Upsampling a constant gives the constant, so the bias is added where it costs least.
            self._products[min(self._products)].add_(layer.bias)
        parts = []
        if self._nested:
            # without the rows of the margin, which vertices do not need
            total = sum_at_vertices([self._products[size][1:-1] for size in self._plan.nested])
            parts.append((self._nested, total))
        for size, upsampling in self._single.items():
            repeat_ends(self._products[size], dim=0)
            parts.append((upsampling, self._products[size]))
        return parts


def _strip_for(layer: FirstLayer, label_px: Px) -> Strip:
    """Return a buffer for as many whole rows of the label as the device's strip size allows, at least one."""
    values = CPU_STRIP_VALUES if layer.bias.device.type == "cpu" else GPU_STRIP_VALUES
    height, width = label_px
    num_rows = min(max(values // (width * layer.hidden), 1), height)
    return layer.bias.new_empty(num_rows, width, layer.hidden)


def _channels_last(tap: FeatureMaps, label_px: Px) -> Float[Tensor, "batch h w channels"]:
    """Return the tap as [n, h, w, c], not larger than the label.

    A larger tap is resized first: resizing commutes with the layer in both directions.
    """
    height, width = tap.shape[2:]
    if height > label_px[0] or width > label_px[1]:
        tap = upsample_to(tap, label_px)
    return tap.permute(0, 2, 3, 1).contiguous()
