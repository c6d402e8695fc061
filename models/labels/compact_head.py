"""A compact ensemble as it renders whole images: one map for all members, made at the taps' own sizes and upsampled.

From there a pixel costs the members alone. Their hidden values exist only as strips of pixels, channels first: so the
products need no transposed copy and the last one is the output.
"""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from models.arrays import FeatureMaps
from models.labels.ensemble import Ensemble
from models.labels.interpolation import Px
from models.labels.lean_head import FirstLayer, FirstLayerSums, LeanHead, Member

CPU_STRIP_PX = 4096
GPU_STRIP_PX = 1 << 20
"""Pixels of one strip: with 64 hidden values a megabyte, near a CPU core; a GPU takes the image at once."""


def head_of(
    ensemble: Ensemble, label_px: Px, precision: torch.dtype = torch.float32
) -> "LeanHead | CompactHead":
    """The head for this kind of ensemble. Outputs are float32 whatever the precision up to them."""
    if ensemble.projection is None:
        return LeanHead(ensemble, label_px, precision)
    return CompactHead(ensemble, ensemble.projection, label_px, precision)


class CompactHead:
    """Later changes of the ensemble's normalisations do not reach it."""

    def __init__(
        self, ensemble: Ensemble, projection: Tensor, label_px: Px, precision: torch.dtype
    ) -> None:
        self._label_px, self._config = label_px, ensemble.config
        members = range(ensemble.config.num_members)
        weights = projection.detach().split(ensemble.config.read_channels)
        unbiased = FirstLayer(weights, projection.new_zeros(projection.shape[1]))
        self._projection = unbiased.to(precision)
        with torch.no_grad():
            self._members = [_channels_first(Member.of(ensemble, k, precision)) for k in members]

    @torch.no_grad()
    def maps(self, taps: Sequence[Tensor]) -> Iterator[FeatureMaps]:
        """Raw outputs [n, outputs, h, w] at every pixel of the label, member by member."""
        read = self._config.read(taps)
        shared = project(read, self._projection, self._label_px).flatten(2)
        strip_px = CPU_STRIP_PX if shared.device.type == "cpu" else GPU_STRIP_PX
        for layers in self._members:
            outputs = shared.new_empty(len(shared), len(layers[-1][0]), shared.shape[2])
            for image, into in zip(shared, outputs, strict=True):
                strips = zip(image.split(strip_px, 1), into.split(strip_px, 1), strict=True)
                for pixels, target in strips:
                    _label(layers, pixels, target)
            yield outputs.unflatten(2, self._label_px).float()


def project(taps: Sequence[Tensor], layer: FirstLayer, label_px: Px) -> FeatureMaps:
    """The layer's sums at every pixel of the label."""
    sums = FirstLayerSums(taps, label_px, layer)
    maps = layer.bias.new_empty(len(taps[0]), layer.hidden, *label_px)
    for image, into in enumerate(maps):
        for span, strip in sums.strips(layer, image):
            into[:, span.start : span.stop] = strip.permute(2, 0, 1)
    return maps


Layers = list[tuple[Tensor, Tensor]]
"""Weights [outputs, inputs] and biases [outputs, 1]."""


def _channels_first(member: Member) -> Layers:
    (first,) = member.first.weights
    return [
        (first.T.contiguous(), member.first.bias[:, None]),
        (member.second.T.contiguous(), member.second_bias[:, None]),
        (member.third, member.third_bias),
    ]


def _label(
    layers: Layers, pixels: Float[Tensor, "rank pixels"], target: Float[Tensor, "outputs pixels"]
) -> None:
    """One member's outputs for a strip of pixels."""
    *hidden, (weight, bias) = layers
    for hidden_weight, hidden_bias in hidden:
        pixels = torch.addmm(hidden_bias, hidden_weight, pixels).relu_()
    torch.addmm(bias, weight, pixels, out=target)
