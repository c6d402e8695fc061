"""The paper's way to label an image, written from its text (arXiv 2212.12645, section 3.2), as the reference for ours.

Every tap is upsampled to label resolution and concatenated; ten MLPs then read 6,080 (or so) numbers at every pixel.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from models.arrays import Taps
from models.labels.ensemble import Ensemble
from models.labels.votes import Ballot


def naive_label(ensemble: Ensemble, taps: Taps, label_px: tuple[int, int]) -> Ballot:
    """What the members say of every task, as `LabelGenerator.label` tells it; in the precision of the ensemble.

    Votes are counted in float32 at least.
    """
    kind = ensemble.layer1.weight.dtype
    maps = [
        F.interpolate(tap.to(kind), size=label_px, mode="bilinear")
        for tap in ensemble.config.read(taps)
    ]
    columns = torch.cat(maps, dim=1).permute(0, 2, 3, 1)
    flat = columns.reshape(1, -1, columns.shape[-1])
    return Ballot(ensemble.config.tasks, label_px).count(
        _member(ensemble, member, flat)
        .unflatten(1, columns.shape[:3])[0]
        .permute(0, 3, 1, 2)
        .to(torch.promote_types(kind, torch.float32))
        for member in range(ensemble.config.num_members)
    )


def _member(ensemble: Ensemble, member: int, columns: Tensor) -> Tensor:
    """One MLP at every pixel: linear, ReLU, normalisation, twice; then linear."""
    x = columns
    for layer, norm in ((ensemble.layer1, ensemble.norm1), (ensemble.layer2, ensemble.norm2)):
        x = (x @ layer.weight[member] + layer.bias[member]).relu()
        scale, shift = norm.affine(member)
        x = x * scale + shift
    return x @ ensemble.layer3.weight[member] + ensemble.layer3.bias[member]
