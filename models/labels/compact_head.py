"""A compact ensemble for whole images: one projected map for all members, computed at the taps' sizes and upsampled.

After that a pixel costs only the members. Their hidden values exist as strips of pixels, channels first: the products
need no transposed copy and the last one is the output. Measured at 256 px, 19 classes, one core (LOG.md, "A compact
ensemble"): image and labels take 1.26 times the image alone; the exact head of the same members takes 1.85.
"""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from models.arrays import FeatureMaps
from models.labels.ensemble import Ensemble
from models.labels.interpolation import Px
from models.labels.lean_head import FirstLayer, FirstLayerSums, LeanHead, Member

# Pixels of one strip. CPU: with 64 hidden values 1 MB of float32, which fits its cache. GPU: a whole image of 1024 px.
CPU_STRIP_PX = 4096
GPU_STRIP_PX = 1 << 20


def head_of(
    ensemble: Ensemble, label_px: Px, precision: torch.dtype = torch.float32
) -> "LeanHead | CompactHead":
    """Return the head for this kind of ensemble. It computes in `precision` and returns float32."""
    if ensemble.projection is None:
        return LeanHead(ensemble, label_px, precision)
    return CompactHead(ensemble, ensemble.projection, label_px, precision)


class CompactHead:
    """A compact ensemble prepared for labels of one size. Later changes of the ensemble have no effect on it."""

    def __init__(
        self, ensemble: Ensemble, projection: Tensor, label_px: Px, precision: torch.dtype
    ) -> None:
        self._label_px, self._config = label_px, ensemble.config
        members = range(ensemble.config.num_members)
        # [channels of all taps, rank] => one [channels, rank] per tap; a projection has no bias
        # The first stage is `lean_head`'s first layer with `rank` instead of `hidden` outputs.
        weights = projection.detach().split(ensemble.config.read_channels)
        unbiased = FirstLayer(weights, projection.new_zeros(projection.shape[1]))
        self._projection = unbiased.to(precision)
        with torch.no_grad():
            self._members = [_channels_first(Member.of(ensemble, k, precision)) for k in members]

    @torch.no_grad()
    def maps(self, taps: Sequence[Tensor]) -> Iterator[FeatureMaps]:
        """Yield each member's raw outputs [n, outputs, h, w] at every pixel of the label, float32."""
        # taps => [n, rank, h w], once for all members
        read = self._config.read(taps)
        shared = project(read, self._projection, self._label_px).flatten(2)
        strip_px = CPU_STRIP_PX if shared.device.type == "cpu" else GPU_STRIP_PX
        for layers in self._members:
            outputs = shared.new_empty(len(shared), len(layers[-1][0]), shared.shape[2])
            for image, image_outputs in zip(shared, outputs, strict=True):
                strips = zip(
                    image.split(strip_px, 1), image_outputs.split(strip_px, 1), strict=True
                )
                for pixels, target in strips:
                    _label(layers, pixels, target)
            # [n, outputs, h w] => [n, outputs, h, w]
            yield outputs.unflatten(2, self._label_px).float()


def project(taps: Sequence[Tensor], layer: FirstLayer, label_px: Px) -> FeatureMaps:
    """Return the layer's sums at every pixel of the label, [n, hidden, h, w]."""
    sums = FirstLayerSums(taps, label_px, layer)
    # The whole map is kept, other than the hidden values of the exact head: 96 numbers a pixel serve all members.
    maps = layer.bias.new_empty(len(taps[0]), layer.hidden, *label_px)
    for image, target in enumerate(maps):
        for span, strip in sums.strips(layer, image):
            # [rows, w, c] => [c, rows, w]
            target[:, span.start : span.stop] = strip.permute(2, 0, 1)
    return maps


Layers = list[tuple[Tensor, Tensor]]
"""Weights [outputs, inputs] and biases [outputs, 1]."""


def _channels_first(member: Member) -> Layers:
    (first,) = member.first.weights  # the projected map is the only input
    return [
        (first.T.contiguous(), member.first.bias[:, None]),
        (member.second.T.contiguous(), member.second_bias[:, None]),
        (member.third, member.third_bias),
    ]


def _label(
    layers: Layers, pixels: Float[Tensor, "rank pixels"], target: Float[Tensor, "outputs pixels"]
) -> None:
    """Write one member's outputs for a strip of pixels."""
    # [rank, pixels] => [hidden1, pixels] => [hidden2, pixels] => [outputs, pixels]. Channels first: 2.25 and 1.26 times
    # the image alone at 64 and 256 px, channels last 2.66 and 1.40. One product for all members was slower than this.
    *hidden, (weight, bias) = layers
    for hidden_weight, hidden_bias in hidden:
        pixels = torch.addmm(hidden_bias, hidden_weight, pixels).relu_()
    torch.addmm(bias, weight, pixels, out=target)
